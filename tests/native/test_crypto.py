"""AES and CMAC against FIPS 197, RFC 4493 and `cryptography`."""

import lorawan_oracle as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import crypto

KEYS = st.binary(min_size=16, max_size=16)
RFC_4493_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_4493_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


def test_aes_is_that_of_fips_197() -> None:
    key = bytes(range(16))
    plain = bytes.fromhex("00112233445566778899aabbccddeeff")
    cipher = bytes.fromhex("69c4e0d86a7b0430d8cdb78070b4c55a")
    assert crypto.aes_encrypt(key, plain) == cipher
    assert crypto.aes_decrypt(key, cipher) == plain


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_cmac_is_that_of_rfc_4493(size: int, expected: str) -> None:
    assert crypto.cmac(RFC_4493_KEY, RFC_4493_MESSAGE[:size]) == bytes.fromhex(expected)


@given(
    key=KEYS,
    blocks=st.integers(0, 20).flatmap(lambda n: st.binary(min_size=16 * n, max_size=16 * n)),
)
def test_aes_equals_the_oracle_both_ways(key: bytes, blocks: bytes) -> None:
    assert crypto.aes_encrypt(key, blocks) == oracle.aes(key, blocks)
    assert crypto.aes_decrypt(key, blocks) == oracle.aes_inverse(key, blocks)


@given(key=KEYS, message=st.binary(max_size=600))
def test_cmac_equals_the_oracle(key: bytes, message: bytes) -> None:
    assert crypto.cmac(key, message) == oracle.cmac(key, message)


def test_cmac_equals_the_oracle_at_every_length_around_blocks() -> None:
    for size in range(70):
        message = bytes(range(size))
        assert crypto.cmac(RFC_4493_KEY, message) == oracle.cmac(RFC_4493_KEY, message)


@pytest.mark.parametrize("size", [0, 1, 15, 17, 24, 32])
def test_key_of_another_length_is_our_own_fault(size: int) -> None:
    for call in (crypto.aes_encrypt, crypto.aes_decrypt, crypto.cmac):
        with pytest.raises(ValueError, match="16 bytes"):
            call(bytes(size), bytes(16))


@pytest.mark.parametrize("size", [1, 15, 17, 33])
def test_broken_block_is_our_own_fault(size: int) -> None:
    for call in (crypto.aes_encrypt, crypto.aes_decrypt):
        with pytest.raises(ValueError, match="whole blocks"):
            call(bytes(16), bytes(size))
