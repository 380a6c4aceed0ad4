"""What the database of a daemon that does not run holds, in a glance of some milliseconds.

The daemon's lock is shared as long as it lasts, so that none starts in between; where a daemon
holds it, or it may not be taken, nothing is read. Not a byte is changed (gateway.store.opening).
Its records: gateway.store.at_rest.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from gateway.store.opening import connect_to_read, is_half_restored

CHECKED: Final = 256 << 20  # bytes; a card reads so much in about ten seconds


class Found(NamedTuple):
    """`backlog` records are not yet acknowledged; `eui` is the gateway's as far as it was noted;
    `damage` is what SQLite says, "" if all is well, None if it was not asked.
    """

    bytes: int
    backlog: int
    eui: str | None
    damage: str | None


class CannotLook(Exception):
    """And why, in a word: `kind` is "absent", "in_use", "permission", "large", "half" (restored)
    or "unreadable".
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(detail or kind)
        self.kind = kind


def look(path: Path, check: bool = False) -> Found:
    """Raises CannotLook. With `check` SQLite looks through all of its pages."""
    if is_half_restored(path):
        raise CannotLook("half")
    try:
        with _locked(path):
            return _read(path, check)
    except FileNotFoundError:
        raise CannotLook("absent") from None
    except BlockingIOError:
        raise CannotLook("in_use") from None
    except PermissionError:
        raise CannotLook("permission") from None
    except (OSError, sqlite3.Error) as error:
        raise CannotLook("unreadable", str(error)) from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """The daemon's; no file is made for it."""
    path.stat()
    with Path(f"{path}.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


def _read(path: Path, check: bool) -> Found:
    size = path.stat().st_size
    if check and size > CHECKED:
        raise CannotLook("large")
    with closing(connect_to_read(path)) as connection:
        (backlog,) = connection.execute("SELECT coalesce(sum(count), 0) FROM segment").fetchone()
        noted = connection.execute("SELECT value FROM note WHERE name = 'gateway_eui'").fetchone()
        damage = _damage(connection) if check else None
    return Found(size, backlog, noted[0] if noted else None, damage)


def _damage(connection: sqlite3.Connection) -> str:
    said = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    return "" if said == ["ok"] else "; ".join(said)
