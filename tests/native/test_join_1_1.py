"""Join and rejoin of 1.1 against the oracle and published frames."""

import lorawan_1_1_oracle as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lorawan_oracle import aes, little

from native import join_1_1 as join

KEYS = st.binary(min_size=16, max_size=16)
EUIS = st.integers(0, 2**64 - 1)
NONCES = st.integers(0, 2**16 - 1)
THREE_BYTES = st.integers(0, 2**24 - 1)
BYTES = st.integers(0, 255)
JOIN_REQUEST = 0xFF

# published with brocaar/lorawan, signed with a key of zeros
REJOIN_2 = bytes.fromhex("c0020302010807060504030201db003c8642ae")
REJOIN_1 = bytes.fromhex("c0010807060504030201100f0e0d0c0b0a09db00eac31072")


def test_published_rejoin_requests_are_read() -> None:
    assert join.parse_rejoin_request(REJOIN_2) == (2, 0x010203, 0x0102030405060708, 219)
    assert join.parse_rejoin_request(REJOIN_1) == (
        1, 0x0102030405060708, 0x090A0B0C0D0E0F10, 219
    )  # fmt: skip
    assert join.rejoin_request_mic_ok(REJOIN_2, bytes(16))
    assert join.rejoin_request_mic_ok(REJOIN_1, bytes(16))


def test_published_join_accept_is_built_to_the_byte() -> None:
    key = bytes(range(1, 17))
    built = join.join_accept(
        key, key, JOIN_REQUEST, 0x0807060504030201, 258, 65793, 0x020202, 0x01020304, 0, 0
    )
    assert built == bytes.fromhex("207abeea06b02920f11c02d0348fcf1815")


@given(KEYS, st.sampled_from([0, 1, 2]), EUIS, EUIS, NONCES)
def test_rejoin_request_of_the_oracle_is_read(
    key: bytes, kind: int, eui: int, dev_eui: int, count: int
) -> None:
    eui = eui if kind == 1 else eui & 0xFFFFFF
    phy_payload = oracle.rejoin_request(key, kind, eui, dev_eui, count)
    assert join.parse_rejoin_request(phy_payload) == (kind, eui, dev_eui, count)
    assert join.rejoin_request_mic_ok(phy_payload, key)
    assert not join.rejoin_request_mic_ok(phy_payload, bytes(15) + bytes([key[15] ^ 1]))


@given(st.binary(max_size=40) | st.binary(min_size=17, max_size=22).map(lambda b: b"\xc0" + b))
def test_strangers_bytes_never_raise(data: bytes) -> None:
    parsed = join.parse_rejoin_request(data)
    assert parsed is None or (data[1] in (0, 1, 2) and len(data) == (24 if data[1] == 1 else 19))
    assert not join.rejoin_request_mic_ok(data, bytes(range(16)))


@pytest.mark.parametrize(
    "data", ["", "c0", "c003" + "00" * 17, REJOIN_2.hex()[:-2], "c1" + "00" * 18]
)
def test_malformed_rejoin_request_is_none(data: str) -> None:
    assert join.parse_rejoin_request(bytes.fromhex(data)) is None


@given(
    KEYS, KEYS, st.sampled_from([JOIN_REQUEST, 0, 1, 2]), EUIS, NONCES, THREE_BYTES, THREE_BYTES,
    st.integers(0, 2**32 - 1), st.integers(0, 127), BYTES,
    st.just(b"") | st.binary(min_size=16, max_size=16),
)  # fmt: skip
def test_join_accept_opens_at_the_oracles_device(
    key: bytes,
    js_int_key: bytes,
    kind: int,
    join_eui: int,
    nonce: int,
    join_nonce: int,
    net_id: int,
    dev_addr: int,
    dl_settings: int,
    rx_delay: int,
    cf_list: bytes,
) -> None:
    request = kind, join_eui, nonce
    phy_payload = join.join_accept(
        key, js_int_key, *request, join_nonce, net_id, dev_addr, dl_settings, rx_delay, cf_list
    )
    assert oracle.open_join_accept(key, js_int_key, *request, phy_payload) == (
        b"\x20" + little(join_nonce, 3) + little(net_id, 3) + little(dev_addr, 4)
        + bytes([dl_settings | 0x80, rx_delay]) + cf_list
    )  # fmt: skip


@given(KEYS, KEYS, THREE_BYTES, EUIS, NONCES)
def test_session_keys_equal_the_oracles(
    nwk_key: bytes, app_key: bytes, join_nonce: int, join_eui: int, nonce: int
) -> None:
    derived = join.derive_session_keys(nwk_key, app_key, join_nonce, join_eui, nonce)
    theirs = oracle.session_keys(nwk_key, app_key, join_nonce, join_eui, nonce)
    assert derived == tuple(vars(theirs).values())


@given(KEYS, EUIS)
def test_join_keys_are_told_apart_by_their_first_byte(nwk_key: bytes, dev_eui: int) -> None:
    seed = little(dev_eui, 8) + bytes(7)
    expected = aes(nwk_key, b"\x06" + seed), aes(nwk_key, b"\x05" + seed)
    assert join.derive_join_keys(nwk_key, dev_eui) == expected


def test_what_only_we_can_get_wrong_raises() -> None:
    with pytest.raises(ValueError, match="CFList"):
        join.join_accept(bytes(16), bytes(16), 0, 0, 0, 0, 0, 0, 0, 0, b"x")
    with pytest.raises(ValueError, match="RxDelay"):
        join.join_accept(bytes(16), bytes(16), 0, 0, 0, 0, 0, 0, 0, 256)
    with pytest.raises(ValueError, match="JoinEUI"):
        join.derive_session_keys(bytes(16), bytes(16), 0, 1 << 64, 0)
