"""What of the database a backup takes: a consistent copy of all but readings, and those in slices.

- The copy is an SQLite database in memory, made in one piece on the store's thread: sessions,
  counters, nonces, downlinks and airtime of one moment. Readings would make it a disk's size.
- Session keys stay sealed in it; what opens them goes into a backup beside it.
- Whatever table a later schema adds is copied, unless it is named here: what one box has lived
  through is not the history of the one that takes its place.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from gateway.errors import StoreError
from gateway.store import opening, tables, wal

Row: TypeAlias = tuple[int, int, float | None, bytes]
"""Of `segment`: first, count, received_at, records."""

LEFT_OUT: Final = ("segment", "archive", "archive_block", "history")
_SLICE: Final = 512 * 1024  # bytes of records
_OBJECTS: Final = """
    SELECT type, name, tbl_name, sql FROM sqlite_schema
    WHERE type IN ('table', 'index') AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
    ORDER BY type DESC"""


class Held(NamedTuple):
    """What a copy holds: its schema, and how many sessions, spent nonces, and waiting downlinks."""

    schema: int
    sessions: int
    joins: int
    downlinks: int


def copy(connection: sqlite3.Connection) -> bytes:
    """The database without readings, as the bytes of its file. Outside of a transaction."""
    # a memory of its own, also where the connection may only read
    connection.execute("ATTACH 'file:copy?mode=memory' AS copy")
    try:
        connection.execute(f"PRAGMA copy.page_size = {wal.PAGE}").fetchall()
        connection.execute("BEGIN")
        try:
            _fill(connection)
        finally:
            connection.execute("COMMIT")
        (version,) = connection.execute("PRAGMA main.user_version").fetchone()
        connection.execute(f"PRAGMA copy.user_version = {version}").fetchall()
        return connection.serialize(name="copy")
    finally:
        connection.execute("DETACH copy")


def _fill(connection: sqlite3.Connection) -> None:
    for kind, name, table, sql in connection.execute(_OBJECTS).fetchall():
        connection.execute(sql.replace(f"CREATE {kind.upper()} ", f"CREATE {kind} copy.", 1))
        if kind == "table" and table not in LEFT_OUT:
            connection.execute(f'INSERT INTO copy."{name}" SELECT * FROM main."{name}"')  # noqa: S608


def held(image: bytes) -> Held:
    """Raises sqlite3.Error for what is no database."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(image)

        def one(sql: str) -> int:
            return int(connection.execute(sql).fetchone()[0])

        schema = one("PRAGMA user_version")
        return Held(
            schema,
            one("SELECT count(*) FROM session"),
            one("SELECT count(*) FROM accepted_join"),
            one("SELECT count(*) FROM downlink WHERE state <> 'done'") if schema >= 5 else 0,
        )


def rows(connection: sqlite3.Connection, after: int) -> list[Row]:
    """The oldest segments above sequence number `after`, half a megabyte of them."""
    found: list[Row] = []
    size = 0
    cursor = connection.execute(
        "SELECT first, count, received_at, records FROM segment WHERE first > ? ORDER BY first",
        (after,),
    )
    for row in cursor:
        found.append(row)
        size += len(row[3])
        if size >= _SLICE:
            break
    cursor.close()
    return found


class Closed:
    """A database that no daemon uses."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def copy(self) -> bytes:
        return copy(self._connection)

    def rows(self, after: int) -> list[Row]:
        return rows(self._connection, after)

    def recall(self, name: str) -> str:
        """ "" if nobody has noted it."""
        return tables.recall(self._connection, name) or ""


@contextmanager
def closed(path: Path) -> Iterator[Closed]:
    """Under the lock, to read alone. Raises StoreError: in use, or not to be read."""
    lock = opening.take_lock(path)
    try:
        with closing(opening.connect_to_read(path)) as connection:
            yield Closed(connection)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read ({error}): check the disk (dmesg)") from error
    finally:
        os.close(lock)
