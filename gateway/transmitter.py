"""The transmit task: programs what the scheduler holds, just in time.

What is not in time is refused, never sent late; what was planned for a chip that has started anew
since is refused too. A link that is lost here is found and mended by the receive task.
An answer goes out only in a window whose sub-band has airtime left, claimed on disk beforehand;
with none left it is a DUTY_CYCLE_OVERFLOW.

What becomes of each answer is told once: OK as soon as the chip has it, with the µs until its first
symbol; a refusal that never left; or None, of which nobody knows: the link broke in between.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

from drivers.concentrator import (
    COUNTER_MODULUS,
    Concentrator,
    Counter,
    CounterUnknown,
    DriverError,
    RxPacket,
    TxPacket,
    TxStatus,
)
from gateway.duty_cycle import DutyCycle
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.scheduler import Placement, Planned, Scheduler, packet_of

IDLE_SECONDS = 5.0

Told: TypeAlias = Callable[[Answer, TxStatus | None, int], None]


class Transmitter:
    """One queue to the concentrator. `answers` counts what became of each answer, each once."""

    def __init__(self, concentrator: Concentrator, duty_cycle: DutyCycle, told: Told) -> None:
        self._concentrator, self._duty_cycle, self._told = concentrator, duty_cycle, told
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
            self._end(answer, TxStatus.TOO_LATE)
            return
        if now.chip_session != uplink.chip_session:
            self._end(answer, TxStatus.TOO_LATE)
            return
        allowed = self._with_airtime(answer)
        if allowed is not None:
            placement = self._scheduler.place(allowed, uplink.counter_us, now.chip_session, now.us)
            await self._take(allowed, placement, now)

    async def send_now(self, answer: Answer) -> None:
        """To a device that always listens: at the first moment that is free."""
        now: Counter | None = None
        try:
            now = await self._now()
        except CounterUnknown:
            pass  # it goes out unplanned
        except DriverError:
            self._end(answer, TxStatus.TOO_LATE)
            return
        allowed = self._with_airtime(answer)
        if allowed is None:
            return
        if now is None:
            await self._send_unplanned(allowed)
            return
        placement = self._scheduler.place_now(allowed, now.chip_session, now.us)
        await self._take(allowed, placement, now)

    def _with_airtime(self, answer: Answer) -> Answer | None:
        """The answer with those windows that airtime is left for; None when it has ended here.

        Nothing is awaited between this and the claim, or two would be allowed the same airtime.
        """
        allowed = tuple(window for window in answer.windows if self._has_airtime(answer, window))
        if allowed:
            return replace(answer, windows=allowed)
        self._end(answer, TxStatus.DUTY_CYCLE_OVERFLOW if answer.windows else TxStatus.TX_FREQ)
        return None

    async def _take(self, answer: Answer, placement: Placement, now: Counter) -> None:
        if placement.packet is None:
            self._end(answer, placement.status)
            return
        await self._claim(placement.packet, now)
        self._placed.set()

    async def _send_unplanned(self, answer: Answer) -> None:
        """Nobody knows the counter yet: what else is on the air there cannot be considered."""
        session = self._concentrator.status().chip_session
        packet = packet_of(answer, answer.windows[0], None, session)
        await self._duty_cycle.claim(packet.frequency, _airtime_us(packet), 0)
        try:
            self._end(answer, await self._concentrator.send(packet))
        except DriverError:
            self._end(answer, None)

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
                    self._refuse(self._scheduler.clear())
            # asyncio.wait_for of Python 3.11 loses a cancellation that meets the event
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pause, IDLE_SECONDS)):
                    await self._placed.wait()

    async def _round(self) -> float:
        """Hand over what is due; returns the seconds until it is worth looking again."""
        now = await self._now()
        due = self._scheduler.due(now.us)
        self._refuse(self._scheduler.late())
        if due:
            await self._program(due, now)
            return 0.0  # programming took its time: `now` is no longer
        next_due = self._scheduler.next_due_us()
        return IDLE_SECONDS if next_due is None else (next_due - now.us) % COUNTER_MODULUS / 1e6

    async def _program(self, due: Sequence[Planned], now: Counter) -> None:
        for done, (packet, answer) in enumerate(due):
            status, again = None, False
            try:
                status = await self._send(packet)
                if status is not TxStatus.OK:
                    again = self._scheduler.refused(packet, (await self._now()).us)
            except DriverError:
                self._end(answer, status)
                self._refuse(due[done + 1 :])
                raise
            if not again:
                self._end(answer, status, _ahead_us(packet, now) if status is TxStatus.OK else 0)

    async def _send(self, packet: TxPacket) -> TxStatus:
        """Program a packet; one that has moved to a later window claims its airtime only now."""
        if packet not in self._claimed:
            now = await self._now()
            if not self._duty_cycle.allows(packet.frequency, _airtime_us(packet)):
                return TxStatus.DUTY_CYCLE_OVERFLOW
            await self._claim(packet, now)
        self._claimed.discard(packet)
        return await self._concentrator.send(packet)

    async def _claim(self, packet: TxPacket, now: Counter) -> None:
        await self._duty_cycle.claim(packet.frequency, _airtime_us(packet), _ahead_us(packet, now))
        self._claimed.add(packet)

    async def _now(self) -> Counter:
        """The counter; what was planned for a chip session that has ended is refused."""
        now = await self._concentrator.counter()
        if now.chip_session != self._chip_session:
            self._chip_session = now.chip_session
            self._refuse(self._scheduler.clear())
        return now

    def _refuse(self, lost: Iterable[Planned]) -> None:
        for _, answer in lost:
            self._end(answer, TxStatus.TOO_LATE)

    def _end(self, answer: Answer, status: TxStatus | None, ahead_us: int = 0) -> None:
        self.answers[status or TxStatus.TOO_LATE] += 1
        self._told(answer, status, ahead_us)


def _ahead_us(packet: TxPacket, now: Counter) -> int:
    assert packet.counter_us is not None
    return (packet.counter_us - now.us) % COUNTER_MODULUS


def _airtime_us(packet: TxPacket) -> int:
    return airtime_us(
        len(packet.payload), packet.sf, packet.bandwidth, packet.coding_rate, packet.preamble
    )
