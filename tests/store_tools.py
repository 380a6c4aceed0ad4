"""What the store's tests share: records, a clock set by hand, a power cut, and full drains."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from patience import HUNG

from gateway.clock import Clock
from gateway.lorawan.session import Session
from gateway.records import Event, Moment, Radio, Reading, Record
from gateway.store.bounds import NO_BOUNDS, Bounds
from gateway.store.buffer import Batch, Buffer
from gateway.store.database import Store

MOMENT = Moment(1_790_000_000.125, "ntp", "boot", 12.5)
FAR = 1_000_000.0
MEMORY = Path("/dev/shm")


def in_memory() -> Path:
    """A new directory, in memory where there is one: there an fsync costs nothing."""
    return Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))


def reading(number: int, **changes: object) -> Reading:
    fields: dict[str, object] = {
        "id": f"{number:032x}",
        "device": "70b3d57ed0000001",
        "session": "0000010002",
        "name": "parking-neuer-markt-07",
        "moment": MOMENT,
        "f_port": 1,
        "f_cnt": number,
        "confirmed": False,
        "measurements": {"temperature": 21.5, "occupied": True, "state": "ok", "count": number},
        "units": {"temperature": "Cel"},
        "radio": Radio(-80.0, 7.5, 7, 125_000, 868_100_000),
    }
    return Reading(**(fields | changes))  # type: ignore[arg-type]


def event(number: int) -> Event:
    return Event("join", MOMENT, {"number": number, "reason": None})


def number_of(record: Record) -> int:
    """What `reading` or `event` got; a gap has none, and is -1."""
    if isinstance(record, Reading):
        return int(record.id, 16)
    return int(record.detail.get("number", -1) or 0)


def numbers_of(batch: Batch) -> list[int]:
    return [number_of(record) for record in batch.records]


def session(dev_eui: int = 1, id_: bytes = b"\x00\x00\x01\x00\x02", f_cnt_up: int = 0) -> Session:
    return Session(dev_eui, id_, 0xFFFF_0001, b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16, f_cnt_up)


class World:
    """A database file, the time, the disk, and what was reported safe, how often."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.time = 1000.0
        self.wall: float | None = MOMENT.at
        self.free = 1 << 40
        self.safe: Counter[int] = Counter()
        self.safe_changed = asyncio.Event()

    @property
    def key_file(self) -> Path:
        return self.path.with_name("kogge.key")

    def say_safe(self, records: Sequence[Record]) -> None:
        self.safe.update(number_of(record) for record in records)
        self.safe_changed.set()

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        store = await Store.open(self.path, lambda _: self.free)
        try:
            yield store
        finally:
            await store.close()

    @asynccontextmanager
    async def buffer(
        self, window: float = 1.0, bounds: Bounds = NO_BOUNDS, archive: float = 0.0
    ) -> AsyncIterator[Buffer]:
        async with self.store() as store:
            buffer = self.on(store, window, bounds, archive)
            await buffer.open()
            yield buffer

    def on(
        self, store: Store, window: float = 1.0, bounds: Bounds = NO_BOUNDS, archive: float = 0.0
    ) -> Buffer:
        """Not yet opened."""
        return Buffer(
            store,
            window,
            self.say_safe,
            now=lambda: self.time,
            bounds=bounds,
            clock=self.clock(),
            archive=archive,
        )

    def clock(self) -> Clock:
        """Trusted when `wall` is set; `time` is its monotonic time."""
        return Clock(
            lambda: "unsynchronised" if self.wall is None else "ntp",
            MOMENT.boot_id,
            lambda: self.wall or 0.0,
            lambda: self.time,
        )

    def after_power_cut(self) -> "World":
        """The files as they are now, without anything that a close would still write."""
        ruin = self.path.parent / "after"
        shutil.rmtree(ruin, ignore_errors=True)
        ruin.mkdir()
        for file in (*self.path.parent.glob(f"{self.path.name}*"), self.key_file):
            if file.exists():
                shutil.copy(file, ruin)
        return World(ruin / self.path.name)

    async def stored(self) -> list[int]:
        """The numbers of all records that a new run finds."""
        async with self.buffer() as buffer:
            return await drain(buffer)


async def next_batch(buffer: Buffer, limit: int = 100, linger: float = 0) -> Batch:
    return await asyncio.wait_for(buffer.next_batch(limit, linger), HUNG)


async def drain(buffer: Buffer, limit: int = 100) -> list[int]:
    """Deliver everything; the numbers in the order in which they came."""
    numbers = []
    while buffer.backlog:
        batch = await asyncio.wait_for(buffer.next_batch(limit, 0), HUNG)
        numbers += [number_of(record) for record in batch.records]
        buffer.delivered(batch)
    return numbers
