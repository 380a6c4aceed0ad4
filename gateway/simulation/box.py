"""One life of the gateway, from its start to its kill: the only place that knows the network's API.

It does in virtual time what `gateway.uplinks`, `gateway.transmitter` and `gateway.duty_cycle` do in
real time: commit, then answer (D1a); claim airtime on disk, then send; program just in time.
"""

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from random import Random
from typing import Any

from drivers.concentrator import COUNTER_MODULUS, RxPacket, TxPacket
from gateway import records
from gateway.duty_cycle import DutyCycle
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop, Joined, Outcome, Uplink
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.scheduler import LAST_MOMENT_US, Scheduler
from gateway.lorawan.session import Changes, Session
from gateway.simulation.agenda import SECOND, Agenda
from gateway.simulation.disk import Disk, Write
from gateway.simulation.judge import Said
from gateway.simulation.wall import Wall

HEARD = tuple(100_000 * n for n in (8671, 8673, 8675, 8677, 8679, 8681, 8683, 8685))
TOUCHED_S = 60
"""D1b: the counter of an unanswered uplink is on disk within this."""

Send = Callable[[TxPacket, int, Said], None]
"""What the chip sends, the µs at which it starts, and what it answers."""


class Box:
    """`chip_session` numbers its lives; `send` is told of each packet that the chip takes."""

    def __init__(
        self,
        devices: Iterable[Device],
        disk: Disk,
        agenda: Agenda,
        wall: Wall,
        random: Random,
        chip_session: int,
        send: Send,
    ) -> None:
        self._disk, self._agenda, self._wall, self._send = disk, agenda, wall, send
        self._chip_session, self._started = chip_session, agenda.now - random.randrange(1 << 33)
        known = disk.load()
        self._network = Network(devices, known, EU868, random.randbytes, heard=HEARD)
        self._scheduler = Scheduler()
        self._duty_cycle = DutyCycle(EU868.sub_bands, known.airtime, self._keep, self._now)
        self._answers: dict[TxPacket, Said] = {}
        self._claimed: set[TxPacket] = set()
        self._touched: dict[tuple[int, bytes], Session] = {}
        self._unsaved: list[str] = []
        self._next_round = 0
        self._spent: Spent | None = None
        self.alive = True

    def counter(self, at: int) -> int:
        """The chip's counter at a moment of virtual time."""
        return (at - self._started) % COUNTER_MODULUS

    def heard(self, packet: RxPacket, ended: int, said: Said) -> Outcome:
        """Take a packet that ended at `ended` all the way, as `gateway.uplinks` does."""
        packet = replace(packet, counter_us=self.counter(ended), chip_session=self._chip_session)
        known = self._wall.moment(ended)
        moment = Moment(known.monotonic_s, self._wall.unix_ns(ended))
        outcome = self._network.receive(packet, moment)
        match outcome:
            case Uplink() if outcome.answer is not None or outcome.changes != Changes():
                readings = () if outcome.retransmission else (outcome.reading_id,)
                self._commit(outcome.changes, readings, outcome.answer, packet.counter_us, said)
            case Uplink():
                self._touch(outcome)
            case Joined():
                self._commit(outcome.changes, (), outcome.answer, packet.counter_us, said)
            case Drop():
                pass
        return outcome

    def kill(self) -> None:
        self.alive = False
        self._disk.kill()

    def _commit(
        self,
        changes: Changes,
        readings: Iterable[str],
        answer: Answer | None,
        ended_us: int,
        said: Said,
    ) -> None:
        def synced() -> None:
            if answer is not None:
                self._answer(answer, ended_us, said)

        self._disk.write(Write(changes, tuple(readings)), synced)

    def _touch(self, uplink: Uplink) -> None:
        if not self._touched:
            self._agenda.at(self._agenda.now + TOUCHED_S * SECOND, self._save_touched)
        self._touched[uplink.session.dev_eui, uplink.session.id] = uplink.session
        self._unsaved.append(uplink.reading_id)

    def _save_touched(self) -> None:
        if not self.alive:
            return
        sessions, readings = tuple(self._touched.values()), tuple(self._unsaved)
        self._touched, self._unsaved = {}, []
        self._disk.write(Write(Changes(sessions), readings), lambda: None)

    def _answer(self, answer: Answer, ended_us: int, said: Said) -> None:
        """Find a window whose airtime may be claimed, and claim it (`Transmitter.answer`)."""
        now = self.counter(self._agenda.now)
        allowed = tuple(window for window in answer.windows if self._has_airtime(answer, window))
        placed = self._scheduler.place(
            replace(answer, windows=allowed), ended_us, self._chip_session, now
        )
        if placed.packet is not None:
            self._answers[placed.packet] = said
            self._claim(placed.packet)

    def _has_airtime(self, answer: Answer, window: Window) -> bool:
        needed = airtime_us(len(answer.phy_payload), window.sf, window.bandwidth)
        return self._duty_cycle.allows(window.frequency, needed)

    def _claim(self, packet: TxPacket) -> None:
        """On disk, and then it waits for its moment."""
        assert packet.counter_us is not None
        ahead_us = (packet.counter_us - self.counter(self._agenda.now)) % COUNTER_MODULUS
        airtime = airtime_us(len(packet.payload), packet.sf, packet.bandwidth)
        self._spent = None
        _finished(self._duty_cycle.claim(packet.frequency, airtime, ahead_us))

        def claimed() -> None:
            self._claimed.add(packet)
            self._round()

        self._disk.write(Write(airtime=self._spent), claimed)

    async def _keep(self, spent: Spent) -> None:
        self._spent = spent

    def _round(self) -> None:
        """Program what is due (`Transmitter._round`); come again for what is not yet."""
        if not self.alive:
            return
        now = self._agenda.now
        for packet, _ in self._scheduler.due(self.counter(now)):
            assert packet.counter_us is not None
            ahead_us = (packet.counter_us - self.counter(now)) % COUNTER_MODULUS
            if packet in self._claimed and LAST_MOMENT_US < ahead_us < COUNTER_MODULUS // 2:
                self._send(packet, now + ahead_us, self._answers.pop(packet))
        self._scheduler.late()
        next_due = self._scheduler.next_due_us()
        if next_due is None:
            return
        when = now + (next_due - self.counter(now)) % COUNTER_MODULUS
        if not now < self._next_round <= when:
            self._next_round = when
            self._agenda.at(when, self._round)

    def _now(self) -> records.Moment:
        return self._wall.moment(self._agenda.now)


def _finished(claim: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing here: when it is on disk is the disk's model's."""
    try:
        claim.send(None)
    except StopIteration:
        return
    raise RuntimeError("the claim waits for something")
