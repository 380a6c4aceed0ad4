"""The transmit task: programs what the scheduler holds, just in time.

What is not in time is refused, never sent late; what was planned for a chip that has started anew
since is refused too. A link that is lost here is found and mended by the receive task.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from contextlib import suppress

from drivers.concentrator import (
    COUNTER_MODULUS,
    Concentrator,
    Counter,
    DriverError,
    RxPacket,
    TxPacket,
    TxStatus,
)
from gateway.lorawan.downlink import Answer
from gateway.lorawan.scheduler import Scheduler

IDLE_SECONDS = 5.0


class Transmitter:
    """One queue to the concentrator. `answers` counts what became of each answer, each once."""

    def __init__(self, concentrator: Concentrator) -> None:
        self._concentrator = concentrator
        self.answers: Tally[str] = Tally()
        self._scheduler = Scheduler(concentrator.lead_us)
        self._chip_session = 0
        self._placed = asyncio.Event()

    async def answer(self, answer: Answer, uplink: RxPacket) -> None:
        """Find a window for an answer; its commit is on disk by now."""
        try:
            now = await self._now()
        except DriverError:
            self._refuse(1)
            return
        if now.chip_session != uplink.chip_session:
            self._refuse(1)
            return
        placement = self._scheduler.place(answer, uplink.counter_us, now.chip_session, now.us)
        if placement.status is not TxStatus.OK:
            self.answers[placement.status] += 1
        self._placed.set()

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._placed.clear()
            pause = IDLE_SECONDS
            if self._scheduler.next_due_us() is not None:
                try:
                    pause = await self._round()
                except DriverError:
                    self._refuse(len(self._scheduler.clear()))
            # asyncio.wait_for of Python 3.11 loses a cancellation that meets the event
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pause, IDLE_SECONDS)):
                    await self._placed.wait()

    async def _round(self) -> float:
        """Hand over what is due; returns the seconds until it is worth looking again."""
        now = await self._now()
        due = self._scheduler.due(now.us)
        self._refuse(len(self._scheduler.late()))
        if due:
            await self._program(due)
            return 0.0  # programming took its time: `now` is no longer
        next_due = self._scheduler.next_due_us()
        return IDLE_SECONDS if next_due is None else (next_due - now.us) % COUNTER_MODULUS / 1e6

    async def _program(self, due: Sequence[TxPacket]) -> None:
        for done, packet in enumerate(due):
            try:
                status = await self._concentrator.send(packet)
                if status is not TxStatus.OK:
                    now = await self._now()
                    if self._scheduler.refused(packet, now.us):
                        continue
            except DriverError:
                self._refuse(len(due) - done)
                raise
            self.answers[status] += 1

    async def _now(self) -> Counter:
        """The counter; what was planned for a chip session that has ended is refused."""
        now = await self._concentrator.counter()
        if now.chip_session != self._chip_session:
            self._chip_session = now.chip_session
            self._refuse(len(self._scheduler.clear()))
        return now

    def _refuse(self, count: int) -> None:
        if count:
            self.answers[TxStatus.TOO_LATE] += count
