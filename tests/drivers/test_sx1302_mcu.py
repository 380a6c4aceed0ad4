"""Frames of the MCU, byte by byte and with garbage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.concentrator import McuError
from drivers.sx1302.mcu import Command, Frame, FrameReader, Health, Identity, check_answer

ANSWERS = st.builds(Frame, st.integers(0, 255), st.integers(0x40, 0x46), st.binary(max_size=300))


@given(ANSWERS)
def test_frame_survives_the_wire_byte_by_byte(frame: Frame) -> None:
    reader, data = FrameReader(), frame.to_bytes()
    got = [reader.feed(data[i : i + 1]) for i in range(len(data))]
    assert got == [None] * (len(data) - 1) + [frame]


@given(ANSWERS, ANSWERS)
def test_reader_is_ready_for_the_next_frame(first: Frame, second: Frame) -> None:
    reader = FrameReader()
    assert [reader.feed(first.to_bytes()), reader.feed(second.to_bytes())] == [first, second]


def test_frame_is_laid_out_as_the_sheet_says() -> None:
    assert Frame(0x12, 0x05, b"\xaa" * 258).to_bytes()[:5] == bytes.fromhex("12 01 02 05 aa")


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_garbage_is_a_frame_or_an_mcu_error_and_never_grows_the_buffer(chunks: list[bytes]) -> None:
    reader = FrameReader()
    try:
        for chunk in chunks:
            frame = reader.feed(chunk)
            assert frame is None or 0x40 <= frame.code <= 0xFF
    except McuError:
        pass
    assert len(reader._buffer) <= 4204 + 50


@pytest.mark.parametrize("head", ["01 00 00 05", "01 00 00 47", "01 10 69 45", "24 47 50 47"])
def test_header_that_no_mcu_sends_is_refused_at_once(head: str) -> None:
    with pytest.raises(McuError):
        FrameReader().feed(bytes.fromhex(head))


@given(
    st.integers(0, 255), st.binary(max_size=40), st.sampled_from(Command), st.binary(max_size=30)
)
def test_only_an_answer_that_fits_its_request_passes(
    code: int, payload: bytes, command: Command, request: bytes
) -> None:
    fixed = {Command.PING: 21, Command.GET_STATUS: 6, Command.WRITE_GPIO: 1}.get(command)
    fits = len(payload) == fixed if fixed else len(payload) <= len(request)
    if code == command + 0x40 and fits:
        assert check_answer(command, request, Frame(0, code, payload)) == payload
    else:
        with pytest.raises(McuError):
            check_answer(command, request, Frame(0, code, payload))


def test_status_reads_time_and_temperature() -> None:
    health = Health.from_bytes(bytes.fromhex("000003e8 0985"))
    assert (health.uptime_ms, health.temperature) == (1000, 24.37)
    assert Health.from_bytes(bytes.fromhex("00000000 fc18")).temperature == -10.0


def test_ping_reads_id_and_version() -> None:
    identity = Identity.from_bytes(bytes(range(12)) + b"V01.00.00")
    assert (identity.unique_id, identity.version) == (bytes(range(12)), "V01.00.00")
