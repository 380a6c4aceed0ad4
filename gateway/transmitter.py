"""The transmit task: programs what the scheduler holds, just in time.

What is not in time is refused, never sent late; what was planned for a chip that has started anew
since is refused too. A link that is lost here is found and mended by the receive task.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from drivers.concentrator import COUNTER_MODULUS, Concentrator, DriverError, RxPacket, TxStatus
from gateway.lorawan.downlink import Answer
from gateway.lorawan.scheduler import TOO_EARLY_US, Scheduler

IDLE_SECONDS = 5.0


class Transmitter:
    """One queue to the concentrator. `answers` counts what became of each answer."""

    def __init__(self, concentrator: Concentrator) -> None:
        self._concentrator = concentrator
        self.answers: Counter[str] = Counter()
        self._scheduler = Scheduler()
        self._chip_session = 0
        self._placed = asyncio.Event()

    async def answer(self, answer: Answer, uplink: RxPacket) -> None:
        """Find a window for an answer; its commit is on disk by now."""
        try:
            now = await self._concentrator.counter()
        except DriverError:
            self.answers[TxStatus.TOO_LATE] += 1
            return
        if now.chip_session != self._chip_session:
            self._chip_session = now.chip_session
            self.answers[TxStatus.TOO_LATE] += len(self._scheduler.clear())
        if now.chip_session != uplink.chip_session:
            self.answers[TxStatus.TOO_LATE] += 1
            return
        placement = self._scheduler.place(answer, uplink.counter_us, now.chip_session, now.us)
        if placement.status is not TxStatus.OK:
            self.answers[placement.status] += 1
        self._placed.set()

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            pause = IDLE_SECONDS
            if self._scheduler.next_due_us() is not None:
                try:
                    pause = await self._program()
                except DriverError:
                    self.answers[TxStatus.TOO_LATE] += len(self._scheduler.clear())
            self._placed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._placed.wait(), min(pause, IDLE_SECONDS))

    async def _program(self) -> float:
        """Hand over what is due; returns the seconds until the next is."""
        now = await self._concentrator.counter()
        for packet in self._scheduler.due(now.us):
            self.answers[await self._concentrator.send(packet)] += 1
        self.answers[TxStatus.TOO_LATE] += len(self._scheduler.late())
        due = self._scheduler.next_due_us()
        if due is None:
            return IDLE_SECONDS
        ahead = (due - now.us) % COUNTER_MODULUS
        return ahead / 1e6 if ahead <= TOO_EARLY_US else 0.0
