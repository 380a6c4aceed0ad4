"""What is in the database, through sqlite-utils, in slices.

- Each function here is one slice: at most SLICE_RECORDS records or SLICE_ROWS rows, below 20 ms
  on a small board. It leaves no statement open; whatever else waits for the store's thread is next.
- Nothing is written, and nothing is set on the connection, which is the store's own; or one to the
  database of a daemon that has stopped (at_rest.py).

Importing sqlite-utils takes a second and 13 MiB on a small board: whoever imports this module does
so when it is asked for, and not on the store's thread.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlite_utils import Database

from gateway.records import Record
from gateway.store.archive import BLOCK_READINGS
from gateway.store.segments import SEGMENT_RECORDS
from gateway.store.tables import Segment, read_row

SLICE_RECORDS: Final = SEGMENT_RECORDS
SLICE_ROWS: Final = 256
_SEGMENTS_AT_ONCE: Final = 16
assert BLOCK_READINGS <= 2 * SLICE_RECORDS


class Ends(NamedTuple):
    """The oldest and the newest record on disk, None where there is none or it cannot be read, and
    how many segments there are.
    """

    oldest: Record | None
    newest: Record | None
    segments: int


NOTHING: Final = Ends(None, None, 0)


def wrapped(connection: sqlite3.Connection) -> Database:
    return Database(connection, recursive_triggers=False, execute_plugins=False)


def read_segments(
    connection: sqlite3.Connection, above: int, below: int, *, newest: bool = False
) -> list[Segment]:
    """The first segments in this open range of sequence numbers, from its old or its new end."""
    rows = wrapped(connection)["segment"].rows_where(
        "first > ? AND first < ?",
        [above, below],
        order_by="first DESC" if newest else "first",
        limit=_SEGMENTS_AT_ONCE,
    )
    return list(_slice(list(rows)))


def _slice(rows: Sequence[dict[str, Any]]) -> Iterator[Segment]:
    """The first, and those that fit beside it."""
    left = SLICE_RECORDS
    for row in rows:
        left -= row["count"]
        if left < 0 and row is not rows[0]:
            return
        yield read_row(row["first"], row["count"], row["records"])


def ends(connection: sqlite3.Connection) -> Ends:
    highest = (1 << 63) - 1
    oldest = read_segments(connection, -1, highest)[:1]
    newest = read_segments(connection, -1, highest, newest=True)[:1]
    return Ends(
        next((each.records[0] for each in oldest if not each.is_damaged), None),
        next((each.records[-1] for each in newest if not each.is_damaged), None),
        wrapped(connection)["segment"].count,
    )


class Order:
    """Whether the numbers agree: `check` again and again until it returns False; then `faults`."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._next = 0

    def check(self, connection: sqlite3.Connection) -> bool:
        """The next SLICE_ROWS segments; at last the counters. Segments that go meanwhile do not
        matter, for numbers only rise.
        """
        database = wrapped(connection)
        rows = list(
            database["segment"].rows_where(
                "first >= ?", [self._next], "first", "first, count", SLICE_ROWS
            )
        )
        for row in rows:
            if row["first"] < self._next or row["count"] < 1:
                self.faults.append(f"segment {row['first']} overlaps the one before, or is empty")
            self._next = row["first"] + row["count"]
        if rows:
            return True
        self._check_counters(database)
        return False

    def _check_counters(self, database: Database) -> None:
        reserved = {row["name"]: row["reserved"] for row in database["counter"].rows}
        if self._next > reserved.get("sequence", self._next):
            self.faults.append("sequence numbers are in use that are not reserved")
        without = "number NOT IN (SELECT number FROM {})"
        for table, other in (("archive", "archive_block"), ("archive_block", "archive")):
            count = database[table].count_where(without.format(other))
            if count:
                self.faults.append(f"{count} rows of {table} have none in {other}")


def structure(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with the file, a few sentences. It takes as long as reading all of
    it: never on the store's thread.
    """
    rows = wrapped(connection).execute("PRAGMA integrity_check(10)").fetchall()
    return [row[0] for row in rows if row[0] != "ok"]
