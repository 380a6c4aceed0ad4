"""Datagrams of the packet forwarder protocol: figures of its text, and garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.semtech_udp.frames import WITH_BODY, WITH_EUI, Drop, Frame, Kind

EUI = 0x0016C001F0000001
DATAGRAMS = {
    "02 1234 00 0016c001f0000001 7b7d": Frame(Kind.PUSH_DATA, 2, 0x1234, EUI, b"{}"),
    "02 1234 01": Frame(Kind.PUSH_ACK, 2, 0x1234),
    "02 0001 02 0016c001f0000001": Frame(Kind.PULL_DATA, 2, 1, EUI),
    "02 0001 04": Frame(Kind.PULL_ACK, 2, 1),
    "02 ffff 03 7b7d": Frame(Kind.PULL_RESP, 2, 0xFFFF, body=b"{}"),
    "02 ffff 05 0016c001f0000001": Frame(Kind.TX_ACK, 2, 0xFFFF, EUI),
    "01 0001 02 0016c001f0000001": Frame(Kind.PULL_DATA, 1, 1, EUI),
}


@pytest.mark.parametrize("text", DATAGRAMS)
def test_datagrams_are_those_of_the_protocol(text: str) -> None:
    assert Frame.from_bytes(bytes.fromhex(text)) == DATAGRAMS[text]
    assert DATAGRAMS[text].to_bytes() == bytes.fromhex(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Drop.SHORT),
        ("02 12 34", Drop.SHORT),
        ("02 1234 00 0016c001f00000", Drop.SHORT),
        ("02 1234 05", Drop.SHORT),
        ("03 1234 02 0016c001f0000001", Drop.VERSION),
        ("00 1234 02 0016c001f0000001", Drop.VERSION),
        ("02 1234 06 0016c001f0000001", Drop.KIND),
    ],
)
def test_what_is_no_datagram_has_a_reason(text: str, reason: Drop) -> None:
    assert Frame.from_bytes(bytes.fromhex(text)) is reason


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\x02ab" + tail))
def test_any_bytes_are_a_frame_or_a_reason(datagram: bytes) -> None:
    frame = Frame.from_bytes(datagram)
    assert isinstance(frame, Drop) or datagram.startswith(frame.to_bytes())


@given(
    st.sampled_from(Kind),
    st.sampled_from((1, 2)),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=20),
)
def test_frames_come_back(kind: Kind, version: int, token: int, eui: int, body: bytes) -> None:
    with_eui = eui if kind in WITH_EUI else 0
    frame = Frame(kind, version, token, with_eui, body if kind in WITH_BODY else b"")
    assert Frame.from_bytes(frame.to_bytes()) == frame
