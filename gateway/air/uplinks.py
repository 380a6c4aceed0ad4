"""An uplink's way, from the packet to the buffer and back to the air (docs/architecture.md §4).

What is to be answered is committed at once, and only then answered; everything else is live at
once and safe within W. Nothing here waits: receiving goes on.

With the disk dead (D1c) an answer leaves when the broker has acknowledged the reading, if that is
in time, and if its counter is reserved on disk; it must change nothing else that has to be kept.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

from drivers.concentrator import RxPacket
from gateway.air.decoding import NO_CODEC
from gateway.air.downlinks import lorawan_moment
from gateway.air.join_refusals import JoinRefusals
from gateway.air.readings import activation_detail, events_of, reading_of, shown
from gateway.air.rhythm import Rhythm
from gateway.clock import Clock
from gateway.codecs.catalogue import Codec
from gateway.devices.facts import DeviceFacts
from gateway.diagnostics import telling
from gateway.diagnostics.watch import Watch
from gateway.lorawan.downlink import Answer
from gateway.lorawan.network import Network
from gateway.lorawan.order import Result
from gateway.lorawan.outcome import Drop, Joined, Uplink
from gateway.lorawan.session import Changes, Session
from gateway.records import Event, Moment, Reading, Record

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]
Send: TypeAlias = Callable[[Answer, RxPacket], Awaitable[None]]
Results: TypeAlias = Callable[[Iterable[Result], Moment], list[Event]]
Show: TypeAlias = Callable[[RxPacket, Moment, Drop | Uplink | Joined], None]

ANSWER_SECONDS = 20.0  # RX1 opens 15 s after an uplink at the latest, RX2 a second later


def _nobody_looks(*_: object) -> None:
    """In the place of gateway.diagnostics.frames."""


class Decoding(Protocol):
    """What an uplink asks of gateway.air.decoding."""

    def begin(self, reading: Reading) -> None: ...


class Buffer(Protocol):
    """What an uplink asks of gateway.store.buffer."""

    def add(self, record: Record) -> None: ...
    def touch(self, session: Session) -> None: ...
    async def keep(self, records: Sequence[Record], changes: Changes) -> bool: ...
    async def safe(self, wanted: Callable[[Record], bool]) -> bool: ...


class Uplinks:
    """`codecs` by name; `spawn` starts what may take a while, in the daemon's task group; `rhythm`
    learns when devices speak; `results` makes events of what became of downlinks; `withhold`
    hears of an answer that does not leave, `show` of each packet with its outcome. A device that is
    not ours is no business of the city's, unless `tell_foreign_joins`.
    """

    def __init__(
        self,
        network: Network,
        codecs: Mapping[str, Codec],
        buffer: Buffer,
        decoding: Decoding,
        send: Send,
        clock: Clock,
        watch: Watch,
        spawn: Spawn,
        rhythm: Rhythm,
        results: Results,
        withhold: Callable[[Answer], None],
        show: Show = _nobody_looks,
        *,
        tell_foreign_joins: bool = False,
    ) -> None:
        self._network, self._codecs, self._buffer, self._send = network, codecs, buffer, send
        self._decoding = decoding
        self._clock, self._watch, self._spawn, self._rhythm = clock, watch, spawn, rhythm
        self._results, self._refusals = results, JoinRefusals()
        self._withhold, self._show = withhold, show
        self._tell_foreign_joins = tell_foreign_joins
        self.facts = DeviceFacts()
        self.drops: Counter[str] = Counter()
        self.join_refusals: Counter[str] = Counter()
        self.counts: Counter[str] = Counter(
            readings=0, joins=0, without_payload=0, repeated=0, mac_skipped=0, joins_refused=0
        )

    def heard(self, packet: RxPacket) -> None:
        """Take one packet all the way; strangers' ones end here as a counted drop.

        It is dated by its end: it may have waited in the concentrator for some 10 ms.
        """
        ended_at = packet.ended_at
        moment = self._clock.now() if ended_at is None else self._clock.moment(ended_at)
        outcome = self._network.receive(packet, lorawan_moment(moment))
        self._show(packet, moment, outcome)
        match outcome:
            case Drop() as drop:
                self._drop(drop, packet, moment)
            case Uplink() as uplink:
                self._uplink(uplink, packet, moment)
            case Joined() as joined:
                self._joined(joined, packet, moment)

    def _drop(self, drop: Drop, packet: RxPacket, moment: Moment) -> None:
        self.drops[drop.reason] += 1
        self.facts.refused(drop, packet, moment.monotonic_s)
        telling.dropped(drop)
        if drop.is_join and drop.dev_eui is not None:
            self._join_refused(drop, drop.dev_eui, moment)
        if not self._watch.watched:
            return
        whose = {
            "dev_addr": None if drop.dev_addr is None else f"{drop.dev_addr:08x}",
            "dev_eui": None if drop.dev_eui is None else f"{drop.dev_eui:016x}",
        }
        known = {key: value for key, value in whose.items() if value is not None}
        if drop.says:
            known["says"] = drop.says
        self._watch.tell("drop", reason=drop.reason, **known, rssi=round(packet.rssi, 1))

    def _join_refused(self, drop: Drop, dev_eui: int, moment: Moment) -> None:
        self.counts["joins_refused"] += 1
        self.join_refusals[drop.reason] += 1
        if dev_eui not in self._network.devices and not self._tell_foreign_joins:
            return
        if self._refusals.is_news(dev_eui, drop.reason, moment.monotonic_s):
            detail = {"device": f"{dev_eui:016x}", "cause": str(drop.reason), "reason": drop.says}
            self._buffer.add(Event("join_refused", moment, {**detail}))

    def _uplink(self, uplink: Uplink, packet: RxPacket, moment: Moment) -> None:
        self._rhythm.uplink(uplink.device.dev_eui, uplink.f_cnt, moment.monotonic_s)
        self.counts["mac_skipped"] += uplink.skipped_commands
        told = self._results(uplink.results, moment)
        records = [*self._records(uplink, packet, moment), *told]
        if uplink.answer is not None or uplink.changes != Changes():
            self._spawn(
                self._keep_and_answer(
                    records, uplink.changes, uplink.answer, packet, uplink.reading_id
                )
            )
            return
        for record in records:
            self._buffer.add(record)
        self._begin(records)
        self._buffer.touch(uplink.session)

    def _records(self, uplink: Uplink, packet: RxPacket, moment: Moment) -> list[Record]:
        """The uplink's reading; none for a repetition, and none for a frame of MAC commands. With
        it go events that the uplink is.
        """
        if uplink.retransmission:
            self.counts["repeated"] += 1
            return []
        self.facts.uplink(uplink.device.dev_eui, uplink.f_cnt, packet, moment.monotonic_s)
        others = events_of(uplink, moment)
        if not uplink.f_port:
            self.counts["without_payload"] += 1
            return others
        self.counts["readings"] += 1
        codec = uplink.device.codec
        reading = reading_of(uplink, self._codecs[codec] if codec else None, packet, moment)
        if not reading.undecoded:
            self.show(reading)
        return [reading, *others]

    def show(self, reading: Reading) -> None:
        """It is decoded, as far as it can be: tell onlookers of it."""
        if reading.error and reading.error != NO_CODEC:
            device, at = int(reading.device, 16), reading.moment.monotonic_s
            self.facts.not_decoded(device, reading.error, at)
            telling.not_decoded(reading)
        if self._watch.watched:
            self._watch.tell("reading", **shown(reading))

    def _begin(self, records: Iterable[Record]) -> None:
        """They are in the buffer: what is undecoded is worked on beside it."""
        for record in records:
            if isinstance(record, Reading) and record.undecoded:
                self._decoding.begin(record)

    def _joined(self, joined: Joined, packet: RxPacket, moment: Moment) -> None:
        self.counts["joins"] += 1
        self.facts.joined(joined.device.dev_eui, moment.monotonic_s)
        spent = self._network.dev_nonces(joined.device.dev_eui)
        detail = activation_detail(joined.device, joined.session) | {"dev_nonces": spent}
        self._watch.tell("join", **detail)
        telling.joined(f"{joined.device.dev_eui:016x}")
        event = Event("join", moment, detail)
        self._spawn(self._keep_and_answer([event], joined.changes, joined.answer, packet, None))

    async def _keep_and_answer(
        self,
        records: list[Record],
        changes: Changes,
        answer: Answer | None,
        packet: RxPacket,
        reading_id: str | None,
    ) -> None:
        kept = await self._buffer.keep(records, changes)
        self._begin(records)
        if answer is None:
            return
        if kept or await self._may_answer(reading_id, changes):
            await self._send(answer, packet)
        else:
            self._withhold(answer)

    async def _may_answer(self, reading_id: str | None, changes: Changes) -> bool:
        """D1c; joins have no reading, and are not answered."""
        others = changes.ended or changes.joins or changes.rejoins or changes.downlinks
        covered = all(session.is_within_reserved for session in changes.sessions)
        if reading_id is None or others or not covered:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._buffer.safe(
                    lambda one: isinstance(one, Reading) and one.id == reading_id
                )
        return False
