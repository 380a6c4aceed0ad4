"""What can still be read of a damaged database, written into a new one.

- What cannot be lost goes first: counters, sessions and nonces; then the rest, what waits for the
  city before what it has already.
- A table whose line in the schema is damaged is passed over; the others are read.
- A table is read by ranges of its key. A range in which SQLite stumbles is halved, wide ones first,
  TRIES times: so what lies around a damaged page is found.
- A row with a value that cannot be is left out. One of which only the blob is gone keeps its place:
  the city is told how many records stood there.
- The new file is complete and synced before anything is done with it.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from gateway.store.damage import Columns, Tables, columns_of, make, of_version, serve, well_formed
from gateway.store.faults import is_disk
from gateway.store.opening import TORN_SCHEMA, connect_to_read
from gateway.store.raising import NOTE
from gateway.store.ranges import key_of, read_around
from gateway.store.wal import PAGE

FIRST: Final = ("counter", "session", "accepted_join", "accepted_rejoin", "f_cnt_up", "note")
LAST: Final = ("segment", "archive", "archive_block")
BLOBS: Final = {"segment": "records", "archive_block": "readings"}
ROOM: Final = 4 * 1024 * 1024  # bytes of the disk that are left to others

Row: TypeAlias = tuple[object, ...]


class Salvaged(NamedTuple):
    """Rows by table, and the tables of which not everything could be read."""

    rows: dict[str, int]
    torn: Sequence[str]

    def __str__(self) -> str:
        """For people."""
        kept = ", ".join(f"{rows} of {table}" for table, rows in self.rows.items() if rows)
        torn = f"; not all could be read of {', '.join(self.torn)}" if self.torn else ""
        return f"rows kept: {kept or 'none'}{torn}"


def salvage(damaged: Path, new: Path, scripts: Sequence[str]) -> Salvaged:
    """Make `new`. Raises sqlite3.Error and OSError of the disk that it is written to, alone."""
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if os.geteuid() == 0:
            owner = damaged.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        with closing(sqlite3.connect(new, isolation_level=None)) as target:
            found = _fill(target, damaged, scripts)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return found


def _fill(target: sqlite3.Connection, damaged: Path, scripts: Sequence[str]) -> Salvaged:
    source, there = _open(damaged, scripts)
    version = _version(there, scripts)
    for pragma in (f"page_size = {PAGE}", "journal_mode = OFF", "synchronous = OFF"):
        target.execute(f"PRAGMA {pragma}").fetchall()
    expected = make(target, scripts, version)
    rows, torn = dict.fromkeys(sorted(expected, key=_rank), 0), list[str]()
    target.execute("BEGIN")
    for table in rows:
        whole = False
        if source is not None and there.get(table) == expected[table]:
            copy = _Copy(source, target, table, expected[table])
            whole = copy.run()
            rows[table] = copy.rows
        if not whole:
            torn.append(table)
    target.execute("INSERT OR REPLACE INTO note VALUES (?, '')", (NOTE,))
    target.execute("COMMIT")
    if source is not None:
        source.close()
    return Salvaged(rows, torn)


def _open(damaged: Path, scripts: Sequence[str]) -> tuple[sqlite3.Connection | None, Tables]:
    """None where SQLite can make nothing of it, not even without its log. Raises sqlite3.Error when
    that is the disk's fault, which may pass.
    """
    for log in (True, False):
        try:
            source = connect_to_read(damaged, log=log, pragmas=TORN_SCHEMA)
            try:
                serve(source)
                return source, _tables(source, scripts)
            except sqlite3.Error:
                source.close()
                raise
        except (sqlite3.Error, OSError) as error:
            if not log and is_disk(error):
                raise
    return None, {}


def _tables(source: sqlite3.Connection, scripts: Sequence[str]) -> Tables:
    """Those of ours of which the schema says still what they are."""
    ours = of_version(scripts, len(scripts))
    found = {name: columns_of(source, name) for name in ours}
    return {name: columns for name, columns in found.items() if columns}


def _version(there: Tables, scripts: Sequence[str]) -> int:
    """The latest that has these tables, as far as they are there."""
    for version in range(len(scripts), 0, -1):
        expected = of_version(scripts, version)
        if all(expected.get(table) == columns for table, columns in there.items()):
            return version
    return len(scripts)


def _rank(table: str) -> tuple[int, int, str]:
    if table in FIRST:
        return 0, FIRST.index(table), table
    if table in LAST:
        return 2, LAST.index(table), table
    return 1, 0, table


class _Copy:
    """One table, from the one into the other."""

    def __init__(
        self, source: sqlite3.Connection, target: sqlite3.Connection, table: str, columns: Columns
    ) -> None:
        self._source, self._target = source, target
        self._table, self._columns = table, columns
        self._key = key_of(target, table)
        self.rows = 0

    def run(self) -> bool:
        """Whether all of it was read, and was what it has to be."""
        where = f"({well_formed(self._columns)}) IS TRUE"
        lost = read_around(self._source, self._select(self._columns, where), self._key, self._take)
        if self._table in BLOBS:
            for low, high in lost:
                if low == high:
                    self._keep_place(low)
        return not lost and self._is_well_formed()

    def _select(self, columns: Columns, where: str) -> str:
        names = ", ".join(f'"{name}"' for name in columns)
        key, mark = self._key.column, self._key.mark
        return (
            f'SELECT "{key}", {names} FROM "{self._table}"'
            f' WHERE "{key}" BETWEEN {mark} AND {mark} AND {where} ORDER BY "{key}"'
        )

    def _keep_place(self, number: int) -> None:
        """Of a row whose blob alone cannot be read."""
        plain = [name for name in self._columns if name != BLOBS[self._table]]
        where = f"({well_formed(plain)}) IS TRUE"

        def take(row: Row) -> bool:
            values = dict(zip(plain, row, strict=True))
            return self._take(tuple(values.get(name, b"") for name in self._columns))

        read_around(self._source, self._select(plain, where), self._key, take, number, number)

    def _take(self, row: Row) -> bool:
        """False: there is no more room."""
        marks = ", ".join("?" * len(row))
        into = f'INSERT OR IGNORE INTO "{self._table}" VALUES ({marks})'
        self.rows += self._target.execute(into, row).rowcount
        return self._table not in LAST or self.rows % 64 != 0 or self._has_room()

    def _has_room(self) -> bool:
        (_, _, file), *_ = self._target.execute("PRAGMA database_list").fetchall()
        found = os.statvfs(Path(file).parent)
        return found.f_bavail * found.f_frsize > ROOM

    def _is_well_formed(self) -> bool:
        wrong = f'SELECT 1 FROM "{self._table}" WHERE ({well_formed(self._columns)}) IS NOT TRUE'
        with suppress(sqlite3.Error):
            return self._source.execute(wrong + " LIMIT 1").fetchone() is None
        return False
