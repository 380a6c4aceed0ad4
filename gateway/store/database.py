"""The database: one connection, on one thread of its own, under one lock (opening.py).

- Nothing here blocks the event loop: every word with SQLite is spoken on the store's thread.
- Group commit: while a transaction is being fsynced others wait, and go together into the next.
  Each waiter learns of the fsync, or of its failure as a StoreError; none waits for ever.
- Answers reach the loop in the order in which the thread did the work, through `then`, and also
  when the coroutine that asked was cancelled meanwhile: what is on disk is always known to be.
- When the disk refuses (faults.py) the connection is given up on the spot: after a failed fsync
  nothing of it is believed. From then on (`fault`) nothing is asked of the disk but by `reopen`,
  and everything that would be raises DiskFault. Airtime, notes and history, on which no promise
  hangs, are kept in memory then, and written by `reopen`.
- A disk that cannot be written at the start is read, and counts as one that refuses.
- A damaged database is moved aside (quarantine.py), at the start or when it is opened anew:
  `salvages` tells of it, `quarantined` are those that are kept.
- `room` is measured when the file is opened, after each transaction, and by `measure`, which alone
  is told when that fails: what is on disk is not called lost because the disk cannot be measured.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from gateway.errors import ConfigError, DiskFault, StoreError
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.session import KnownState
from gateway.records import Reading
from gateway.store import archive_tables, damage, faults, plain_keys, sealing, sessions, tables, wal
from gateway.store.bounds import Room
from gateway.store.migrations import migrate, schema
from gateway.store.opening import connect, connect_to_read, take_lock
from gateway.store.quarantine import finish, quarantine, quarantined
from gateway.store.raising import raise_numbers
from gateway.store.sealing import Keyring
from gateway.store.tables import Found, Segment, Stock, Write

T = TypeVar("T")


SUSPICIONS: Final = 2  # a page that cannot be read for a moment looks like damage, once
PROOF: Final = Write(notes={"opened": "and written to"})  # that the disk can be written


def free_disk(path: Path) -> int:
    """Bytes that one who is not root may still write beside `path`."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize


class _Waiting(NamedTuple):
    write: Write
    then: Callable[[StoreError | None], None]
    waiter: asyncio.Future[None]


class Store:
    """Made by `open`. Every method is called in the event loop, and raises StoreError."""

    room: Room

    def __init__(self, path: Path, free_disk: Callable[[Path], int]) -> None:
        self.path = self._path = path
        self._free_disk = free_disk
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self.fault: DiskFault | None = None
        self.failed = asyncio.Event()
        self._owed = Write()
        self._suspicions = 0
        self.salvages: list[str] = []
        self.quarantined: list[str] = []
        self._waiting: list[_Waiting] = []
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def open(cls, path: Path, free_disk: Callable[[Path], int] = free_disk) -> "Store":
        """Opens or creates the file (its directory must be there), locked and migrated."""
        store = cls(path, free_disk)
        try:
            await store._ask(store._open)
            if store.fault:
                store.failed.set()
            await store.measure()
        except BaseException:
            store._shut_down()
            raise
        return store

    async def reopen(self, then: Callable[[Found], None]) -> None:
        """After a fault: begin anew with what the disk has. `then` hears of it before anything else
        is asked of it. Raises DiskFault: it still refuses.
        """

        def back(found: Found) -> None:
            self.fault = None
            then(found)

        await self.settled()
        self.failed.clear()
        await self._ask(self._reopen, back)

    async def settled(self) -> None:
        """Every commit that was asked for has ended, well or not."""
        await self._idle.wait()

    async def close(self) -> None:
        """After every commit that was asked for."""
        await self.settled()
        try:
            await self._ask(self._close)
        finally:
            self._thread.shutdown(wait=False)

    async def load(self) -> KnownState:
        """Every session, every join ever accepted, and airtime that may count."""
        return await self._ask(partial(self._run, tables.load))

    async def locked(self) -> tuple[int, ...]:
        """The DevEUIs of those whose session cannot be opened: another key sealed it."""
        return await self._ask(partial(self._run, sessions.locked))

    async def stock(self) -> Stock:
        return await self._ask(partial(self._run, tables.read_stock))

    async def remember(self, name: str, value: str) -> None:
        """Note one thing for the next run; on disk when this returns, or when the disk is back."""
        await self._write_or_owe(Write(notes={name: value}))

    async def recall(self, name: str) -> str | None:
        """What an earlier `remember` noted."""
        return await self._ask(partial(self._run, partial(tables.recall, name=name)))

    async def keep_history(self, rows: Mapping[int, bytes]) -> None:
        """Samples by the hour (gateway.history); on disk as what `remember` notes."""
        await self._write_or_owe(Write(history=rows))

    async def measure(self) -> None:
        """Others fill the disk too."""
        self.room = await self._ask(partial(self._run, self._room))

    async def last_aged(self, before: float) -> int:
        return await self._ask(partial(self._run, partial(tables.last_aged, before=before)))

    async def read_segments(
        self, after: int, records: int, then: Callable[[list[Segment]], None]
    ) -> None:
        """The oldest segments above sequence number `after`, with `records` records or more."""
        read = partial(tables.read_segments, after=after, records=records)
        await self._ask(partial(self._run, read), then)

    async def read_archived(self, number: int) -> Sequence[Reading] | None:
        """One block of the archive; none if it is gone, None if it cannot be read."""
        return await self._ask(partial(self._run, partial(archive_tables.read, number=number)))

    async def inspect(
        self, work: Callable[[sqlite3.Connection], T], then: Callable[[T], None] | None = None
    ) -> T:
        """A short look at what is there: it changes nothing, and leaves no statement open."""
        return await self._ask(partial(self._run, work), then)

    async def keys(self) -> list[bytes]:
        """What opens the sessions: for a backup of them."""
        return await self._ask(partial(sealing.read_keys, self._path.parent))

    async def demand_key(self) -> None:
        """There is a key to seal with, made if there was none."""
        await self._ask(lambda: self._keyring.demand())

    async def spend(self, spent: Spent) -> None:
        """On disk when this returns, with what else waits for it, or when the disk is back."""
        await self._write_or_owe(Write(airtime=(spent,)))

    async def _write_or_owe(self, write: Write) -> None:
        def ended(fault: StoreError | None) -> None:
            if isinstance(fault, DiskFault):
                self._owed = self._owed.followed_by(write)

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

    # in the event loop

    def _write_group(self) -> None:
        group, self._waiting = self._waiting, []
        self._idle.clear()
        writes = [waiting.write for waiting in group]
        work = partial(self._run, partial(self._write, writes=writes))
        self._submit(work, partial(self._group_written, group))

    def _group_written(self, group: list[_Waiting], done: Future[Room]) -> None:
        fault = self._fault(done)
        if fault is None:
            self.room = done.result()
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
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    # on the store's thread

    def _open(self) -> None:
        try:
            self._lock = take_lock(self._path)
            self._open_file()
        except ConfigError as error:
            raise StoreError(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            if not (faults.is_disk(error) and self._may_read(error)):
                raise self._not_opened(error) from error

    def _open_file(self) -> None:
        """A damaged one is moved aside, and a new one has what could be read of it."""
        finish(self._path)
        if self._suspicions >= SUSPICIONS:
            self._begin_anew("it was found damaged again and again")
        try:
            self._open_checked()
        except (sqlite3.Error, OSError, StoreError) as error:
            cause = error.__cause__ if isinstance(error, StoreError) else error
            if not (faults.is_damage(cause) or faults.is_unreadable(cause)):
                raise
            self._begin_anew(str(cause))
            self._open_checked()
        self.quarantined = quarantined(self._path)

    def _open_checked(self) -> None:
        plain_keys.remove_old_copies(self._path)
        self._connection = connection = connect(self._path)
        damage.check_version(connection, schema())
        self._unlock(connection)
        damage.check(connection)
        raise_numbers(connection)
        tables.write(connection, [self._owed.followed_by(PROOF)])
        self._owed = Write()
        wal.grow(self._path)

    def _begin_anew(self, why: str) -> None:
        self._give_up_connection()
        moved, found = quarantine(self._path, schema())
        self._suspicions = 0
        self.salvages.append(
            f"{self._path} is damaged ({why}). It is kept as {moved.name}, and what could be read"
            f" of it is in a new one: {found}"
        )

    def _may_read(self, error: Exception) -> bool:
        """Whether what an earlier run left can be read though the disk cannot be written."""
        self._give_up_connection()
        if self._lock is None or not self._path.exists():
            return False
        try:
            self._connection = connect_to_read(self._path)
            version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
            self._keyring = Keyring.of(self._path)
        except (sqlite3.Error, OSError):
            return False
        self._keyring.serve(self._connection)
        self._refuse(error)
        return version == len(schema())

    def _not_opened(self, error: Exception) -> StoreError:
        return StoreError(
            f"{self._path} cannot be opened ({error}); it has been left as it is. Check that "
            "it is Kogge's own (ls -l), and the disk's health and free space (dmesg, df -h)."
        )

    def _reopen(self) -> Found:
        self._give_up_connection()
        try:
            self._open_file()
            assert self._connection is not None
            found = tables.read_found(self._connection)
            self.room = self._room(self._connection)
        except (sqlite3.Error, OSError) as error:
            self._give_up_connection()
            if not (faults.is_disk(error) or faults.is_damage(error)):
                raise
            raise self._refuse(error) from error
        return found

    def _unlock(self, connection: sqlite3.Connection) -> None:
        self._keyring = Keyring.of(self._path)
        self._keyring.serve(connection)
        if plain_keys.are_in(connection):
            self._keyring.demand()
        migrate(connection, self._path, schema())
        plain_keys.wipe(connection)
        if self._keyring.has_older:
            sessions.reseal(connection)
        sessions.end_left(connection)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            raise self.fault or StoreError(f"{self._path} is closed")
        try:
            return work(self._connection)
        except (sqlite3.Error, OSError) as error:
            if not (faults.is_disk(error) or faults.is_damage(error)):
                raise
            self._suspicions += faults.is_damage(error) or faults.is_unreadable(error)
            self._give_up_connection()
            raise self._refuse(error) from error

    def _refuse(self, error: Exception) -> DiskFault:
        """From now on nothing is asked of the disk."""
        self.fault = DiskFault(f"{self._path}: {error}; {faults.advice(error)}")
        return self.fault

    def _give_up_connection(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _write(self, connection: sqlite3.Connection, writes: list[Write]) -> Room:
        if any(write.sessions for write in writes):
            self._keyring.demand()
        tables.write(connection, writes)
        try:
            return self._room(connection)
        except (OSError, sqlite3.Error):
            return self.room

    def _room(self, connection: sqlite3.Connection) -> Room:
        used, spare = tables.read_pages(connection)
        log = wal.log_of(self._path)
        size = log.stat().st_size if log.exists() else 0
        return Room(used, size, spare, self._free_disk(self._path))

    def _close(self) -> None:
        self._give_up_connection()
        self.fault = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


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
