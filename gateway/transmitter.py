"""The transmit task: programs what the scheduler holds, just in time.

What is not in time is refused, never sent late; what was planned for a chip that has started anew
since is refused too. A link that is lost here is found and mended by the receive task.
An answer goes out only in a window whose sub-band has airtime left, claimed on disk beforehand;
with none left it is a DUTY_CYCLE_OVERFLOW.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from drivers.concentrator import (
    COUNTER_MODULUS,
    Concentrator,
    Counter,
    DriverError,
    RxPacket,
    TxPacket,
    TxStatus,
)
from gateway.duty_cycle import DutyCycle
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.scheduler import Scheduler

IDLE_SECONDS = 5.0


class Transmitter:
    """One queue to the concentrator. `answers` counts what became of each answer, each once."""

    def __init__(self, concentrator: Concentrator, duty_cycle: DutyCycle) -> None:
        self._concentrator, self._duty_cycle = concentrator, duty_cycle
        self.answers: Tally[str] = Tally()
        self._scheduler = Scheduler(concentrator.lead_us)
        self._claimed: set[TxPacket] = set()
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
        allowed = tuple(window for window in answer.windows if self._has_airtime(answer, window))
        if answer.windows and not allowed:
            self.answers[TxStatus.DUTY_CYCLE_OVERFLOW] += 1
            return
        answer = replace(answer, windows=allowed)
        placement = self._scheduler.place(answer, uplink.counter_us, now.chip_session, now.us)
        if placement.packet is None:
            self.answers[placement.status] += 1
            return
        await self._claim(placement.packet, now)
        self._placed.set()

    def _has_airtime(self, answer: Answer, window: Window) -> bool:
        needed = airtime_us(len(answer.phy_payload), window.sf, window.bandwidth)
        return self._duty_cycle.allows(window.frequency, needed)

    def duty_cycle(self) -> dict[str, float]:
        """Seconds of airtime left by sub-band, in MHz, where the law sets a limit."""
        return self._duty_cycle.seconds_left()

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._placed.clear()
            pause = IDLE_SECONDS
            if self._scheduler.next_due_us() is None:
                self._claimed.clear()  # of packets that went out in a later window, if at all
            else:
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
                status = await self._send(packet)
                if status is not TxStatus.OK:
                    now = await self._now()
                    if self._scheduler.refused(packet, now.us):
                        continue
            except DriverError:
                self._refuse(len(due) - done)
                raise
            self.answers[status] += 1

    async def _send(self, packet: TxPacket) -> TxStatus:
        """Program a packet; one that has moved to a later window claims its airtime only now."""
        if packet not in self._claimed:
            if not self._duty_cycle.allows(packet.frequency, _airtime_us(packet)):
                return TxStatus.DUTY_CYCLE_OVERFLOW
            await self._claim(packet, await self._now())
        self._claimed.discard(packet)
        return await self._concentrator.send(packet)

    async def _claim(self, packet: TxPacket, now: Counter) -> None:
        assert packet.counter_us is not None
        ahead_us = (packet.counter_us - now.us) % COUNTER_MODULUS
        await self._duty_cycle.claim(packet.frequency, _airtime_us(packet), ahead_us)
        self._claimed.add(packet)

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


def _airtime_us(packet: TxPacket) -> int:
    return airtime_us(
        len(packet.payload), packet.sf, packet.bandwidth, packet.coding_rate, packet.preamble
    )
