"""OTAA against the oracle and a published capture."""

import lorawan_oracle as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from native import join

KEYS = st.binary(min_size=16, max_size=16)
EUIS = st.integers(0, 2**64 - 1)
NONCES = st.integers(0, 2**16 - 1)
THREE_BYTES = st.integers(0, 2**24 - 1)
BYTES = st.integers(0, 255)

# a join on The Things Network, published with the npm package lora-packet (its issue 10)
APP_KEY = bytes.fromhex("b6b53f4a168a7a88bdf7ea135ce9cfca")
REQUEST = bytes.fromhex("00dc0000d07ed5b3701e6fedf57ceeaf0085cc587fe913")
ACCEPT = bytes.fromhex("204dd85ae608b87fc4889970b7d2042c9e72959b0057aed6094b16003df12de145")
CF_LIST = bytes.fromhex("184f84e85684b85e84886684586e8400")
GRANT = (0xE5063A, 0x000013, 0x26012E43, 0x03, 0x01, CF_LIST)


def test_published_join_request_is_read() -> None:
    assert join.parse_join_request(REQUEST) == (0x70B3D57ED00000DC, 0x00AFEE7CF5ED6F1E, 0xCC85)
    assert join.join_request_mic_ok(REQUEST, APP_KEY)


def test_published_join_accept_is_built_to_the_byte_and_opened() -> None:
    assert join.join_accept(APP_KEY, *GRANT) == ACCEPT
    assert join.open_join_accept(ACCEPT, APP_KEY) == GRANT


def test_published_session_keys_are_derived() -> None:
    assert join.derive_session_keys(APP_KEY, GRANT[0], GRANT[1], 0xCC85) == (
        bytes.fromhex("2c96f7028184bb0be8aa49275290d4fc"),
        bytes.fromhex("f3a5c8f0232a38c144029c165865802c"),
    )


@given(KEYS, EUIS, EUIS, NONCES)
def test_join_request_of_the_oracle_is_read(
    key: bytes, join_eui: int, dev_eui: int, dev_nonce: int
) -> None:
    phy_payload = oracle.join_request(key, join_eui, dev_eui, dev_nonce)
    assert join.parse_join_request(phy_payload) == (join_eui, dev_eui, dev_nonce)
    assert join.join_request_mic_ok(phy_payload, key)


@given(st.integers(0, 8 * len(REQUEST) - 1))
def test_flipped_bit_of_a_join_request_fails_its_mic(bit: int) -> None:
    changed = bytearray(REQUEST)
    changed[bit // 8] ^= 1 << bit % 8
    assert not join.join_request_mic_ok(bytes(changed), APP_KEY)


def test_other_key_fails_the_mic() -> None:
    assert not join.join_request_mic_ok(REQUEST, bytes(16))
    assert join.open_join_accept(ACCEPT, bytes(16)) is None


@given(
    KEYS, THREE_BYTES, THREE_BYTES, st.integers(0, 2**32 - 1), BYTES, BYTES,
    st.just(b"") | st.binary(min_size=16, max_size=16),
)  # fmt: skip
def test_join_accept_opens_at_the_oracles_device(
    key: bytes,
    join_nonce: int,
    net_id: int,
    dev_addr: int,
    dl_settings: int,
    rx_delay: int,
    cf_list: bytes,
) -> None:
    grant = (join_nonce, net_id, dev_addr, dl_settings, rx_delay, cf_list)
    phy_payload = join.join_accept(key, *grant)
    little = oracle.little
    assert oracle.open_join_accept(key, phy_payload) == (
        b"\x20" + little(join_nonce, 3) + little(net_id, 3) + little(dev_addr, 4)
        + bytes([dl_settings, rx_delay]) + cf_list
    )  # fmt: skip
    assert join.open_join_accept(phy_payload, key) == grant


@given(KEYS, THREE_BYTES, THREE_BYTES, NONCES)
def test_session_keys_equal_the_oracle(
    app_key: bytes, join_nonce: int, net_id: int, dev_nonce: int
) -> None:
    expected = oracle.session_keys(app_key, join_nonce, net_id, dev_nonce)
    assert join.derive_session_keys(app_key, join_nonce, net_id, dev_nonce) == expected


@given(st.binary(max_size=300) | st.binary(max_size=40).map(lambda b: b"\x00" + b))
def test_garbage_never_raises(data: bytes) -> None:
    assert join.parse_join_request(data) is None or len(data) == 23
    assert not join.join_request_mic_ok(data, APP_KEY)
    assert join.open_join_accept(data, APP_KEY) is None


@pytest.mark.parametrize(
    "phy_payload", [REQUEST[:-1], REQUEST + b"\x00", b"\x01" + REQUEST[1:], ACCEPT]
)
def test_what_is_no_join_request_is_none(phy_payload: bytes) -> None:
    assert join.parse_join_request(phy_payload) is None
    assert not join.join_request_mic_ok(phy_payload, APP_KEY)


def test_rfu_bits_of_mhdr_are_ignored() -> None:
    message = b"\x1c" + REQUEST[1:19]
    request = message + oracle.cmac(APP_KEY, message)[:4]
    assert join.parse_join_request(request) == join.parse_join_request(REQUEST)
    assert join.join_request_mic_ok(request, APP_KEY)
    content = oracle.open_join_accept(APP_KEY, ACCEPT)[1:]
    mic = oracle.cmac(APP_KEY, b"\x3c" + content)[:4]
    accept = b"\x3c" + oracle.aes_inverse(APP_KEY, content + mic)
    assert join.open_join_accept(accept, APP_KEY) == GRANT


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_number_that_does_not_fit_is_our_own_fault(place: int, number: int) -> None:
    numbers = [1, 1, 1, 1, 1]
    numbers[place] = number
    join_nonce, net_id, dev_addr, dl_settings, rx_delay = numbers
    with pytest.raises(ValueError, match="does not fit"):
        join.join_accept(APP_KEY, join_nonce, net_id, dev_addr, dl_settings, rx_delay)


def test_cf_list_or_key_of_another_length_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match="CFList"):
        join.join_accept(APP_KEY, 1, 1, 1, 1, 1, bytes(15))
    with pytest.raises(ValueError, match="16 bytes"):
        join.join_request_mic_ok(REQUEST, bytes(15))
    with pytest.raises(ValueError, match="DevNonce"):
        join.derive_session_keys(APP_KEY, 1, 1, 1 << 16)
