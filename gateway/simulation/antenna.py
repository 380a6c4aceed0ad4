"""The way to the chip in one life of the gateway: `gateway.air.transmitter`, in virtual time.

Each packet claims its airtime on disk, and then it is programmed just in time. What became of each
answer is told once: OK when the chip has it, or why it never left.
"""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from drivers.concentrator import COUNTER_MODULUS, TxPacket, TxStatus
from gateway import records
from gateway.air.duty_cycle import Claim, DutyCycle
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.region import SubBand
from gateway.lorawan.scheduler import (
    LAST_MOMENT_US,
    NOW_AT_MOST_US,
    Placement,
    Planned,
    Scheduler,
)
from gateway.simulation.agenda import Agenda
from gateway.simulation.disk import Disk, Write
from gateway.simulation.said import Said

Send = Callable[[TxPacket, int, Said], None]
"""What the chip sends, the µs at which it starts, and what it answers."""
Told = Callable[[Answer, TxStatus, int], None]
"""What became of an answer, and the µs at which it is off the air."""
Stands = Callable[[Answer], bool]
"""Whether it may still be sent."""


class Antenna:
    """`counter` is the chip's at a moment of virtual time, `sub_bands` and `airtime` limit it."""

    def __init__(
        self,
        disk: Disk,
        agenda: Agenda,
        now: Callable[[], records.Moment],
        counter: Callable[[int], int],
        chip_session: int,
        sub_bands: Iterable[SubBand],
        airtime: Iterable[Spent],
        send: Send,
        told: Told,
        stands: Stands,
    ) -> None:
        self._disk, self._agenda, self._counter, self._send = disk, agenda, counter, send
        self._chip_session, self._told, self._stands = chip_session, told, stands
        self._scheduler = Scheduler()
        self._duty_cycle = DutyCycle(sub_bands, airtime, self._keep, now)
        self._said: dict[bytes, Said] = {}
        self._claimed: dict[TxPacket, Claim] = {}
        self._next_round = 0
        self._spent: Spent | None = None
        self.alive = True

    def answer(self, answer: Answer, ended_us: int, said: Said) -> None:
        """In a window whose airtime may be claimed."""
        self._refuse(self._scheduler.withdraw(self._overtaken), TxStatus.COLLISION_PACKET)
        allowed = self._with_airtime(answer)
        if allowed is not None:
            now, chip_session = self._counter(self._agenda.now), self._chip_session
            placed = self._scheduler.place(allowed, ended_us, chip_session, now)
            self._take(allowed, placed, said)

    def send_now(self, answer: Answer, said: Said) -> None:
        """To a device that always listens."""
        allowed = self._with_airtime(answer)
        if allowed is None:
            return
        window = allowed.windows[0]
        needed = airtime_us(len(answer.phy_payload), window.sf, window.bandwidth)

        def claimed(claim: Claim) -> None:
            self._place_now(allowed, claim, said)

        self._claim(window.frequency, needed, NOW_AT_MOST_US, claimed)

    def _place_now(self, answer: Answer, claim: Claim, said: Said) -> None:
        if not self.alive:
            return
        placed, now = Placement(TxStatus.COLLISION_PACKET), self._counter(self._agenda.now)
        if self._stands(answer):
            placed = self._scheduler.place_now(answer, self._chip_session, now)
        if placed.packet is None:
            self._duty_cycle.give_back(claim)
            self._told(answer, placed.status, self._agenda.now)
            return
        self._said[answer.phy_payload] = said
        self._claimed[placed.packet] = claim
        self._round()

    def _overtaken(self, answer: Answer) -> bool:
        return not self._stands(answer)

    def _with_airtime(self, answer: Answer) -> Answer | None:
        allowed = tuple(window for window in answer.windows if self._has_airtime(answer, window))
        if allowed or not answer.windows:
            return replace(answer, windows=allowed)
        self._told(answer, TxStatus.DUTY_CYCLE_OVERFLOW, self._agenda.now)
        return None

    def _has_airtime(self, answer: Answer, window: Window) -> bool:
        needed = airtime_us(len(answer.phy_payload), window.sf, window.bandwidth)
        return self._duty_cycle.allows(window.frequency, needed)

    def _take(self, answer: Answer, placed: Placement, said: Said) -> None:
        if placed.packet is None:
            self._told(answer, placed.status, self._agenda.now)
            return
        self._said[answer.phy_payload] = said
        self._claim_for(placed.packet, self._round)

    def _claim_for(self, packet: TxPacket, then: Callable[[], None]) -> None:
        def claimed(claim: Claim) -> None:
            self._claimed[packet] = claim
            then()

        airtime, ahead = _airtime_us(packet), self._ahead_us(packet)
        self._claim(packet.frequency, airtime, ahead, claimed)

    def _claim(
        self, frequency: int, airtime: int, ahead_us: int, then: Callable[[Claim], None]
    ) -> None:
        self._spent = None
        claim = _finished(self._duty_cycle.claim(frequency, airtime, ahead_us))
        self._disk.write(Write(airtime=self._spent), partial(then, claim))

    async def _keep(self, spent: Spent) -> None:
        self._spent = spent

    def _round(self) -> None:
        """Program what is due; come again for what is not yet."""
        if not self.alive:
            return
        now = self._agenda.now
        for planned in self._scheduler.due(self._counter(now)):
            if planned.packet in self._claimed:
                self._program(planned)
            else:  # it has moved to a later window
                self._claim_for(planned.packet, partial(self._program, planned))
        self._refuse(self._scheduler.late(), TxStatus.TOO_LATE)
        next_due = self._scheduler.next_due_us()
        if next_due is None:
            return
        when = now + (next_due - self._counter(now)) % COUNTER_MODULUS
        if not now < self._next_round <= when:
            self._next_round = when
            self._agenda.at(when, self._round)

    def _program(self, planned: Planned) -> None:
        """The chip takes what is in time."""
        packet, answer = planned
        claim = self._claimed.pop(packet)
        ahead_us, now = self._ahead_us(packet), self._agenda.now
        stands = self._stands(answer)
        if stands and LAST_MOMENT_US < ahead_us < COUNTER_MODULUS // 2:
            self._send(packet, now + ahead_us, self._said[packet.payload])
            self._end(answer, TxStatus.OK, ahead_us + _airtime_us(packet))
            return
        self._duty_cycle.give_back(claim)
        if self._scheduler.refused(packet, self._counter(now)):
            self._round()
        else:
            self._end(answer, TxStatus.TOO_LATE if stands else TxStatus.COLLISION_PACKET)

    def _refuse(self, lost: Iterable[Planned], status: TxStatus) -> None:
        for packet, answer in lost:
            claim = self._claimed.pop(packet, None)
            if claim is not None:
                self._duty_cycle.give_back(claim)
            self._end(answer, status)

    def _end(self, answer: Answer, status: TxStatus, ends_us: int = 0) -> None:
        """`ends_us` from now it is off the air."""
        del self._said[answer.phy_payload]
        self._told(answer, status, self._agenda.now + ends_us)

    def _ahead_us(self, packet: TxPacket) -> int:
        assert packet.counter_us is not None
        return (packet.counter_us - self._counter(self._agenda.now)) % COUNTER_MODULUS


def _airtime_us(packet: TxPacket) -> int:
    return airtime_us(len(packet.payload), packet.sf, packet.bandwidth)


def _finished(claim: Coroutine[Any, Any, Claim]) -> Claim:
    """Run a coroutine that waits for nothing here: when it is on disk is the disk's model's."""
    try:
        claim.send(None)
    except StopIteration as end:
        claimed: Claim = end.value
        return claimed
    raise RuntimeError("the claim waits for something")
