"""Data frames against the oracle, published frames, and strangers' bytes."""

import gc
from dataclasses import dataclass, replace
from pathlib import Path

import lorawan_oracle as oracle
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from native.frames import SessionKeys, parse, uplink_dev_addr

NWK_S_KEY = bytes.fromhex("44024241ed4ce9a68c6a8bc055233fd3")
APP_S_KEY = bytes.fromhex("ec925802ae430ca77fd3dd73cb2cc588")
DEV_ADDR = 0x49BE7DF1
KEYS = st.binary(min_size=16, max_size=16)
COUNTERS = st.integers(0, 0xFFFFFFFF)


def session_keys(
    dev_addr: int = DEV_ADDR, nwk_s_key: bytes = NWK_S_KEY, app_s_key: bytes = APP_S_KEY
) -> SessionKeys:
    return SessionKeys(dev_addr, nwk_s_key, nwk_s_key, nwk_s_key, app_s_key)


@dataclass(frozen=True)
class Frame:
    """What a frame says, before it is one."""

    m_type: int
    dev_addr: int
    f_ctrl: int
    f_cnt: int
    f_opts: bytes
    f_port: int | None
    frm_payload: bytes
    nwk_s_key: bytes
    app_s_key: bytes

    def to_bytes(self) -> bytes:
        return oracle.data_frame(**vars(self))

    def keys(self) -> SessionKeys:
        return session_keys(self.dev_addr, self.nwk_s_key, self.app_s_key)

    def decoded(self) -> tuple[int, int, int, bytes, int, bytes]:
        f_port = -1 if self.f_port is None else self.f_port
        return self.m_type, self.f_ctrl, self.f_cnt, self.f_opts, f_port, self.frm_payload


@st.composite
def frames(draw: st.DrawFn, m_types: tuple[int, ...] = (2, 3, 4, 5)) -> Frame:
    f_opts = draw(st.binary(max_size=15))
    f_port = draw(st.none() | st.integers(1 if f_opts else 0, 255))
    longest = 0 if f_port is None else 242 - len(f_opts)
    return Frame(
        m_type=draw(st.sampled_from(m_types)),
        dev_addr=draw(COUNTERS),
        f_ctrl=draw(st.integers(0, 15)) << 4 | len(f_opts),
        f_cnt=draw(COUNTERS),
        f_opts=f_opts,
        f_port=f_port,
        frm_payload=draw(
            st.integers(0, longest).flatmap(lambda n: st.binary(min_size=n, max_size=n))
        ),
        nwk_s_key=draw(KEYS),
        app_s_key=draw(KEYS),
    )


def uplink(f_cnt: int, frm_payload: bytes = b"real", f_port: int | None = 1) -> Frame:
    return Frame(2, DEV_ADDR, 0x80, f_cnt, b"", f_port, frm_payload, NWK_S_KEY, APP_S_KEY)


# frames published with the npm package lora-packet
PUBLISHED = {
    "40f17dbe4900020001954378762b11ff0d": (2, 0x00, 2, b"", 1, b"test"),
    "40f17dbe49000300012a3518af": (2, 0x00, 3, b"", 1, b""),
    "60f17dbe4920020001f9d65d27": (3, 0x20, 2, b"", 1, b""),
    "40f17dbe490004000155332de41a11adc072553544429ce7787707d1c316e027e7e5e334263376affb8aa17ad30075"
    "293f28dea8a20af3c5e7": (2, 0, 4, b"", 1, b"The quick brown fox jumps over the lazy dog."),
}


@pytest.mark.parametrize("phy_payload", PUBLISHED)
def test_published_frame_decodes(phy_payload: str) -> None:
    expected = PUBLISHED[phy_payload]
    assert session_keys().decode(bytes.fromhex(phy_payload), expected[2]) == expected


def test_published_downlink_is_built_to_the_byte() -> None:
    built = session_keys().encode_downlink(3, 0x20, 2, b"", 1, b"")
    assert built == bytes.fromhex("60f17dbe4920020001f9d65d27")


@given(frames())
def test_frame_of_either_direction_decodes_to_what_the_oracle_encoded(frame: Frame) -> None:
    assert frame.keys().decode(frame.to_bytes(), frame.f_cnt) == frame.decoded()


@given(frames())
def test_parse_opens_the_head_without_keys(frame: Frame) -> None:
    phy_payload = frame.to_bytes()
    sent = b"" if frame.f_port is None else phy_payload[9 + len(frame.f_opts) : -4]
    assert parse(phy_payload) == (
        frame.m_type,
        frame.dev_addr,
        frame.f_ctrl,
        frame.f_cnt & 0xFFFF,
        frame.f_opts,
        frame.f_port,
        sent,
    )


@given(frames())
def test_dev_addr_is_told_of_uplinks_alone(frame: Frame) -> None:
    expected = frame.dev_addr if frame.m_type in (2, 4) else -1
    assert uplink_dev_addr(frame.to_bytes()) == expected


@given(frames(m_types=(3, 5)))
def test_built_downlink_equals_the_oracle(frame: Frame) -> None:
    built = frame.keys().encode_downlink(
        frame.m_type,
        frame.f_ctrl,
        frame.f_cnt,
        frame.f_opts,
        frame.f_port,
        frame.frm_payload,
    )
    assert built == frame.to_bytes()


@given(frames(m_types=(2, 4)), st.integers(0, 0xFFFF))
def test_uplink_decodes_from_any_counter_of_the_same_high_half(frame: Frame, low: int) -> None:
    last = frame.f_cnt & ~0xFFFF | low
    assert frame.keys().decode_uplink(frame.to_bytes(), last) == frame.decoded()


@given(frames(m_types=(2, 4)), st.integers(0, 0xFFFF))
def test_uplink_decodes_from_any_counter_of_the_high_half_before(frame: Frame, low: int) -> None:
    last = (frame.f_cnt & ~0xFFFF | low) - 0x10000
    assume(last >= 0)
    assert frame.keys().decode_uplink(frame.to_bytes(), last) == frame.decoded()


@pytest.mark.parametrize(
    ("f_cnt_up", "f_cnt", "decodes"),
    [
        (-1, 0, True),
        (-1, 0xFFFF, True),
        (-1, 0x10000, False),  # before the first uplink only high half 0 is tried
        (0, 0, True),  # repeated: the caller's to judge
        (0xFFFF, 0x10000, True),
        (0xFFFF, 0xFFFF, True),
        (0x1FFFF, 0x20000, True),
        (0x10005, 0x10004, True),
        (0x10005, 0x0FFFF, False),
        (0x10005, 0x2FFFF, True),
        (0x10005, 0x30000, False),
        (0xFFFFFFFE, 0xFFFFFFFF, True),
        (0xFFFFFFFF, 0x00000000, False),  # a 32-bit counter never rolls over
    ],
)
def test_roll_over_of_f_cnt(f_cnt_up: int, f_cnt: int, decodes: bool) -> None:
    frame = uplink(f_cnt)
    expected = frame.decoded() if decodes else None
    assert session_keys().decode_uplink(frame.to_bytes(), f_cnt_up) == expected


@given(frames(), st.data())
def test_flipped_bit_anywhere_never_passes(frame: Frame, data: st.DataObject) -> None:
    phy_payload = bytearray(frame.to_bytes())
    bit = data.draw(st.integers(0, 8 * len(phy_payload) - 1))
    phy_payload[bit // 8] ^= 1 << bit % 8
    keys = frame.keys()
    assert keys.decode(bytes(phy_payload), frame.f_cnt) is None
    assert keys.decode_uplink(bytes(phy_payload), frame.f_cnt) is None


@given(frames())
def test_truncated_frame_never_passes(frame: Frame) -> None:
    phy_payload = frame.to_bytes()
    keys = frame.keys()
    for size in range(len(phy_payload)):
        assert keys.decode(phy_payload[:size], frame.f_cnt) is None


@given(frames(), KEYS)
def test_other_network_key_never_passes(frame: Frame, other: bytes) -> None:
    assume(other != frame.nwk_s_key)
    keys = session_keys(frame.dev_addr, other, frame.app_s_key)
    assert keys.decode(frame.to_bytes(), frame.f_cnt) is None


def test_other_dev_addr_or_counter_never_passes() -> None:
    phy_payload = uplink(70000).to_bytes()
    assert session_keys(DEV_ADDR + 1).decode(phy_payload, 70000) is None
    assert session_keys().decode(phy_payload, 70000 - 65536) is None
    assert session_keys().decode(phy_payload, 70001) is None


def test_uplink_is_not_taken_for_a_downlink_nor_the_reverse() -> None:
    downlink = session_keys().encode_downlink(3, 0, 1, b"", 1, b"x")
    assert session_keys().decode_uplink(downlink, -1) is None
    turned = bytes([0x40]) + downlink[1:]
    assert session_keys().decode_uplink(turned, -1) is None


def test_wrong_mic_between_frames_leaves_the_next_mic_right() -> None:
    keys, good = session_keys(), uplink(7).to_bytes()
    for _ in range(3):
        assert keys.decode_uplink(good[:-1] + bytes([good[-1] ^ 1]), 6) is None
        assert keys.decode_uplink(good, 6) == uplink(7).decoded()
        assert keys.encode_downlink(3, 0, 2, b"", 1, b"") == bytes.fromhex(
            "60f17dbe4900020001"
        ) + oracle.data_mic(NWK_S_KEY, 1, DEV_ADDR, 2, bytes.fromhex("60f17dbe4900020001"))


def test_each_of_the_four_keys_has_its_own_work() -> None:
    f_key, s_key, enc_key, app_key = (bytes([n]) * 16 for n in range(1, 5))
    keys = SessionKeys(DEV_ADDR, f_key, s_key, enc_key, app_key)
    message = bytes.fromhex("40f17dbe490001000a") + oracle.crypt_frm_payload(
        app_key, 0, DEV_ADDR, 1, b"city"
    )
    phy_payload = message + oracle.data_mic(f_key, 0, DEV_ADDR, 1, message)
    assert keys.decode_uplink(phy_payload, -1) == (2, 0, 1, b"", 10, b"city")

    message = bytes.fromhex("60f17dbe4900010000") + oracle.crypt_frm_payload(
        enc_key, 1, DEV_ADDR, 1, b"\x06"
    )
    expected = message + oracle.data_mic(s_key, 1, DEV_ADDR, 1, message)
    assert keys.encode_downlink(3, 0, 1, b"", 0, b"\x06") == expected


@pytest.mark.parametrize(
    "phy_payload",
    [
        "",
        "40",
        "40f17dbe490002002b11ff",  # one byte short of an empty frame
        "41f17dbe4900020001954378762b11ff0d",  # Major 1
        "00f17dbe4900020001954378762b11ff0d",  # Join-Request
        "20f17dbe4900020001954378762b11ff0d",  # Join-Accept
        "c0f17dbe4900020001954378762b11ff0d",  # Rejoin-Request
        "e0f17dbe4900020001954378762b11ff0d",  # Proprietary
        "40f17dbe490f020001954378762b11ff0d",  # FOptsLen beyond the frame
        "40f17dbe49010200020000010203040506",  # FOpts beside FPort 0
        "40f17dbe490002000101" + "00" * 247,  # 257 bytes
        "40f17dbe490002000101" + "00" * 246,  # 256 bytes
    ],
)
def test_malformed_frame_is_none(phy_payload: str) -> None:
    data = bytes.fromhex(phy_payload)
    assert parse(data) is None
    assert uplink_dev_addr(data) == -1
    assert session_keys().decode(data, 2) is None
    assert session_keys().decode_uplink(data, 1) is None


def test_every_length_decodes_and_is_built_up_to_the_longest_frame() -> None:
    keys = session_keys()
    for size in range(243):
        frame = uplink(size, bytes(range(size)))
        assert keys.decode_uplink(frame.to_bytes(), size - 1) == frame.decoded()
        downlink = replace(frame, m_type=3)
        assert keys.encode_downlink(3, 0x80, size, b"", 1, frame.frm_payload) == downlink.to_bytes()
    assert len(frame.to_bytes()) == 255


def test_rfu_bits_of_mhdr_are_ignored() -> None:
    message = bytes.fromhex("5cf17dbe4900050001")
    phy_payload = message + oracle.data_mic(NWK_S_KEY, 0, DEV_ADDR, 5, message)
    assert session_keys().decode_uplink(phy_payload, -1) == (2, 0, 5, b"", 1, b"")


@given(st.binary(max_size=300), st.integers(-1, 0xFFFFFFFF))
def test_garbage_never_raises(data: bytes, f_cnt_up: int) -> None:
    keys = session_keys()
    assert keys.decode_uplink(data, f_cnt_up) is None
    assert keys.decode(data, max(f_cnt_up, 0)) is None
    assert (parse(data) is None) or len(data) >= 12
    assert uplink_dev_addr(data) >= -1


@given(st.integers(2, 5), st.binary(max_size=300))
def test_garbage_that_looks_like_our_frame_never_raises(m_type: int, rest: bytes) -> None:
    data = bytes([m_type << 5]) + DEV_ADDR.to_bytes(4, "little") + rest
    parse(data)
    assert session_keys().decode_uplink(data, 0x1FFFF) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"m_type": 2},
        {"m_type": 0},
        {"f_cnt": -1},
        {"f_cnt": 1 << 32},
        {"f_opts": bytes(16)},
        {"f_port": 256},
        {"f_port": -1},
        {"f_port": None},
        {"f_port": 0, "f_opts": b"\x06"},
        {"frm_payload": bytes(243)},
        {"f_opts": bytes(15), "frm_payload": bytes(228)},
    ],
)
def test_downlink_that_cannot_be_is_our_own_fault(changed: dict[str, object]) -> None:
    right: dict[str, object] = {
        "m_type": 3, "f_ctrl": 0, "f_cnt": 0, "f_opts": b"", "f_port": 1, "frm_payload": b"x",
    }  # fmt: skip
    with pytest.raises(ValueError):
        session_keys().encode_downlink(**{**right, **changed})  # type: ignore[arg-type]


def test_wrong_counters_and_keys_are_our_own_fault() -> None:
    phy_payload = uplink(1).to_bytes()
    for f_cnt in (-2, 1 << 32):
        with pytest.raises(ValueError, match="FCnt"):
            session_keys().decode_uplink(phy_payload, f_cnt)
    with pytest.raises(ValueError, match="FCnt"):
        session_keys().decode(phy_payload, -1)
    for dev_addr in (-1, 1 << 32):
        with pytest.raises(ValueError, match="DevAddr"):
            session_keys(dev_addr)
    for place in range(4):
        keys = [NWK_S_KEY] * 4
        keys[place] = bytes(15)
        with pytest.raises(ValueError, match="16 bytes"):
            SessionKeys(DEV_ADDR, *keys)


def test_repr_shows_no_key() -> None:
    assert repr(session_keys()) == "SessionKeys(dev_addr=49be7df1)"


def test_memory_stays_while_sessions_come_and_go() -> None:
    phy_payload = uplink(1).to_bytes()

    def many(count: int) -> int:
        for _ in range(count):
            assert session_keys().decode_uplink(phy_payload, 0)
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1])  # resident pages of 4 KiB

    before = many(2_000)
    assert many(20_000) - before < 256  # one lost context each would be more than 2 000 pages
