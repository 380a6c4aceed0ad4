"""The transmit task: programs what the scheduler holds, just in time.

What is not in time is refused, never sent late; what was planned for a chip that has started anew
since is refused too. A link that is lost here is found and mended by the receive task.
An answer goes out only in a window whose sub-band has airtime left, claimed on disk beforehand;
with none left it is a DUTY_CYCLE_OVERFLOW. What has certainly not left gives its airtime back.
What need not wait for a window claims first and is placed then: the disk may take its time, but for
so long that the claim would age before what was sent.

A downlink that nobody has asked for (class C) is a COLLISION_PACKET once its device was heard: the
windows come first, and on the air a device's downlink counters have to rise.

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
from gateway.air.duty_cycle import Claim, DutyCycle
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.scheduler import NOW_AT_MOST_US, Placement, Planned, Scheduler, packet_of

IDLE_SECONDS = 5.0
DISK_AT_MOST_US = 8_000_000
"""A claim that takes longer says nothing of what would be sent then."""

Told: TypeAlias = Callable[[Answer, TxStatus | None, int], None]
Stands: TypeAlias = Callable[[Answer], bool]
Shown: TypeAlias = Callable[[Answer, TxPacket | None, TxStatus | None], None]


def _nobody_looks(*_: object) -> None:
    """In the place of gateway.diagnostics.frames."""


class Transmitter:
    """One queue to the concentrator. `answers` counts what became of each answer, each once;
    `stands` says whether one may still be sent.
    """

    def __init__(
        self,
        concentrator: Concentrator,
        duty_cycle: DutyCycle,
        told: Told,
        stands: Stands,
        shown: Shown = _nobody_looks,
    ) -> None:
        """`shown` hears of each answer once it has ended, with its packet if it got so far."""
        self._concentrator, self._duty_cycle = concentrator, duty_cycle
        self._told, self._stands, self._shown = told, stands, shown
        self.answers: Tally[str] = Tally()
        self._scheduler = Scheduler(concentrator.lead_us)
        self._claimed: dict[TxPacket, Claim] = {}
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
        self._refuse(self._scheduler.withdraw(self._overtaken), TxStatus.COLLISION_PACKET)
        allowed = self._with_airtime(answer)
        if allowed is not None:
            placement = self._scheduler.place(allowed, uplink.counter_us, now.chip_session, now.us)
            await self._take(allowed, placement, now)

    def withhold(self, answer: Answer) -> None:
        """It must not leave: what it promises is not safe."""
        self._end(answer, TxStatus.TOO_LATE)

    async def send_now(self, answer: Answer) -> None:
        """To a device that always listens: at the first moment that is free."""
        allowed = self._with_airtime(answer)
        if allowed is None:
            return
        window = allowed.windows[0]
        airtime = _needed_us(allowed, window)
        claim = await self._duty_cycle.claim(
            window.frequency, airtime, DISK_AT_MOST_US + NOW_AT_MOST_US
        )
        now, status = None, TxStatus.OK
        try:
            now = await self._now()
        except CounterUnknown:
            pass  # it goes out unplanned
        except DriverError:
            status = TxStatus.TOO_LATE
        if not self._duty_cycle.covers(claim, NOW_AT_MOST_US):
            status = TxStatus.TOO_LATE
        if status is TxStatus.OK and self._overtaken(answer):
            status = TxStatus.COLLISION_PACKET
        if status is not TxStatus.OK:
            self._not_sent(allowed, status, claim)
        elif now is None:
            await self._send_unplanned(allowed, claim)
        else:
            self._place_now(allowed, claim, now)

    def _place_now(self, answer: Answer, claim: Claim, now: Counter) -> None:
        placement = self._scheduler.place_now(answer, now.chip_session, now.us)
        if placement.packet is None:
            self._not_sent(answer, placement.status, claim)
            return
        self._claimed[placement.packet] = claim
        self._placed.set()

    def _not_sent(self, answer: Answer, status: TxStatus, claim: Claim) -> None:
        self._duty_cycle.give_back(claim)
        self._end(answer, status)

    def _overtaken(self, answer: Answer) -> bool:
        return not self._stands(answer)

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

    async def _send_unplanned(self, answer: Answer, claim: Claim) -> None:
        """Nobody knows the counter yet: what else is on the air there cannot be considered."""
        session = self._concentrator.status().chip_session
        packet = packet_of(answer, answer.windows[0], None, session)
        try:
            status = await self._concentrator.send(packet)
        except DriverError:
            self._end(answer, None, packet=packet)
            return
        if status is TxStatus.OK:
            self._end(answer, status, packet=packet)
        else:
            self._not_sent(answer, status, claim)

    def _has_airtime(self, answer: Answer, window: Window) -> bool:
        return self._duty_cycle.allows(window.frequency, _needed_us(answer, window))

    def duty_cycle(self) -> dict[str, float]:
        """Seconds of airtime left by sub-band, in MHz, where the law sets a limit."""
        return self._duty_cycle.seconds_left()

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._placed.clear()
            pause = IDLE_SECONDS
            if self._scheduler.next_due_us() is None:
                self._give_back(list(self._claimed))  # they went out in a later window, if at all
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
                status = await self._send(packet, answer)
                if status is not TxStatus.OK:
                    again = self._scheduler.refused(packet, (await self._now()).us)
            except DriverError:
                self._end(answer, status, packet=packet)
                self._refuse(due[done + 1 :])
                raise
            if not again:
                ahead_us = _ahead_us(packet, now) if status is TxStatus.OK else 0
                self._end(answer, status, ahead_us, packet)

    async def _send(self, packet: TxPacket, answer: Answer) -> TxStatus:
        """Program a packet; one that has moved to a later window claims its airtime only now."""
        if packet not in self._claimed:
            now = await self._now()
            if not self._duty_cycle.allows(packet.frequency, _airtime_us(packet)):
                return TxStatus.DUTY_CYCLE_OVERFLOW
            await self._claim(packet, now)
        claim, status = self._claimed.pop(packet), TxStatus.COLLISION_PACKET
        if self._stands(answer):
            status = await self._concentrator.send(packet)
        if status is not TxStatus.OK:
            self._duty_cycle.give_back(claim)
        return status

    async def _claim(self, packet: TxPacket, now: Counter) -> None:
        airtime, ahead = _airtime_us(packet), _ahead_us(packet, now)
        self._claimed[packet] = await self._duty_cycle.claim(packet.frequency, airtime, ahead)

    def _give_back(self, packets: Iterable[TxPacket]) -> None:
        """The airtime of packets that are not sent, as far as they have claimed any."""
        for packet in packets:
            claim = self._claimed.pop(packet, None)
            if claim is not None:
                self._duty_cycle.give_back(claim)

    async def _now(self) -> Counter:
        """The counter; what was planned for a chip session that has ended is refused."""
        now = await self._concentrator.counter()
        if now.chip_session != self._chip_session:
            self._chip_session = now.chip_session
            self._refuse(self._scheduler.clear())
        return now

    def _refuse(self, lost: Iterable[Planned], status: TxStatus = TxStatus.TOO_LATE) -> None:
        for packet, answer in lost:
            self._give_back([packet])
            self._end(answer, status)

    def _end(
        self,
        answer: Answer,
        status: TxStatus | None,
        ahead_us: int = 0,
        packet: TxPacket | None = None,
    ) -> None:
        self.answers[status or TxStatus.TOO_LATE] += 1
        self._told(answer, status, ahead_us)
        self._shown(answer, packet, status)


def _ahead_us(packet: TxPacket, now: Counter) -> int:
    assert packet.counter_us is not None
    return (packet.counter_us - now.us) % COUNTER_MODULUS


def _needed_us(answer: Answer, window: Window) -> int:
    return airtime_us(len(answer.phy_payload), window.sf, window.bandwidth)


def _airtime_us(packet: TxPacket) -> int:
    return airtime_us(
        len(packet.payload), packet.sf, packet.bandwidth, packet.coding_rate, packet.preamble
    )
