"""What databases of before schema 3 held in plain, session keys, and how it leaves the card.

- The migration seals what is in use. Free pages and the write-ahead log may still hold plain keys:
  the file is written anew once (VACUUM); if there is no room for it the next start tries again.
- The copy that the migration made holds them too, for a week of use (migrations.py).
- Flash memory may keep what a file no longer holds: who fears that has the devices join again.
"""

import logging
import sqlite3
from typing import Final

log = logging.getLogger(__name__)

SEALED_SINCE: Final = 3


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
