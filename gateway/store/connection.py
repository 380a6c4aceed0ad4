"""The file: its connection, which the store's thread alone uses (database.py).

- A database is believed when it is whole (damage.py), and of this version (migrations.py).
- A damaged one is moved aside (quarantine.py), at the start or when it is opened anew, and a new
  one has what could be read of it.
- When the disk refuses (faults.py) the connection is given up on the spot: after a failed fsync
  nothing of it is believed. From then on (`fault`) nothing is asked of the disk but by `reopen`.
- Before a migration it is copied where the disk has room for that: `min_free` bytes are not for it.
- A disk that cannot be written at the start is read, and counts as one that refuses.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from gateway.errors import ConfigError, DiskFault, StoreError
from gateway.store import counts, damage, faults, plain_keys, sessions, tables, wal
from gateway.store.bounds import MIB, Room
from gateway.store.migrations import migrate, remove_copies, remove_old_copies, schema
from gateway.store.opening import connect, connect_to_read, take_lock
from gateway.store.quarantine import finish, quarantine, quarantined
from gateway.store.raising import raise_numbers
from gateway.store.sealing import Keyring
from gateway.store.tables import Found, Write

T = TypeVar("T")
log = logging.getLogger(__name__)

SUSPICIONS: Final = 2  # a page that cannot be read for a moment looks like damage, once
PROOF: Final = Write(notes={"opened": "and written to"})  # that the disk can be written


def free_disk(path: Path) -> int:
    """Bytes that one who is not root may still write beside `path`."""
    found = os.statvfs(path.parent)
    return found.f_bavail * found.f_frsize


class Connection:
    """Every method is called on the store's thread. The event loop reads `fault`, and clears it
    after a `reopen`; `salvages`, which it takes out; `quarantined`; and `uncopied`: the schema from
    which this run had to migrate without a copy.
    """

    def __init__(self, path: Path, free_disk: Callable[[Path], int], min_free: int) -> None:
        self._path, self._free_disk, self._min_free = path, free_disk, min_free
        self._lock: int | None = None
        self._connection: sqlite3.Connection | None = None
        self.fault: DiskFault | None = None
        self._suspicions = 0
        self.salvages: list[str] = []
        self.quarantined: list[str] = []
        self.uncopied: int | None = None

    def open(self) -> None:
        """Raises StoreError."""
        try:
            self._lock = take_lock(self._path)
            self._open_file(Write())
        except ConfigError as error:
            raise StoreError(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            if not (faults.is_disk(error) and self._may_read(error)):
                raise self._not_opened(error) from error

    def _open_file(self, owed: Write) -> None:
        """A damaged one is moved aside, and a new one has what could be read of it."""
        finish(self._path)
        if self._suspicions >= SUSPICIONS:
            self._begin_anew("it was found damaged again and again")
        try:
            self._open_checked(owed)
        except (sqlite3.Error, OSError, StoreError) as error:
            cause = error.__cause__ if isinstance(error, StoreError) else error
            if not (faults.is_damage(cause) or faults.is_unreadable(cause)):
                raise
            self._begin_anew(str(cause))
            self._open_checked(owed)
        self.quarantined = quarantined(self._path)

    def _open_checked(self, owed: Write) -> None:
        remove_old_copies(self._path)
        self._connection = connection = connect(self._path)
        damage.check_version(connection, schema())
        self._unlock(connection)
        self._tell(counts.mend_sessions(connection))
        damage.check(connection)
        raise_numbers(connection)
        self._tell(counts.mend(connection))
        tables.write(connection, [owed.followed_by(PROOF)])
        wal.grow(self._path)

    def _tell(self, mended: Iterable[str]) -> None:
        self.salvages += [f"{self._path} is mended: {told}" for told in mended]

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

    def reopen(self, owed: Write) -> tuple[Found, Room]:
        """Begin anew; what is `owed` is on disk when this returns. Raises DiskFault, StoreError."""
        self._give_up_connection()
        try:
            self._open_file(owed)
            assert self._connection is not None
            return tables.read_found(self._connection), self.room(self._connection)
        except (sqlite3.Error, OSError) as error:
            self._give_up_connection()
            if not (faults.is_disk(error) or faults.is_damage(error)):
                raise
            raise self._refuse(error) from error

    def _unlock(self, connection: sqlite3.Connection) -> None:
        self._keyring = Keyring.of(self._path)
        self._keyring.serve(connection)
        if plain_keys.are_in(connection):
            self._keyring.demand()
        self._migrate(connection)
        plain_keys.wipe(connection)
        if self._keyring.has_older:
            sessions.reseal(connection)
        sessions.end_left(connection)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        without = migrate(connection, self._path, schema(), self._spare)
        if without is None:
            return
        self.uncopied = without
        log.warning(
            "%s was brought from schema %d to %d without a copy, for which there was no room beside"
            " the %d MiB that stay free (store.min_free_mib). Nothing is lost; but the older Kogge"
            " cannot read it, so there is no going back",
            self._path, without, len(schema()), self._min_free // MIB, extra={"reason": "uncopied"},
        )  # fmt: skip

    def _spare(self) -> int:
        return self._free_disk(self._path) - self._min_free

    def give_up_copies(self) -> bool:
        """Those from before an upgrade; whether there were any."""
        return self.run(lambda _: remove_copies(self._path))

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Raises DiskFault when the disk refuses, and StoreError when it is closed."""
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

    def write(self, connection: sqlite3.Connection, writes: list[Write]) -> Room | None:
        """In one transaction. Returns the room that is left; None: it cannot be measured."""
        if any(write.sessions for write in writes):
            self._keyring.demand()
        tables.write(connection, writes)
        try:
            return self.room(connection)
        except (OSError, sqlite3.Error):
            return None

    def room(self, connection: sqlite3.Connection) -> Room:
        used, spare = tables.read_pages(connection)
        log = wal.log_of(self._path)
        size = log.stat().st_size if log.exists() else 0
        return Room(used, size, spare, self._free_disk(self._path))

    def demand_key(self) -> None:
        self._keyring.demand()

    def close(self) -> None:
        self._give_up_connection()
        self.fault = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
