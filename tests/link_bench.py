"""A link to a board at the far end of a pseudo-terminal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from patience import HUNG
from pty_board import PtyBoard, frame

from drivers.link import SerialLink, open_link
from drivers.sx1302.mcu import Command

STATUS = bytes(6)
GET_STATUS, SPI = Command.GET_STATUS, Command.MULTIPLE_SPI


def prompt(identity: int, command: int, payload: bytes) -> bytes:
    if command == GET_STATUS:
        return frame(identity, 0x41, STATUS)
    return frame(identity, command + 0x40, payload)


def silent(identity: int, command: int, payload: bytes) -> bytes:
    return b""


@asynccontextmanager
async def opened(board: PtyBoard, deadline: float = HUNG) -> AsyncIterator[SerialLink]:
    link = await open_link(board.path, deadline)
    try:
        yield link
    finally:
        await link.close()
