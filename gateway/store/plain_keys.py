"""What databases of before schema 3 held in plain, session keys, and how it leaves the card.

- The migration seals what is in use. Free pages and the write-ahead log may still hold plain keys:
  the file is written anew once (VACUUM); if there is no room for it the next start tries again.
- The copy that the migration made is the way back to the older Kogge, which knows plain keys only.
  The first start that finds the database in use for a week longer deletes it.
- Flash memory may keep what a file no longer holds: who fears that has the devices join again.
"""

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.store.migrations import backup_path

log = logging.getLogger(__name__)

SEALED_SINCE: Final = 3
KEPT: Final = 7 * 24 * 3600.0  # seconds


def are_in(connection: sqlite3.Connection) -> bool:
    """An existing database, from before they were sealed."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return 0 < version < SEALED_SINCE


def wipe(connection: sqlite3.Connection) -> None:
    """Write the file anew if schema 3 noted that it is due."""
    due = "SELECT 1 FROM note WHERE name = 'plain_keys'"
    if connection.execute(due).fetchone() is None:
        return
    try:
        _write_anew(connection)
    except sqlite3.OperationalError as error:
        log.warning(
            "free pages of the database may still hold session keys of before they were sealed:"
            " it could not be written anew (%s); the next start tries again",
            error,
            extra={"reason": "plain_keys"},
        )
        return
    connection.execute("DELETE FROM note WHERE name = 'plain_keys'")


def _write_anew(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def remove_old_copies(path: Path) -> None:
    """Before the database is opened, which writes to it."""
    last = max(_written(path), _written(Path(f"{path}-wal")))
    for version in range(1, SEALED_SINCE):
        copy = backup_path(path, version)
        if last - _written(copy, last) > KEPT:
            copy.unlink()


def _written(file: Path, absent: float = 0.0) -> float:
    with suppress(FileNotFoundError):
        return file.stat().st_mtime
    return absent
