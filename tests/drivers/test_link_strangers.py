"""What a port is that is not a concentrator's: it is named in the error."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from link_bench import GET_STATUS, opened, prompt, silent
from pty_board import PtyBoard, frame, pty_board

from drivers.concentrator import LinkLost
from drivers.link import DEADLINE
from drivers.sx1302.mcu import Command

GPS = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
MODEM = b"\r\nERROR\r\n"


@asynccontextmanager
async def chattering(board: PtyBoard, sentence: bytes, pause: float) -> AsyncIterator[list[bytes]]:
    """Gives what has been said."""
    said: list[bytes] = []

    async def chatter() -> None:
        while True:
            board.send(sentence)
            said.append(sentence)
            await asyncio.sleep(pause)

    task = asyncio.create_task(chatter())
    try:
        yield said
    finally:
        task.cancel()
        await asyncio.wait({task})


@pytest.mark.parametrize("pause", [0.001, 0.05, 0.9])
async def test_gps_is_recognised_within_three_seconds(pause: float) -> None:
    with pty_board(silent) as board:
        async with chattering(board, GPS, pause) as said, opened(board, DEADLINE) as link:
            before = len(said)
            with pytest.raises(LinkLost, match="not a concentrator: it speaks like a GPS"):
                await link.request(Command.PING, b"")
            assert (len(said) - before) * pause < 3


async def test_gps_is_recognised_though_its_sentence_comes_in_pieces() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            asked = asyncio.create_task(link.request(Command.PING, b""))
            await board.came.wait()
            for start in range(20, 60, 3):
                board.send((GPS * 2)[start : start + 3])
                await asyncio.sleep(0.001)
            board.send((GPS * 2)[60:])
            with pytest.raises(LinkLost, match="like a GPS"):
                await asked


async def test_gps_that_speaks_before_the_first_request_is_recognised() -> None:
    with pty_board(silent) as board:
        async with opened(board) as link:
            board.send(GPS)
            while link._lost is None:
                await asyncio.sleep(0)
            with pytest.raises(LinkLost, match="it speaks like a GPS"):
                await link.request(Command.PING, b"")


async def test_gps_heard_only_while_opening_is_named_when_it_does_not_answer() -> None:
    with pty_board(silent) as board:
        async with opened(board, deadline=0.05) as link:
            os.write(board.master, GPS)
            await link.drain()
            with pytest.raises(LinkLost, match="it speaks like a GPS"):
                await link.request(Command.PING, b"")


@pytest.mark.parametrize(
    ("voice", "says"),
    [
        (lambda *frame: MODEM, "it answers like a modem"),
        (lambda identity, code, payload: frame(identity, code, payload), "our own bytes back"),
        (lambda identity, code, payload: frame(identity, code, payload) + MODEM, "like a modem"),
        (lambda *_: b"\r\nraspberrypi login: ", "plain text"),
        (lambda *_: bytes.fromhex("b562010700"), "u-blox"),
    ],
    ids=["modem", "echo", "modem with echo", "console", "binary GPS"],
)
async def test_other_strangers_are_recognised(
    voice: Callable[[int, int, bytes], bytes], says: str
) -> None:
    with pty_board(voice) as board:
        async with opened(board) as link:
            with pytest.raises(LinkLost, match=f"this port is not a concentrator: .*{says}"):
                await link.request(Command.PING, b"")


async def test_stranger_that_cannot_be_named_ends_the_link_too() -> None:
    with pty_board(lambda *_: b"\xff\xfe\x00\x80\xf0") as board:
        async with opened(board) as link:
            with pytest.raises(LinkLost, match="no answer of a concentrator's MCU: ff fe"):
                await link.request(Command.PING, b"")


async def test_concentrator_once_known_is_not_taken_for_a_stranger() -> None:
    with pty_board(prompt) as board:
        async with opened(board) as link:
            await link.request(GET_STATUS, b"")
            board.answer = lambda *_: GPS
            with pytest.raises(LinkLost, match="no answer of a concentrator's MCU"):
                await link.request(GET_STATUS, b"")
