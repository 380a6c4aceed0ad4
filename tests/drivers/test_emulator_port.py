"""The board behind a pty: opened, closed and opened again, in pieces and in bulk."""

import asyncio
import os
import tty
from pathlib import Path

import pytest
from emulator_host import frame

from drivers.emulator import Board, memory_link, serve

PING, FIFO_READ = frame(0), frame(5, bytes([0, 1, 0, 0x10, 0x04, 0, 0x40, 0, 0]) + bytes(4096))


def talk(port: str, *requests: bytes, size: int) -> bytes:
    """Open, send, read `size` bytes, close: what a program in another process would do."""
    fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        tty.setraw(fd)
        answer = b""
        for request in requests:
            os.write(fd, request)
        while len(answer) < size:
            answer += os.read(fd, 65536)
        return answer
    finally:
        os.close(fd)


async def test_port_survives_being_closed_and_opened() -> None:
    async with serve() as running:
        for _ in range(3):
            answer = await asyncio.to_thread(talk, running.port, PING, size=25)
            assert answer[:4] == bytes.fromhex("00001540")


async def test_frames_may_come_in_pieces() -> None:
    async with serve() as running:
        pieces = [PING[:1], PING[1:3], PING[3:] + PING[:2], PING[2:]]
        answer = await asyncio.to_thread(talk, running.port, *pieces, size=50)
        assert answer[:25] == answer[25:]


async def test_answers_larger_than_the_terminal_takes_come_whole() -> None:
    async with serve() as running:
        answer = await asyncio.to_thread(talk, running.port, *[FIFO_READ] * 4, size=4 * 4109)
        assert len(answer) == 4 * 4109


async def test_link_replaces_an_old_one_and_goes_with_the_board(tmp_path: Path) -> None:
    link = tmp_path / "tty kogge"
    link.symlink_to("/nowhere")
    async with serve(link) as running:
        assert str(link.readlink()) == running.port
        assert (await asyncio.to_thread(talk, str(link), PING, size=25))[3] == 0x40
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - pathlib would be a blocking call here


async def test_link_is_not_taken_from_a_board_that_lives_unplugged_or_not(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with serve(link) as running:
        port = running.port
        with pytest.raises(FileExistsError, match="the link of another emulator"):
            async with serve(link):
                pass
        assert str(link.readlink()) == port
        running.faults.begin("unplug", seconds=None)
        await running.settled()
        with pytest.raises(FileExistsError, match="the link of another emulator"):
            async with serve(tmp_path / "." / "tty"):
                pass
        running.faults.begin("plug", link=str(tmp_path / "other"))
        await running.settled()
        async with serve(link) as another:
            assert str(link.readlink()) == another.port
            assert str((tmp_path / "other").readlink()) == running.port
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - pathlib would be a blocking call here


async def test_link_of_another_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    async with serve(link):
        link.unlink()
        link.symlink_to("/elsewhere")
    assert str(link.readlink()) == "/elsewhere"


async def test_file_in_the_way_is_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "notes.txt"
    link.write_text("mine")
    with pytest.raises(FileExistsError, match="is not a link"):
        async with serve(link):
            pass
    assert link.read_text() == "mine"


async def test_memory_link_speaks_to_a_board_of_this_process() -> None:
    board = Board()
    link = memory_link(board)
    assert (await link.request(0, b""))[12:] == b"V01.00.00"
    with pytest.raises(ValueError, match="refused"):
        await link.request(4, b"")
    await link.close()
