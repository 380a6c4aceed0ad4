"""Round trips over a pty, 64 bytes each way: pyserial as it comes, and this project's link.

The daemon's figures stand beside these, as both use the same port on the same machine.
"""

import asyncio
import multiprocessing
import os
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import serial

from drivers.link import open_link
from drivers.sx1302.mcu import Command

from .row import Row

SIZE = 64
ROUNDS = 20_000
POLLS = 300
REQUEST = bytes((1, 0, SIZE - 4, Command.MULTIPLE_SPI)) + bytes(SIZE - 4)


def round_trips() -> Row:
    """The link's rate, beside blocking pyserial's in the same run; goal: 0.4 of it."""
    with _echoing() as path:
        limit = _pyserial(path)
        rate = asyncio.run(_link(path))
    return Row(
        what="serial round trips, 64 bytes",
        measured=f"{rate:,.0f}/s",
        limit=f"{limit:,.0f}/s pyserial",
        goal=f"≥ {0.4 * limit:,.0f}/s",
        met=rate >= 0.4 * limit,
    )


def polling_share() -> float:
    """The share of one core of nothing but a round trip every 10 ms, by blocking pyserial."""
    with _echoing() as path, serial.Serial(path, exclusive=True) as port:
        began, used = time.monotonic(), time.process_time()
        for _ in range(POLLS):
            port.write(REQUEST)
            port.read(SIZE)
            time.sleep(0.01)
        return (time.process_time() - used) / (time.monotonic() - began)


@contextmanager
def _echoing() -> Iterator[str]:
    """The path of a port behind which a process of its own echoes."""
    master, slave = os.openpty()
    tty.setraw(slave)
    echo = multiprocessing.get_context("fork").Process(target=_echo, args=(master,), daemon=True)
    echo.start()
    try:
        yield os.ttyname(slave)
    finally:
        echo.terminate()
        echo.join()
        os.close(slave)
        os.close(master)


def _echo(master: int) -> None:
    """Answer whole requests with themselves, the code turned into its acknowledgement."""
    while True:
        request = bytearray()
        while len(request) < SIZE:
            request += os.read(master, SIZE - len(request))
        request[3] |= 0x40
        os.write(master, request)


def _pyserial(path: str) -> float:
    with serial.Serial(path, exclusive=True) as port:
        begin = time.perf_counter()
        for _ in range(ROUNDS):
            port.write(REQUEST)
            port.read(SIZE)
        return ROUNDS / (time.perf_counter() - begin)


async def _link(path: str) -> float:
    link = await open_link(path)
    payload = bytes(SIZE - 4)
    begin = time.perf_counter()
    for _ in range(ROUNDS):
        await link.request(Command.MULTIPLE_SPI, payload)
    rate = ROUNDS / (time.perf_counter() - begin)
    await link.close()
    return rate
