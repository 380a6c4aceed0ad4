"""An `Uplinks` with everything around it in memory: network, buffer, air, onlookers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from lorawan_network import ABP, AIR, network, otaa

from drivers.concentrator import RxPacket
from gateway import files
from gateway.air.downlinks import result_event
from gateway.air.rhythm import Rhythm
from gateway.air.uplinks import Uplinks
from gateway.clock import Clock
from gateway.codecs.catalogue import Catalogue
from gateway.diagnostics.watch import Watch
from gateway.errors import StoreError
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer
from gateway.lorawan.session import Changes, Session
from gateway.records import Reading, Record

LEVEL = "dingtek/df702"
CODECS = {LEVEL: Catalogue.load(files.shipped()).codec(LEVEL)}
LEVEL_PAYLOAD = bytes.fromhex("80000101110190001e002d100100000081")  # 400 mm
GAUGE = replace(ABP, codec=LEVEL, depth=2.0)


@dataclass
class FakeBuffer:
    """`disk` is set while it commits at once, `dead` if it cannot; then `broker` is set while
    the broker acknowledges at once. `done` is what happened, in order.
    """

    done: list[Any]
    disk: asyncio.Event = field(default_factory=asyncio.Event)
    records: list[Record] = field(default_factory=list)
    touched: list[Session] = field(default_factory=list)
    fault: StoreError | None = None
    dead: bool = False
    broker: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, record: Record) -> None:
        self.records.append(record)
        self.done.append("added")

    def touch(self, session: Session) -> None:
        self.touched.append(session)

    async def keep(self, records: Sequence[Record], changes: Changes) -> bool:
        self.done.append("keeping")
        await self.disk.wait()
        if self.fault:
            raise self.fault
        self.records += records
        self.done.append(changes)
        if not self.dead:
            for session in changes.sessions:
                session.is_on_disk(session)
        return not self.dead

    async def safe(self, wanted: Callable[[Record], bool]) -> bool:
        await self.broker.wait()
        return any(wanted(record) for record in self.records)


class Bench:
    """One gateway without radio, disk and city. The disk works unless a test takes it away."""

    def __init__(
        self, tasks: asyncio.TaskGroup, device: Device, *, tell_foreign_joins: bool = False
    ) -> None:
        self.done: list[Any] = []
        self.buffer = FakeBuffer(self.done)
        self.buffer.disk.set()
        self.undecoded: list[Reading] = []
        self.answers: list[Answer] = []
        self.withheld: list[Answer] = []
        self.watch = Watch()
        self.network = network([device, otaa()])
        self.uplinks = Uplinks(
            self.network,
            CODECS,
            self.buffer,
            self,
            self.send,
            Clock(lambda: "ntp", "boot", lambda: 1_777_636_800.0, lambda: 12.5),
            self.watch,
            tasks.create_task,
            Rhythm(),
            lambda results, moment: [result_event(result, moment) for result in results],
            self.withheld.append,
            tell_foreign_joins=tell_foreign_joins,
        )

    def begin(self, reading: Reading) -> None:
        """In the place of gateway.air.decoding."""
        self.undecoded.append(reading)

    async def send(self, answer: Answer, uplink: RxPacket) -> None:
        self.answers.append(answer)
        self.done.append("answered")

    async def hear(self, *packets: RxPacket) -> None:
        for one in packets:
            self.uplinks.heard(one)
            await idle()

    @property
    def readings(self) -> list[Reading]:
        return [record for record in self.buffer.records if isinstance(record, Reading)]


async def idle() -> None:
    """Let all that can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


def data(f_cnt: int, payload: bytes = LEVEL_PAYLOAD, f_port: int | None = 3, **more: Any) -> bytes:
    return AIR.uplink(f_cnt, payload, f_port, **more)


@asynccontextmanager
async def listening(device: Device = GAUGE) -> AsyncIterator[Bench]:
    async with asyncio.TaskGroup() as tasks:
        one = Bench(tasks, device)
        yield one
        one.buffer.disk.set()  # a test that failed may have left it away
