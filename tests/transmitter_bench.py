"""A transmitter at work on a chip that is none, with its counter in hand."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from concentrator_standin import FakeConcentrator
from lorawan_network import packet

from drivers.concentrator import TxStatus
from gateway.air.duty_cycle import DutyCycle
from gateway.air.transmitter import Transmitter
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.region import SubBand
from gateway.lorawan.regions.europe import EU868
from gateway.records import Moment

SECOND = 1_000_000
RX1 = Window(1, SECOND, 868_300_000, 9, 125_000, 14)
RX2 = Window(2, 2 * SECOND, 869_525_000, 12, 125_000, 27)
ANSWER = Answer(b"\x60" + bytes(11), (RX1, RX2))
LATER = Answer(ANSWER.phy_payload, (replace(RX1, delay_us=300 * SECOND),))
UPLINK = packet(b"uplink", counter_us=10 * SECOND)
DUE = UPLINK.counter_us + SECOND - 30_000  # RX1 is to be programmed now


class Bench:
    """A transmitter at work, with the chip's counter in hand."""

    def __init__(self, chip: FakeConcentrator, bands: Sequence[SubBand] = EU868.sub_bands) -> None:
        self.chip = chip
        self.stands = True
        self.asked, self.kept = 0, list[Spent]()
        self.told: list[tuple[TxStatus | None, int]] = []
        self.disk = asyncio.Event()
        self.disk.set()
        self.transmitter = Transmitter(
            chip,
            DutyCycle(bands, (), self.keep, self.moment),
            self.tell,
            lambda answer: self.stands,
        )
        self.beats = 0
        self.news = asyncio.Event()

    async def keep(self, spent: Spent) -> None:
        self.asked += 1
        self.news.set()
        await self.disk.wait()
        self.kept.append(spent)

    def tell(self, answer: Answer, status: TxStatus | None, ahead_us: int) -> None:
        assert answer.phy_payload == ANSWER.phy_payload
        self.told.append((status, ahead_us))
        self.news.set()

    def moment(self) -> Moment:
        return Moment(None, "unsynchronised", "boot", self.chip.now_us / 1e6)

    def beat(self) -> None:
        self.beats += 1
        self.news.set()

    async def rounds(self, count: int) -> None:
        """Wait until the task has gone round so many times more."""
        goal = self.beats + count
        async with asyncio.timeout(10):
            while self.beats < goal:
                self.news.clear()
                await self.news.wait()

    async def claims(self, count: int) -> None:
        """Wait until so many were to be kept on disk."""
        async with asyncio.timeout(10):
            while self.asked < count:
                self.news.clear()
                await self.news.wait()

    async def answer_at(self, now_us: int, answer: Answer = ANSWER) -> None:
        self.chip.now_us = now_us
        await self.transmitter.answer(answer, UPLINK)

    @property
    def answers(self) -> dict[str, int]:
        return dict(self.transmitter.answers)


@asynccontextmanager
async def transmitting(
    chip: FakeConcentrator, bands: Sequence[SubBand] = EU868.sub_bands
) -> AsyncIterator[Bench]:
    bench = Bench(chip, bands)
    task = asyncio.create_task(bench.transmitter.run(bench.beat))
    await bench.rounds(1)
    yield bench
    assert not task.done(), task.exception()
    task.cancel()
    await asyncio.wait({task})
