"""One life of the gateway, from its start to its kill: the only place that knows the network's API.

It does in virtual time what uplinks.py and downlinks.py of `gateway.air` do in real time: commit,
then answer (D1a); keep an order, then acknowledge it; send a class C device what waits for it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random

from drivers.concentrator import COUNTER_MODULUS, RxPacket, TxStatus
from gateway import records
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.order import Order, Result, Step
from gateway.lorawan.outcome import Drop, Joined, Outcome, Uplink
from gateway.lorawan.session import Changes, Session
from gateway.simulation.agenda import SECOND, Agenda
from gateway.simulation.antenna import Antenna, Send
from gateway.simulation.disk import Disk, Write
from gateway.simulation.place import Place
from gateway.simulation.said import Said
from gateway.simulation.wall import Wall

TOUCHED_S = 60
"""D1b: the counter of an unanswered uplink is on disk within this."""
LOOK_S, EXPIRY_S, RETRY_S = 1, 60, 10
"""While something waits: for a class C device, for its end; and after a transmission failed."""

Unasked = Callable[[Session], Said]
"""What a downlink refers to that answers nothing."""


class Box:
    """`chip_session` numbers its lives; `send` is told of each packet that the chip takes."""

    def __init__(
        self,
        place: Place,
        devices: Iterable[Device],
        disk: Disk,
        agenda: Agenda,
        wall: Wall,
        random: Random,
        chip_session: int,
        send: Send,
        unasked: Unasked,
    ) -> None:
        self._disk, self._agenda, self._wall, self._unasked = disk, agenda, wall, unasked
        self._chip_session, self._started = chip_session, agenda.now - random.randrange(1 << 33)
        known, devices = disk.load(), tuple(devices)
        self._network = Network(devices, known, place.region, random.randbytes, heard=place.heard)
        self._antenna = Antenna(
            disk, agenda, self._now, self.counter, chip_session, place.region.sub_bands,
            known.airtime, send, self._told, self._stands,
        )  # fmt: skip
        self._class_c = {one.dev_eui for one in devices if one.device_class == "C"}
        self._touched: dict[tuple[int, bytes], Session] = {}
        self._unsaved: list[str] = []
        self._retry_at: dict[int, int] = {}
        self._sent_now: dict[int, int] = {}  # DevEUIs by the number of what they were sent
        self._next_look = 0
        self._keep(self._network.downlinks.recover({one.dev_eui for one in devices}))
        self._look()

    @property
    def alive(self) -> bool:
        return self._antenna.alive

    def counter(self, at: int) -> int:
        """The chip's counter at a moment of virtual time."""
        return (at - self._started) % COUNTER_MODULUS

    def heard(self, packet: RxPacket, ended: int, said: Said) -> Outcome:
        """Take a packet that ended at `ended` all the way, as `gateway.air.uplinks` does."""
        packet = replace(packet, counter_us=self.counter(ended), chip_session=self._chip_session)
        outcome = self._network.receive(packet, self._moment(ended))
        match outcome:
            case Uplink() if outcome.answer is not None or outcome.changes != Changes():
                readings = () if outcome.retransmission else (outcome.reading_id,)
                write = self._written(outcome.changes, outcome.results, readings)
                self._commit(write, outcome.answer, packet.counter_us, said)
            case Uplink():
                self._touch(outcome)
            case Joined():
                write = self._written(outcome.changes)
                self._commit(write, outcome.answer, packet.counter_us, said)
            case Drop():
                pass
        return outcome

    def order(self, order: Order, kept: Callable[[], None]) -> None:
        """Take an order of the city in; it is on disk when it is `kept`."""
        step = self._network.downlinks.put(order, self._now().at)
        self._disk.write(Write(Changes(downlinks=step.downlinks), results=step.results), kept)
        self._look()

    def kill(self) -> None:
        self._antenna.alive = False
        self._disk.kill()

    def _written(
        self, changes: Changes, results: tuple[Result, ...] = (), readings: tuple[str, ...] = ()
    ) -> Write:
        """One commit; what it writes or ends needs no writing later (`gateway.store.chores`)."""
        for session in changes.sessions:
            self._touched.pop((session.dev_eui, session.id), None)
        for ended in changes.ended:
            self._touched.pop(ended, None)
        return Write(changes, readings, results=results)

    def _commit(self, write: Write, answer: Answer | None, ended_us: int, said: Said) -> None:
        def synced() -> None:
            if answer is not None:
                self._antenna.answer(answer, ended_us, said)

        self._disk.write(write, synced)

    def _touch(self, uplink: Uplink) -> None:
        if not self._unsaved:
            self._agenda.at(self._agenda.now + TOUCHED_S * SECOND, self._save_touched)
        self._touched[uplink.session.dev_eui, uplink.session.id] = uplink.session
        self._unsaved.append(uplink.reading_id)

    def _save_touched(self) -> None:
        if not self.alive:
            return
        sessions, readings = tuple(self._touched.values()), tuple(self._unsaved)
        self._touched, self._unsaved = {}, []
        self._disk.write(Write(Changes(sessions), readings), lambda: None)

    # the city's downlinks

    def _keep(self, step: Step) -> None:
        if step.downlinks:
            self._disk.write(
                Write(Changes(downlinks=step.downlinks), results=step.results), lambda: None
            )

    def _stands(self, answer: Answer) -> bool:
        """Whether it may still be sent (`Downlinks.stands`)."""
        number = answer.downlink
        if number is None or number not in self._sent_now:
            return True
        return self._network.stands(number, self._moment(self._agenda.now))

    def _told(self, answer: Answer, status: TxStatus, ends: int) -> None:
        """What became of an answer (`Downlinks.told`)."""
        if answer.downlink is None:
            return
        dev_eui = self._sent_now.pop(answer.downlink, None)
        if dev_eui is not None and status is not TxStatus.OK:
            self._retry_at[dev_eui] = self._agenda.now + RETRY_S * SECOND
        ends_at = self._wall.moment(ends).monotonic_s
        self._keep(self._network.downlinks.sent(answer.downlink, status, ends_at))
        self._look()

    def _look(self) -> None:
        """What has expired, and what may go at once (`Downlinks.run`)."""
        now, queue = self._agenda.now, self._network.downlinks
        if not self.alive:
            return
        self._keep(queue.expire(self._now().at))
        for dev_eui in queue.waiting():
            if dev_eui in self._class_c and now >= self._retry_at.get(dev_eui, 0):
                self._send_now(dev_eui)
        waiting = queue.waiting()
        if waiting:
            hurry = not self._class_c.isdisjoint(waiting)
            self._look_at(now + (LOOK_S if hurry else EXPIRY_S) * SECOND)

    def _look_at(self, when: int) -> None:
        if not self._agenda.now < self._next_look <= when:
            self._next_look = when
            self._agenda.at(when, self._look)

    def _send_now(self, dev_eui: int) -> None:
        found = self._network.downlink_now(dev_eui, self._moment(self._agenda.now))
        answer = found.answer
        if found.changes == Changes():
            return

        def synced() -> None:
            if answer is not None and answer.downlink is not None:
                self._sent_now[answer.downlink] = dev_eui
                self._antenna.send_now(answer, self._unasked(found.changes.sessions[0]))

        self._disk.write(self._written(found.changes, found.results), synced)

    def _moment(self, ended: int) -> Moment:
        return Moment(self._wall.moment(ended).monotonic_s, self._wall.unix_ns(ended))

    def _now(self) -> records.Moment:
        return self._wall.moment(self._agenda.now)
