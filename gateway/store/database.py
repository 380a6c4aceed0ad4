"""The store, as the event loop sees it: one connection (connection.py), on one thread of its own.

- Nothing here blocks the event loop: every word with SQLite is spoken on the store's thread.
- Group commit: while a transaction is being fsynced others wait, and go together into the next.
  Each waiter learns of the fsync, or of its failure as a StoreError; none waits for ever.
- Answers reach the loop in the order in which the thread did the work, through `then`, and also
  when the coroutine that asked was cancelled meanwhile: what is on disk is always known to be.
- When the disk refuses nothing is asked of it but by `reopen` (`fault`), and everything that would
  be raises DiskFault. Airtime, notes and history, on which no promise hangs, are kept in memory
  then, and written by `reopen`.
- `salvages` tells of damaged databases that were moved aside, until somebody takes it out;
  `quarantined` are those that are kept.
- `room` is measured when the file is opened, after each transaction, and by `measure`, which alone
  is told when that fails: what is on disk is not called lost because the disk cannot be measured.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from gateway.errors import DiskFault, StoreError
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.session import KnownState
from gateway.records import Reading
from gateway.store import archive_tables, sealing, sessions, tables
from gateway.store.bounds import Room
from gateway.store.connection import Connection, free_disk
from gateway.store.tables import Found, Segment, Stock, Write

T = TypeVar("T")


class _Waiting(NamedTuple):
    write: Write
    then: Callable[[StoreError | None], None]
    waiter: asyncio.Future[None]


class Store:
    """Made by `open`. Every method is called in the event loop, and raises StoreError."""

    room: Room

    def __init__(self, path: Path, free_disk: Callable[[Path], int], min_free: int) -> None:
        self.path = self._path = path
        self._disk = Connection(path, free_disk, min_free)
        self.salvages = self._disk.salvages
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self.failed = asyncio.Event()
        self._owed = Write()
        self._waiting: list[_Waiting] = []
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def open(
        cls, path: Path, free_disk: Callable[[Path], int] = free_disk, min_free: int = 0
    ) -> "Store":
        """Opens or creates the file (its directory must be there), locked and migrated; the copy
        before a migration leaves `min_free` bytes of the disk.
        """
        store = cls(path, free_disk, min_free)
        try:
            await store._ask(store._disk.open)
            if store.fault:
                store.failed.set()
            await store.measure()
        except BaseException:
            store._shut_down()
            raise
        return store

    @property
    def fault(self) -> DiskFault | None:
        return self._disk.fault

    @property
    def quarantined(self) -> list[str]:
        return self._disk.quarantined

    @property
    def uncopied(self) -> int | None:
        """The schema from which this run had to migrate without a copy."""
        return self._disk.uncopied

    async def reopen(self, then: Callable[[Found], None]) -> None:
        """After a fault: begin anew with what the disk has. `then` hears of it before anything else
        is asked of it. Raises DiskFault: it still refuses.
        """

        def back(done: tuple[Found, Room]) -> None:
            self._disk.fault = None
            found, self.room = done
            if self._owed is owed:
                self._owed = Write()
            then(found)

        await self.settled()
        self.failed.clear()
        owed = self._owed
        await self._ask(partial(self._disk.reopen, owed), back)

    async def settled(self) -> None:
        """Every commit that was asked for has ended, well or not."""
        await self._idle.wait()

    async def close(self) -> None:
        """After every commit that was asked for."""
        await self.settled()
        try:
            await self._ask(self._disk.close)
        finally:
            self._thread.shutdown(wait=False)

    async def load(self) -> KnownState:
        """Every session, every join ever accepted, and airtime that may count."""
        return await self._ask(partial(self._disk.run, tables.load))

    async def locked(self) -> tuple[int, ...]:
        """The DevEUIs of those whose session cannot be opened: another key sealed it."""
        return await self._ask(partial(self._disk.run, sessions.locked))

    async def stock(self) -> Stock:
        return await self._ask(partial(self._disk.run, tables.read_stock))

    async def remember(self, name: str, value: str) -> None:
        """Note one thing for the next run; on disk when this returns, or when the disk is back."""
        await self._write_or_owe(Write(notes={name: value}))

    async def recall(self, name: str) -> str | None:
        """What an earlier `remember` noted."""
        return await self._ask(partial(self._disk.run, partial(tables.recall, name=name)))

    async def keep_history(self, rows: Mapping[int, bytes]) -> None:
        """Samples by the hour (gateway.history); on disk as what `remember` notes."""
        await self._write_or_owe(Write(history=rows))

    async def measure(self) -> None:
        """Others fill the disk too."""
        self.room = await self._ask(partial(self._disk.run, self._disk.room))

    async def give_up_copies(self) -> bool:
        """Those from before an upgrade, for more room; whether there were any."""
        found = await self._ask(self._disk.give_up_copies)
        if found:
            await self.measure()
        return found

    async def last_aged(self, before: float) -> int:
        return await self._ask(partial(self._disk.run, partial(tables.last_aged, before=before)))

    async def read_segments(
        self, after: int, records: int, then: Callable[[list[Segment]], None]
    ) -> None:
        """The oldest segments above sequence number `after`, with `records` records or more."""
        read = partial(tables.read_segments, after=after, records=records)
        await self._ask(partial(self._disk.run, read), then)

    async def read_archived(self, number: int) -> Sequence[Reading] | None:
        """One block of the archive; none if it is gone, None if it cannot be read."""
        return await self._ask(partial(self._disk.run, partial(archive_tables.read, number=number)))

    async def inspect(
        self, work: Callable[[sqlite3.Connection], T], then: Callable[[T], None] | None = None
    ) -> T:
        """A short look at what is there: it changes nothing, and leaves no statement open."""
        return await self._ask(partial(self._disk.run, work), then)

    async def keys(self) -> list[bytes]:
        """What opens the sessions: for a backup of them."""
        return await self._ask(partial(sealing.read_keys, self._path.parent))

    async def demand_key(self) -> None:
        """There is a key to seal with, made if there was none."""
        await self._ask(self._disk.demand_key)

    async def spend(self, spent: Spent) -> None:
        """On disk when this returns, with what else waits for it, or when the disk is back."""
        await self._write_or_owe(Write(airtime=(spent,)))

    async def _write_or_owe(self, write: Write) -> None:
        def ended(fault: StoreError | None) -> None:
            if isinstance(fault, DiskFault):
                self._owed = self._owed.followed_by(write)

        if self.fault is None:  # what came while `reopen` was writing
            write, self._owed = self._owed.followed_by(write), Write()
        with suppress(DiskFault):
            await self.commit(write, ended)

    async def commit(self, write: Write, then: Callable[[StoreError | None], None]) -> None:
        """On disk when this returns; `then` has been called just before, with None."""
        if self.fault:
            then(self.fault)
            raise self.fault
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(write, then, waiter))
        if self._idle.is_set():
            self._write_group()
        await waiter

    def _write_group(self) -> None:
        group, self._waiting = self._waiting, []
        self._idle.clear()
        writes = [waiting.write for waiting in group]
        work = partial(self._disk.run, partial(self._disk.write, writes=writes))
        self._submit(work, partial(self._group_written, group))

    def _group_written(self, group: list[_Waiting], done: Future[Room | None]) -> None:
        fault = self._fault(done)
        if fault is None:
            self.room = done.result() or self.room
        for _, then, waiter in group:
            _settle(waiter, partial(_committed, then, fault))
        if self._waiting:
            self._write_group()
        else:
            self._idle.set()

    async def _ask(self, work: Callable[[], T], then: Callable[[T], None] | None = None) -> T:
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submit(work, lambda done: _settle(waiter, partial(self._answer, done, then)))
        return await waiter

    def _answer(self, done: Future[T], then: Callable[[T], None] | None) -> T:
        if fault := self._fault(done):
            raise fault
        if then is not None:
            then(done.result())
        return done.result()

    def _submit(self, work: Callable[[], T], then: Callable[[Future[T]], None]) -> None:
        """`then` is called in the loop, in the order of submission, whatever happens."""
        loop = asyncio.get_running_loop()
        try:
            future = self._thread.submit(work)
        except RuntimeError as error:
            future = Future()
            future.set_exception(error)
        future.add_done_callback(lambda done: loop.call_soon_threadsafe(then, done))

    def _fault(self, done: Future[T]) -> StoreError | None:
        error = done.exception()
        if isinstance(error, DiskFault):
            self.failed.set()
        if error is None or isinstance(error, StoreError):
            return error
        fault = StoreError(
            f"{self._path}: {error or type(error).__name__}. Nothing more can be stored: what the "
            "broker has not acknowledged is in memory only. Report this."
        )
        fault.__cause__ = error
        return fault

    def _shut_down(self) -> None:
        self._thread.submit(self._disk.close)
        self._thread.shutdown(wait=False)


def _committed(then: Callable[[StoreError | None], None], fault: StoreError | None) -> None:
    then(fault)
    if fault is not None:
        raise fault


def _settle(waiter: asyncio.Future[T], then: Callable[[], T]) -> None:
    """Wake the waiter with what `then` returns or raises."""
    try:
        result = then()
    except Exception as error:  # noqa: BLE001 # raised by the waiter, who must not hang
        if not waiter.done():
            waiter.set_exception(error)
    else:
        if not waiter.done():
            waiter.set_result(result)
