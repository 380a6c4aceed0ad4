"""The database of a daemon that does not run, as it lies there.

Not a byte of it is changed, the write-ahead log included, and what stands in the log is read too. A
daemon that starts meanwhile is refused at the lock; systemd tries again.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from gateway.errors import ControlError, StoreError
from gateway.records import Record
from gateway.store import archive_tables, damage, faults, tables, wal
from gateway.store.bounds import Room
from gateway.store.connection import free_disk
from gateway.store.inspection import read_segments, structure
from gateway.store.migrations import schema
from gateway.store.opening import connect_to_read, hold_alone
from gateway.store.quarantine import finish, quarantine
from gateway.store.walks import Tally

_HIGHEST = (1 << 63) - 1


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """For reading. Raises StoreError, ControlError (a daemon has it), PermissionError."""
    with locked(path):
        try:
            connection = connect_to_read(path)
        except sqlite3.Error as error:
            raise StoreError(_unreadable(path, error)) from error
        with closing(connection):
            try:
                _demand_schema(connection, path)
                yield connection
            except sqlite3.DatabaseError as error:
                raise StoreError(_unreadable(path, error)) from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """No daemon opens it meanwhile."""
    lock = _open_lock(path)
    try:
        hold_alone(lock)
        yield
    except BlockingIOError:
        raise ControlError(
            f"{path} is in use by a daemon that does not answer here: name its socket with"
            " --socket or --config, or stop it (sudo systemctl stop kogge)"
        ) from None
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    """The lock file belongs to whom the database belongs to, or that one could not open it."""
    lock = Path(f"{path}.lock")
    try:
        owner = path.stat()
        with suppress(FileNotFoundError):
            return os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
        made = os.open(lock, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.fchown(made, owner.st_uid, owner.st_gid)
    except FileNotFoundError:
        raise StoreError(
            f"there is no database at {path}: no daemon has run with this gateway.state_dir"
        ) from None
    except PermissionError as error:
        raise PermissionError(
            f"{path} may not be read by this user: the daemon does not run, so its database is"
            " read itself; use sudo"
        ) from error
    return made


def _demand_schema(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    known = len(schema())
    if version != known:
        raise StoreError(
            f"{path} has schema {version}, and this Kogge knows {known}: start the daemon that"
            " belongs to this command once, and it brings the database to its own"
        )


def _unreadable(path: Path, error: Exception) -> str:
    return (
        f"{path} cannot be read ({error}): it is damaged, or no database of Kogge's;"
        " see: kogge buffer verify"
    )


def repair(path: Path, point_of_no_return: Callable[[], None] = lambda: None) -> str | None:
    """What the daemon's next start would do with a damaged database, and after a closer look: what
    was done; None where nothing is wrong. Raises as `opened`. `point_of_no_return`: as `quarantine`
    has it.
    """
    with locked(path):
        try:
            finish(path)
            why = _damage(path)
            if why is None:
                return None
            moved, found = quarantine(path, schema(), point_of_no_return)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"{path} cannot be repaired ({error}): nothing is lost by that, it is as it was;"
                " check the disk (dmesg, df -h), or copy the file to another"
            ) from error
    return f"{path} was damaged ({why}). It is kept as {moved.name}; in its place are: {found}"


def _damage(path: Path) -> str | None:
    try:
        with closing(connect_to_read(path)) as connection:
            damage.check_version(connection, schema())
            damage.check(connection)
            return next(iter(structure(connection)), None)
    except sqlite3.Error as error:
        if not (faults.is_damage(error) or faults.is_unreadable(error)):
            raise
        return str(error)


def tally(connection: sqlite3.Connection, *, archive: bool) -> Tally:
    stock = tables.read_stock(connection)
    delivered = sum(block.count for block in stock.archive) if archive else 0
    return Tally(stock.records + delivered)


def slices(
    connection: sqlite3.Connection, found: Tally, *, newest: bool, archive: bool
) -> Iterator[Sequence[Record]]:
    """All records, as gateway.store.walks passes them; they are counted in `found`."""
    for block in archive_tables.load(connection) if archive else ():
        readings = archive_tables.read(connection, block.number)
        found.damaged += block.count if readings is None else 0
        found.passed += len(readings or ())
        yield readings or ()
    above, below = -1, _HIGHEST
    while rows := read_segments(connection, above, below, newest=newest):
        above, below = (above, rows[-1].first) if newest else (rows[-1].first, below)
        for row in rows:
            found.damaged += len(row.records) if row.is_damaged else 0
            found.passed += 0 if row.is_damaged else len(row.records)
            if not row.is_damaged:
                yield row.records[::-1] if newest else row.records


def room(connection: sqlite3.Connection, path: Path) -> Room:
    used, spare = tables.read_pages(connection)
    log = wal.log_of(path)
    return Room(used, log.stat().st_size if log.exists() else 0, spare, free_disk(path))
