"""Whose fault is it? The disk's, which may come back; a damaged database's; or our own.

- The disk: SQLite says that it cannot read, write, sync or open, or has no room; and every OSError,
  for on the store's thread only the store's own files are touched.
- Damage: SQLite finds that what it reads cannot be, or a text is none. A page that cannot be read
  looks like that too, so it is believed only when it is found again in a file opened anew.
- Everything else is ours: it raises, and ends the process.
"""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_DISK: Final = (
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
)
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNREADABLE: Final = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)
_NO_TEXT: Final = "Could not decode to UTF-8"  # Python's own error, it has no code

_FULL: Final = "it is full: make room (df -h, journalctl --vacuum-size=50M)"
_READ_ONLY: Final = (
    "its file system can only be read, mostly for errors that it had: see dmesg, and"
    " mount it for writing again (mount -o remount,rw)"
)
_SICK: Final = "see dmesg: a card that has errors is replaced before it dies"


def is_disk(error: BaseException | None) -> bool:
    """The disk refuses."""
    return isinstance(error, OSError) or _code(error) in _DISK


def is_unreadable(error: BaseException | None) -> bool:
    """A place of the disk cannot be read: the others may be."""
    code = getattr(error, "sqlite_errorcode", None)
    return code in _UNREADABLE or getattr(error, "errno", None) == errno.EIO


def is_full(error: BaseException | None) -> bool:
    """The disk has no room left."""
    number = getattr(error, "errno", None)
    return _code(error) == sqlite3.SQLITE_FULL or number in (errno.ENOSPC, errno.EDQUOT)


def is_damage(error: BaseException | None) -> bool:
    """What stands in the file cannot be."""
    return _code(error) in _DAMAGE or _NO_TEXT in str(error)


@contextmanager
def damage_suppressed() -> Iterator[None]:
    """Passes over what cannot be read for what it is; a disk that refuses still raises."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise


def advice(error: BaseException | None) -> str:
    """What ails the disk and what to do, for a technician."""
    if is_full(error):
        return _FULL
    if _code(error) == sqlite3.SQLITE_READONLY or getattr(error, "errno", None) == errno.EROFS:
        return _READ_ONLY
    return _SICK


def _code(error: BaseException | None) -> int | None:
    """SQLite's primary result code."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
