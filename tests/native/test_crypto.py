"""AES, CMAC and GCM against FIPS 197, RFC 4493, SP 800-38D's vectors and `cryptography`."""

from collections.abc import Callable
from pathlib import Path

import lorawan_oracle as oracle
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
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


GCM_KEYS = st.binary(min_size=32, max_size=32)
NONCES = st.binary(min_size=12, max_size=12)
GCM_KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
GCM_NONCE = bytes.fromhex("cafebabefacedbaddecaf888")
GCM_PLAIN = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
GCM_ASSOCIATED = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")


@pytest.mark.parametrize(
    ("key", "nonce", "plain", "associated", "sealed"),
    [
        (bytes(32), bytes(12), b"", b"", "530f8afbc74536b9a963b4f1c4cb738b"),
        (
            bytes(32),
            bytes(12),
            bytes(16),
            b"",
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
        ),
        (
            GCM_KEY,
            GCM_NONCE,
            GCM_PLAIN,
            GCM_ASSOCIATED,
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ),
    ],
    ids=["case 13", "case 14", "case 16"],
)
def test_seal_is_that_of_the_gcm_specification(
    key: bytes, nonce: bytes, plain: bytes, associated: bytes, sealed: str
) -> None:
    assert crypto.seal(key, nonce, plain, associated).hex() == sealed
    assert crypto.open_sealed(key, nonce, bytes.fromhex(sealed), associated) == plain


@given(key=GCM_KEYS, nonce=NONCES, plain=st.binary(max_size=200), associated=st.binary(max_size=99))
def test_seal_equals_the_oracle_both_ways(
    key: bytes, nonce: bytes, plain: bytes, associated: bytes
) -> None:
    sealed = AESGCM(key).encrypt(nonce, plain, associated)
    assert crypto.seal(key, nonce, plain, associated) == sealed
    assert crypto.open_sealed(key, nonce, sealed, associated) == plain


@given(data=st.data(), key=GCM_KEYS, nonce=NONCES, plain=st.binary(max_size=40))
def test_any_other_bit_opens_nothing(
    data: st.DataObject, key: bytes, nonce: bytes, plain: bytes
) -> None:
    parts = [key, nonce, crypto.seal(key, nonce, plain, b"whose"), b"whose"]
    which = data.draw(st.sampled_from(range(4)))
    bit = data.draw(st.integers(0, 8 * len(parts[which]) - 1))
    flipped = int.from_bytes(parts[which], "big") ^ 1 << bit
    parts[which] = flipped.to_bytes(len(parts[which]), "big")
    assert crypto.open_sealed(*parts) is None


@given(key=GCM_KEYS, nonce=NONCES, sealed=st.binary(max_size=60))
def test_what_was_never_sealed_opens_nothing(key: bytes, nonce: bytes, sealed: bytes) -> None:
    assert crypto.open_sealed(key, nonce, sealed, b"") is None


@pytest.mark.parametrize(("key", "nonce"), [(16, 12), (31, 12), (33, 12), (32, 11), (32, 16)])
def test_gcm_key_or_nonce_of_another_length_is_our_own_fault(key: int, nonce: int) -> None:
    for call in (crypto.seal, crypto.open_sealed):
        with pytest.raises(ValueError, match="key of 32 and a nonce of 12 bytes"):
            call(bytes(key), bytes(nonce), bytes(32), b"")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_gcm_gives_back_all_memory_whether_it_opens_or_not() -> None:
    good = crypto.seal(GCM_KEY, GCM_NONCE, GCM_PLAIN, b"")
    calls: list[Callable[[], object]] = [
        lambda: crypto.seal(GCM_KEY, GCM_NONCE, GCM_PLAIN, b""),
        lambda: crypto.open_sealed(GCM_KEY, GCM_NONCE, good, b""),
        lambda: crypto.open_sealed(GCM_KEY, GCM_NONCE, good, b"another"),
        lambda: crypto.open_sealed(GCM_KEY, GCM_NONCE, b"", b""),
    ]
    for count in (1_000, 20_000):
        before = resident_bytes()
        for _ in range(count):
            for call in calls:
                call()
    assert resident_bytes() - before < 1 << 20, "a context has some 700 bytes"
