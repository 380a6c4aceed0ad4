"""The emulated microcontroller speaks the protocol of docs/sx1302.md §1, whatever it is fed."""

import pytest
from emulator_host import MS, Clock, Host, frame
from hypothesis import given
from hypothesis import strategies as st

from drivers.emulator import Board


def test_ping_gives_unique_id_of_the_seed_and_version(board: Board, clock: Clock) -> None:
    answer = Host(board).request(0)
    assert len(answer) == 21
    assert answer[12:] == b"V01.00.00"
    assert Host(Board(seed=0, now_ns=clock)).request(0) == answer
    assert Host(Board(seed=1, now_ns=clock)).request(0) != answer


def test_status_gives_uptime_and_temperature(board: Board, clock: Clock) -> None:
    clock.pass_ms(board, 70_000)
    assert Host(board).request(1) == bytes.fromhex("00011170 0985")


@pytest.mark.parametrize(
    ("request_hex", "answer_hex"),
    [
        ("00 01 00 00 04 00 D6 43 00", "00 01 00 00 04 00 00 00 00"),
        ("00 01 00 00 05 00 56 06 00 00", "00 01 00 00 05 00 00 00 00 12"),
        ("00 02 56 01 10 00", "00 02 00 13 03"),
        ("00 01 00 00 03 01 C0 00", "00 01 00 00 03 00 00 2A"),
    ],
)
def test_published_examples(board: Board, request_hex: str, answer_hex: str) -> None:
    host = Host(board)
    host.write(0x5601, 0x13)
    host.write(0x5783, 0x0C)
    assert host.request(5, bytes.fromhex(request_hex)) == bytes.fromhex(answer_hex)


def test_batch_is_answered_in_order_with_its_ids(board: Board) -> None:
    batch = "00 01 00 00 04 00 D6 43 A507 02 56 43 0F 0302 01 00 00 05 00 56 43 00 00"
    answer = Host(board).request(5, bytes.fromhex(batch))
    assert answer.hex(" ") == (
        "00 01 00 00 04 00 00 00 00 07 02 00 a5 a3 02 01 00 00 05 00 00 00 00 a3"
    )


def test_request_id_is_echoed(board: Board) -> None:
    assert board.feed(frame(1, request_id=0xA7))[0] == 0xA7


def test_frames_may_be_split_and_joined_anywhere(board: Board) -> None:
    stream = frame(0) + frame(5, bytes.fromhex("00 01 00 00 05 00 56 06 00 00")) + frame(0x44)
    whole = board.feed(stream)
    assert b"".join(board.feed(bytes([byte])) for byte in stream) == whole
    assert len(whole) == 4 + 21 + 4 + 10 + 4


@pytest.mark.parametrize(
    "bad",
    [
        frame(0x06),
        frame(0x7F, b"abc"),
        frame(4, b"\x00\x02"),
        frame(5, bytes.fromhex("00 01 00 00 05 00 56")),
        frame(5, bytes.fromhex("00 02 56 01 10")),
        frame(5, bytes.fromhex("00 03 56 01 10 00")),
    ],
)
def test_bad_request_is_answered_with_an_error(board: Board, bad: bytes) -> None:
    assert board.feed(bad).hex() == "000000ff"
    assert board.feed(frame(1))[3] == 0x41


@pytest.mark.parametrize("sub_request", ["000102000100", "0001000000", "00028000FF01"])
def test_impossible_sub_request_has_a_status(board: Board, sub_request: str) -> None:
    assert Host(board).request(5, bytes.fromhex(sub_request))[2] == 2


def test_impossible_size_throws_everything_away(board: Board) -> None:
    assert board.feed(b"\x09\xff\xff\x05" + bytes(5000)).hex() == "090000ff"
    assert board.feed(frame(1))[3] == 0x41


def test_half_a_frame_of_a_program_that_died_is_forgotten(board: Board, clock: Clock) -> None:
    assert board.feed(frame(5, bytes(4000))[:100]) == b""
    clock.ns += 600 * MS
    assert board.feed(frame(0))[3] == 0x40


def test_absent_sx1261_answers_zeros(board: Board) -> None:
    answer = Host(board).request(5, bytes.fromhex("00 01 01 00 02 C0 00"))
    assert answer == bytes.fromhex("00 01 00 00 02 00 00")


def test_unknown_gpio_is_refused(board: Board) -> None:
    host = Host(board)
    assert host.request(4, b"\x00\x02\x00") == b"\x00"
    assert host.request(4, b"\x01\x02\x00") == b"\x01"
    assert host.request(4, b"\x00\x20\x00") == b"\x01"


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes_are_survived(chunks: list[bytes]) -> None:
    clock = Clock()
    board = Board(now_ns=clock)
    for chunk in chunks:
        board.feed(chunk)
    clock.ns += 600 * MS
    assert board.feed(frame(1))[3] == 0x41


@given(st.integers(0, 0x4F), st.binary(max_size=64))
def test_any_framed_request_gets_exactly_one_answer(command: int, payload: bytes) -> None:
    answer = Board(now_ns=Clock()).feed(frame(command, payload, 3))
    assert answer[0] == 3
    assert int.from_bytes(answer[1:3], "big") == len(answer) - 4


@given(st.integers(0, 2), st.binary(min_size=1, max_size=48))
def test_any_spi_frame_gets_an_answer_of_its_size(mux: int, data: bytes) -> None:
    assert len(Host(Board(now_ns=Clock())).spi(bytes([mux]) + data)) == 1 + len(data)
