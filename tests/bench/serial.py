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
from dataclasses import dataclass
from statistics import median

import serial

from drivers.link import open_link
from drivers.sx1302 import spi
from drivers.sx1302.chip import Chip
from drivers.sx1302.concentrator import FIFO_COUNT, POLL_PAUSE
from drivers.sx1302.mcu import HEADER, Command, Frame

from .row import Row

SIZE = 64
ROUNDS = 20_000
POLLS, TURNS = 100, 5
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


@dataclass(frozen=True)
class Polls:
    """CPU seconds of one look at an empty FIFO every 10 ms, and what share of a core that is."""

    pyserial: float
    pyserial_share: float
    driver: float

    def row(self) -> Row:
        """One poll by the driver beside the same bytes by blocking pyserial; goal: 4 of them.

        One of them is asyncio's own: its sleep alone costs about as much.
        """
        return Row(
            what="CPU of one look at the FIFO",
            measured=f"{1e6 * self.driver:.0f} µs",
            limit=f"{1e6 * self.pyserial:.0f} µs pyserial",
            goal=f"<= {4e6 * self.pyserial:.0f} µs",
            met=self.driver <= 4 * self.pyserial,
        )


def polls() -> Polls:
    """Measured in turns, as what else the machine does changes what a wake-up costs."""
    bare, share, driver = [], [], []
    with _echoing() as path:
        for _ in range(TURNS):
            began, used = time.monotonic(), time.process_time()
            _poll_by_pyserial(path)
            bare.append((time.process_time() - used) / POLLS)
            share.append(bare[-1] * POLLS / (time.monotonic() - began))
            driver.append(asyncio.run(_poll_by_driver(path)))
    return Polls(median(bare), median(share), median(driver))


def _poll_by_pyserial(path: str) -> None:
    request = Frame(1, Command.MULTIPLE_SPI, spi.encode([spi.reading(FIFO_COUNT, 2)])).to_bytes()
    with serial.Serial(path, exclusive=True) as port:
        for _ in range(POLLS):
            port.write(request)
            port.read(len(request))
            time.sleep(POLL_PAUSE)


async def _poll_by_driver(path: str) -> float:
    link = await open_link(path)
    chip = Chip(link, asyncio.sleep)
    used = time.process_time()
    for _ in range(POLLS):
        await chip.read(FIFO_COUNT, 2)
        await asyncio.sleep(POLL_PAUSE)
    used = time.process_time() - used
    await link.close()
    return used / POLLS


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
    """Answer whole requests with themselves, the code turned into its acknowledgement.

    To a reading of registers that is an answer, too: all of them are 0.
    """
    request = bytearray()
    while True:
        request += os.read(master, 4096)
        if len(request) >= HEADER.size + int.from_bytes(request[1:3], "big"):
            request[3] |= 0x40
            os.write(master, request)
            request.clear()


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
