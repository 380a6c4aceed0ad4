"""How the database's file is opened: for use, for reading only, and its lock; and renamed.

- A state whose restoring was interrupted is not opened: `BEGUN` lies beside it until all is there.
- `NAME.lock` is held (flock) as long as the database is open: there is never a second connection,
  and SQLite is told so (`locking_mode=EXCLUSIVE`), so it needs no shared memory.
- Those who only look for a moment share it, and whoever wants it alone waits for them: a `kogge
  status` at the wrong time does not cost a start.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from gateway.errors import StoreError
from gateway.store import wal
from gateway.store.damage import Damaged
from gateway.whole_file import sync

# page_size comes before the first table; small pages spare the card (docs/performance.md);
# cache_size (256 KiB; the kernel has the pages too) opens the file: after locking_mode, or there is
# shared memory
PRAGMAS = (
    f"PRAGMA page_size = {wal.PAGE}",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA wal_autocheckpoint = {wal.PAGES}",
    "PRAGMA cache_size = -256",
)
TO_READ = ("PRAGMA locking_mode = EXCLUSIVE", "PRAGMA cell_size_check = ON")
BEGUN = "kogge.restoring"
SCHEMA = ("SELECT 1 FROM sqlite_schema LIMIT 1",)  # it is read, and complained of, now
LOOKED: Final = 60.0  # seconds at most; `kogge doctor` looks for some ten of them
TORN_SCHEMA = ("PRAGMA writable_schema = ON",)  # what is wrong in it is passed over


def connect(path: Path) -> sqlite3.Connection:
    """Opens or creates it. Raises sqlite3.Error, OSError."""
    # SQLite would let everyone read the file, and it holds session keys
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    wal.write_anew(path)
    connection = sqlite3.connect(path, isolation_level=None)
    _begin(connection, PRAGMAS)
    return connection


def connect_to_read(
    path: Path, *, log: bool = True, pragmas: Sequence[str] = SCHEMA
) -> sqlite3.Connection:
    """What is there, with its log or as it was without, and nothing is changed, made or locked:
    others are kept away by the lock beside it. Raises sqlite3.Error, OSError.
    """
    file = wal.log_of(path)
    has_log = log and file.exists() and file.stat().st_size > 0
    how = "mode=ro&vfs=unix-none" if has_log else "mode=ro&immutable=1"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, isolation_level=None
    )
    _begin(connection, (*TO_READ, *pragmas))
    return connection


def _begin(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    try:
        for statement in statements:
            connection.execute(statement).fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    except UnicodeDecodeError as error:  # SQLite quotes a schema that it does not understand
        connection.close()
        raise Damaged("its schema is no text") from error


def take_lock(path: Path, restoring: bool = False) -> int:
    """The descriptor that holds the lock beside `path`. Raises StoreError, OSError."""
    if not path.parent.is_dir():
        raise StoreError(
            f"{path.parent} is not there, so {path.name} cannot be kept in it. "
            "Create it, owned by the user that runs Kogge, or correct gateway.state_dir."
        )
    lock = _open_lock(Path(f"{path}.lock"))
    try:
        hold_alone(lock)
    except BlockingIOError as error:
        os.close(lock)
        raise StoreError(
            f"{path} is in use: another Kogge runs on it, and two would destroy it. "
            "Stop that one first (systemctl stop kogge), or ask it (kogge status)."
        ) from error
    if is_half_restored(path) and not restoring:
        os.close(lock)
        raise StoreError(
            f"{path} is only half restored: kogge restore was interrupted, and what is there would"
            " begin with counters that devices have seen. Run kogge restore once more, to its end."
        )
    return lock


def is_half_restored(path: Path) -> bool:
    return path.with_name(BEGUN).exists()


def hold_alone(lock: int) -> None:
    """Raises BlockingIOError where another holds it alone."""
    end = monotonic() + LOOKED
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(lock, fcntl.LOCK_UN)
            if monotonic() > end:
                raise
        else:
            return
        sleep(0.01)


def _open_lock(file: Path) -> int:
    """For reading alone where the disk cannot be written: that is enough to lock it."""
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        if not file.exists():
            raise
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)


def rename(old: Path, new: Path) -> None:
    """On disk when this returns."""
    old.rename(new)
    sync(new.parent)
