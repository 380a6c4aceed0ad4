"""Defects that the crash trials must find: each breaks one promise of the daemon."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from msgspec import structs
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from drivers.concentrator import RxPacket
from gateway.air import readings, uplinks
from gateway.codecs.catalogue import Codec
from gateway.errors import StoreError
from gateway.lorawan import session
from gateway.lorawan.downlink import Answer
from gateway.lorawan.outcome import Uplink
from gateway.lorawan.session import Changes, Session
from gateway.northbound.client import Client
from gateway.records import Event, Moment, Reading, Record
from gateway.store import tables
from gateway.store.buffer import Buffer
from gateway.store.database import Store
from gateway.store.lanes import Segment
from gateway.store.tables import Write
from gateway.store.taking_in import TakingIn

LATE = 3.0  # seconds, after RX2


def _safe_before_the_commit() -> None:
    add = Buffer.add

    def early(self: Buffer, record: Record, session: Session | None = None) -> None:
        self._unwritten._told([record])
        add(self, record, session)

    Buffer.add = early  # type: ignore[method-assign]


def _answered_before_the_commit() -> None:
    keep = uplinks.Uplinks._keep_and_answer

    async def early(
        self: uplinks.Uplinks,
        records: list[Record],
        changes: Changes,
        answer: Answer | None,
        packet: RxPacket,
        reading_id: str | None,
    ) -> None:
        if answer is not None:
            await self._send(answer, packet)
            await asyncio.sleep(LATE)
        await keep(self, records, changes, None, packet, reading_id)

    uplinks.Uplinks._keep_and_answer = early  # type: ignore[method-assign]


def _delivered_without_a_puback() -> None:
    due = Client._puback_of

    def impatient(self: Client, mid: int) -> "asyncio.Future[ReasonCode]":
        puback = due(self, mid)
        puback.set_result(ReasonCode(PacketTypes.PUBACK))
        return puback

    Client._puback_of = impatient  # type: ignore[method-assign]


def _sessions_forgotten() -> None:
    commit = Store.commit

    async def without(self: Store, write: Write, then: Callable[[StoreError | None], None]) -> None:
        await commit(self, replace(write, sessions=()), then)

    Store.commit = without  # type: ignore[method-assign]


def _returned_batches_taken_for_delivered() -> None:
    Buffer.returned = Buffer.delivered  # type: ignore[method-assign]


def _f_cnt_down_not_reserved() -> None:
    session.RESERVED_AHEAD = -1


def _ids_of_the_run() -> None:
    read = readings.reading_of

    def named(uplink: Uplink, codec: Codec | None, packet: RxPacket, moment: Moment) -> Reading:
        reading = read(uplink, codec, packet, moment)
        return structs.replace(reading, id=f"{reading.id[:-8]}{os.getpid():08x}")

    uplinks.reading_of = named  # type: ignore[attr-defined]  # where it is used


def _gaps_not_told() -> None:
    tell = TakingIn.tell

    async def silent(
        self: TakingIn,
        gaps: Sequence[Event],
        given_up: Sequence[Segment],
        then: Callable[[StoreError | None], None],
        staying: Sequence[tables.Segment],
        stood: Callable[[], None] | None,
    ) -> None:
        await tell(self, (), given_up, then, staying, None)

    TakingIn.tell = silent  # type: ignore[method-assign]


MUTATIONS: dict[str, Callable[[], None]] = {
    "safe before the commit": _safe_before_the_commit,
    "answered before the commit": _answered_before_the_commit,
    "delivered without a PUBACK": _delivered_without_a_puback,
    "sessions forgotten": _sessions_forgotten,
    "returned batches taken for delivered": _returned_batches_taken_for_delivered,
    "f_cnt_down not reserved": _f_cnt_down_not_reserved,
    "ids of the run": _ids_of_the_run,
    "gaps not told": _gaps_not_told,
}


def mutate(name: str = "") -> None:
    if name:
        MUTATIONS[name]()
