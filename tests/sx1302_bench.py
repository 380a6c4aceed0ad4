"""A driver before a stand-in board, in a time that only its own waiting moves."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from sx1302_standin import MemoryLink, StandIn

from drivers.concentrator import TxPacket
from drivers.sx1302 import semtech
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.firmware import Firmware
from drivers.sx1302.settings import Settings

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = semtech.settings(json.loads((GOLDEN / "start-eu868.json").read_text())["config"])
SMALL = bytes.fromhex(json.loads((GOLDEN / "rx-eu868.json").read_text())["rx"][0]["fifo"])
IMAGES = Firmware(bytes(8192), bytes(8192), verified=False)
FIFO_COUNT = bytes.fromhex("000100000600 58c8 000000")  # the request that asks for it
SECOND = 32_000_000  # ticks
EUI = 0x0016C001F1500812
FREE, SCHEDULED, EMITTING = 0x80, 0x91, 0x30


class Bench:
    """A driver and its board; both have the same clock, as long as the chip is well."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        otp = {i: EUI >> 8 * (7 - i) & 0xFF for i in range(8)} | {0xD0: 2}
        self.board = StandIn(otp=otp, ticks=SECOND)
        self.links: list[MemoryLink] = []
        self.seconds = 1000.0
        self.rate: float = SECOND  # ticks of the chip's clock in a second
        self.pauses: list[float] = []
        self.driver = Sx1302(settings, self.open_link, lambda: IMAGES, self.sleep, self.now)

    async def open_link(self) -> MemoryLink:
        self.links.append(MemoryLink(self.board))
        return self.links[-1]

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.pass_time(seconds)
        await asyncio.sleep(0)

    def pass_time(self, seconds: float) -> None:
        """For the driver, and for the chip as fast as its clock runs."""
        self.seconds += seconds
        self.board.ticks += round(seconds * self.rate)

    async def listen(self, seconds: float) -> None:
        """Receive, and find nothing, for so long."""
        until = self.seconds + seconds
        while self.seconds < until:
            assert await self.driver.receive() == []

    @property
    def us(self) -> int:
        """The chip's count, extended to 32 bits as long as the driver has seen each wrap."""
        return self.board.ticks // 32

    def packet(self, after_us: int | None = 30_000, **change: Any) -> TxPacket:
        when = None if after_us is None else (self.us + after_us) % 2**32
        session = self.driver.status().chip_session
        return replace(TxPacket(b"hello", when, session, 868_100_000, sf=7), **change)


async def running(settings: Settings = SETTINGS) -> Bench:
    """A bench whose driver is started; what it has asked so far is forgotten."""
    bench = Bench(settings)
    await bench.driver.start()
    bench.board.requests.clear()
    bench.pauses.clear()
    return bench
