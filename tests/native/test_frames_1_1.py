"""Data frames of 1.1 sessions against the oracle, published frames, and strangers' bytes."""

import lorawan_1_1_oracle as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lorawan_1_1_oracle import Keys

from native.frames_1_1 import SessionKeys

SIXTEEN = st.binary(min_size=16, max_size=16)
COUNTERS = st.integers(0, 0xFFFFFFFF)
BYTE, TWO_BYTES = st.integers(0, 255), st.integers(0, 0xFFFF)
SETS_OF_KEYS = st.builds(Keys, SIXTEEN, SIXTEEN, SIXTEEN, SIXTEEN)

# published with brocaar/lorawan: ConfFCnt 1, TxDr 2, TxCh 3
DEV_ADDR = 0x01020304
PUBLISHED = Keys(
    bytes.fromhex("02" * 15 + "03"),
    bytes.fromhex("02" * 16),
    bytes.fromhex("02" * 15 + "04"),
    bytes.fromhex("01" * 16),
)


def session_keys(keys: Keys, dev_addr: int = DEV_ADDR) -> SessionKeys:
    return SessionKeys(dev_addr, keys.f_nwk_s_int, keys.s_nwk_s_int, keys.nwk_s_enc, keys.app_s)


@pytest.mark.parametrize(
    ("phy_payload", "expected"),
    [
        ("4004030201800100" "01a694642615" "7612366a", (2, 0x80, 1, b"", 1, b"hello")),
        ("4004030201a00100" "01a694642615" "f842c4b9", (2, 0xA0, 1, b"", 1, b"hello")),
    ],
)  # fmt: skip
def test_published_uplink_is_read(phy_payload: str, expected: tuple[object, ...]) -> None:
    keys = session_keys(PUBLISHED)
    assert keys.decode_uplink(bytes.fromhex(phy_payload), -1, 2, 3, 1) == expected


def test_published_downlink_with_encrypted_f_opts_is_built_to_the_byte() -> None:
    built = session_keys(PUBLISHED).encode_downlink(3, 0, 0, b"\x02\x07\x01", None, b"", 1)
    assert built == bytes.fromhex("6004030201030000dfb4f1e24f1f9f")


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, int | None, bytes]:
    f_opts = draw(st.binary(max_size=15))
    f_port = draw(st.none() | st.integers(1 if f_opts else 0, 255))
    longest = 0 if f_port is None else 242 - len(f_opts)
    return f_opts, f_port, draw(st.binary(max_size=longest))


@given(
    SETS_OF_KEYS, COUNTERS, st.sampled_from([2, 4]), st.integers(0, 15), COUNTERS, bodies(), BYTE,
    BYTE, COUNTERS,
)  # fmt: skip
def test_uplink_of_the_oracle_is_read(
    keys: Keys,
    dev_addr: int,
    m_type: int,
    flags: int,
    f_cnt: int,
    body: tuple[bytes, int | None, bytes],
    tx_dr: int,
    tx_ch: int,
    conf_f_cnt: int,
) -> None:
    f_opts, f_port, frm_payload = body
    phy_payload = oracle.data_frame(
        keys, m_type=m_type, dev_addr=dev_addr, f_ctrl=flags << 4, f_cnt=f_cnt, f_opts=f_opts,
        f_port=f_port, frm_payload=frm_payload, tx_dr=tx_dr, tx_ch=tx_ch, conf_f_cnt=conf_f_cnt,
    )  # fmt: skip
    ours, port = session_keys(keys, dev_addr), -1 if f_port is None else f_port
    expected = (m_type, flags << 4 | len(f_opts), f_cnt, f_opts, port, frm_payload)
    last = max(f_cnt - 1, 0)
    assert ours.decode_uplink(phy_payload, last, tx_dr, tx_ch, conf_f_cnt) == expected


@given(
    SETS_OF_KEYS, COUNTERS, st.sampled_from([3, 5]), st.integers(0, 15), COUNTERS, bodies(),
    COUNTERS,
)  # fmt: skip
def test_downlink_equals_the_oracles(
    keys: Keys,
    dev_addr: int,
    m_type: int,
    flags: int,
    f_cnt: int,
    body: tuple[bytes, int | None, bytes],
    conf_f_cnt: int,
) -> None:
    f_opts, f_port, frm_payload = body
    ours = session_keys(keys, dev_addr).encode_downlink(
        m_type, flags << 4, f_cnt, f_opts, f_port, frm_payload, conf_f_cnt
    )
    assert ours == oracle.data_frame(
        keys, m_type=m_type, dev_addr=dev_addr, f_ctrl=flags << 4, f_cnt=f_cnt, f_opts=f_opts,
        f_port=f_port, frm_payload=frm_payload, conf_f_cnt=conf_f_cnt,
    )  # fmt: skip


def uplink(f_cnt: int = 7, f_ctrl: int = 0, conf_f_cnt: int = 0) -> bytes:
    return oracle.data_frame(
        PUBLISHED, m_type=2, dev_addr=DEV_ADDR, f_ctrl=f_ctrl, f_cnt=f_cnt, f_opts=b"\x02",
        f_port=5, frm_payload=b"city", tx_dr=2, tx_ch=3, conf_f_cnt=conf_f_cnt,
    )  # fmt: skip


def test_mic_covers_data_rate_channel_and_acknowledged_counter() -> None:
    keys = session_keys(PUBLISHED)
    assert keys.decode_uplink(uplink(), 6, 2, 3, 0) is not None
    assert keys.decode_uplink(uplink(), 6, 2, 3, 9) is not None  # it acknowledges nothing
    assert keys.decode_uplink(uplink(), 6, 1, 3, 0) is None
    assert keys.decode_uplink(uplink(), 6, 2, 4, 0) is None
    acknowledging = uplink(f_ctrl=0x20, conf_f_cnt=0x10009)
    assert keys.decode_uplink(acknowledging, 6, 2, 3, 0x10009) is not None
    assert keys.decode_uplink(acknowledging, 6, 2, 3, 8) is None


def test_counter_rolls_over_to_the_next_high_half_only() -> None:
    keys = session_keys(PUBLISHED)
    frame = keys.decode_uplink(uplink(0x1_0003), 0xFFFE, 2, 3, 0)
    assert frame is not None
    assert frame[2] == 0x1_0003
    assert keys.decode_uplink(uplink(0x2_0003), 0xFFFE, 2, 3, 0) is None
    assert keys.decode_uplink(uplink(0x1_0003), -1, 2, 3, 0) is None


@given(st.integers(0, 8 * len(uplink()) - 1))
def test_flipped_bit_is_refused(bit: int) -> None:
    changed = bytearray(uplink())
    changed[bit // 8] ^= 1 << bit % 8
    assert session_keys(PUBLISHED).decode_uplink(bytes(changed), 6, 2, 3, 0) is None


@given(st.binary(max_size=300))
def test_strangers_bytes_are_none(data: bytes) -> None:
    assert session_keys(PUBLISHED).decode_uplink(data, -1, 0, 0, 0) is None


def test_downlink_is_not_taken_for_an_uplink() -> None:
    keys = session_keys(PUBLISHED)
    assert keys.decode_uplink(keys.encode_downlink(3, 0, 1, b"", 1, b"x"), -1, 0, 0, 0) is None


def test_what_only_we_can_get_wrong_raises() -> None:
    keys = session_keys(PUBLISHED)
    with pytest.raises(ValueError, match="MType 2"):
        keys.encode_downlink(2, 0, 1, b"", None, b"")
    with pytest.raises(ValueError, match="does not fit 32 bits"):
        keys.encode_downlink(3, 0, 1 << 32, b"", None, b"")
    with pytest.raises(ValueError, match="does not fit 32 bits"):
        keys.decode_uplink(uplink(), 1 << 32, 0, 0, 0)
    with pytest.raises(ValueError, match="DevAddr"):
        session_keys(PUBLISHED, -1)


def test_keys_are_never_shown() -> None:
    assert repr(session_keys(PUBLISHED)) == "SessionKeys(dev_addr=01020304)"
