"""Rows in and out: what one transaction writes, and what is read at start and by the backlog lane.

Everything here runs on the store's thread, on its connection, inside or outside a transaction of
the caller's. What crosses over from the event loop is a copy or cannot change.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple, TypeAlias

from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.session import Changes, Join, KnownState, Rejoin, Session
from gateway.records import Event, Moment, Record
from gateway.replay import Command
from gateway.store import archive_tables, commands, counts, downlinks, history, sessions
from gateway.store.blocks import NOTHING, Block, Change
from gateway.store.bounds import JUDGED
from gateway.store.counts import Count
from gateway.store.segments import UNREADABLE, pack, unpack

AGED_AT_ONCE = 1000  # segments looked at for their age

Row: TypeAlias = tuple[object, ...]


# stands for each record of a row that cannot be read: nothing is known of it but that it was
DAMAGED: Final = Event(
    "gap",
    Moment(None, "unsynchronised", "", 0.0),
    {"from": None, "to": None, "count": 1, "reason": "damaged"},
)


class Segment(NamedTuple):
    """Records with the sequence numbers `first`, `first` + 1, …, oldest first."""

    first: int
    records: Sequence[Record]

    @property
    def is_damaged(self) -> bool:
        return any(record is DAMAGED for record in self.records)


class Stock(NamedTuple):
    """What an earlier run left: records not yet acknowledged, counters by name, what is archived,
    and the city's commands.
    """

    records: int
    reserved: dict[str, int]
    archive: Sequence[Block] = ()
    commands: Sequence[Command] = ()


class Found(NamedTuple):
    """What a disk has that is back: how many records, by the segments' `first`, and the archive."""

    segments: Mapping[int, int]
    archive: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Write:
    """What goes to disk together. `done` are the `first`s of segments that are deleted first, so
    that their pages serve for the new ones.
    """

    segments: Sequence[Segment] = ()
    done: Sequence[int] = ()
    reserved: dict[str, int] = field(default_factory=dict)
    sessions: Sequence[Session] = ()  # copies; their rows would be five times as large
    f_cnts: Sequence[Count] = ()
    ended: Sequence[Row] = ()
    joins: Sequence[Row] = ()
    rejoins: Sequence[Row] = ()
    downlinks: Sequence[Row] = ()
    airtime: Sequence[Spent] = ()
    archive: Change = NOTHING
    commands: Sequence[Command] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    history: Mapping[int, bytes] = field(default_factory=dict)

    def followed_by(self, later: "Write") -> "Write":
        """Both, of airtime, notes and history alone."""
        airtime = {spent.low: spent for spent in (*self.airtime, *later.airtime)}
        return Write(
            airtime=tuple(airtime.values()),
            notes={**self.notes, **later.notes},
            history={**self.history, **later.history},
        )

    @classmethod
    def of(
        cls,
        changes: Changes,
        segments: Sequence[Segment] = (),
        done: Sequence[int] = (),
        reserved: dict[str, int] | None = None,
        archive: Change = NOTHING,
        commands: Sequence[Command] = (),
        counted: Sequence[Session] = (),
    ) -> "Write":
        """Copies the sessions as they are now: the objects go on changing. Of those `counted` only
        FCntUp has changed.
        """
        return cls(
            segments,
            done,
            reserved or {},
            sessions=[replace(session) for session in changes.sessions],
            f_cnts=[Count(one.dev_eui, one.id, one.f_cnt_up) for one in counted],
            ended=[(_eui(dev_eui), id_.hex()) for dev_eui, id_ in changes.ended],
            joins=[_join_row(join) for join in changes.joins],
            rejoins=[_rejoin_row(rejoin) for rejoin in changes.rejoins],
            downlinks=[downlinks.row(queued) for queued in changes.downlinks],
            archive=archive,
            commands=commands,
        )


def write(connection: sqlite3.Connection, writes: Iterable[Write]) -> None:
    """All of it in one transaction, fsynced when this returns; or none of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for one in writes:
            _write(connection, one)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _write(connection: sqlite3.Connection, one: Write) -> None:
    many = connection.executemany
    many("INSERT OR REPLACE INTO counter VALUES (?, ?)", one.reserved.items())
    many("DELETE FROM segment WHERE first = ?", [(first,) for first in one.done])
    archive_tables.write(connection, one.archive)
    many(
        "INSERT INTO segment VALUES (?, ?, ?, ?)",
        [(first, len(records), _newest(records), pack(records)) for first, records in one.segments],
    )
    many("DELETE FROM session WHERE dev_eui = ? AND id = ?", one.ended)
    sessions.write(connection, one.sessions)
    counts.write(connection, one.f_cnts)
    many("INSERT OR REPLACE INTO accepted_join VALUES (?, ?, ?, ?)", one.joins)
    many("INSERT OR REPLACE INTO accepted_rejoin VALUES (?, ?, ?, ?)", one.rejoins)
    downlinks.write(connection, one.downlinks)
    commands.write(connection, one.commands)
    many("INSERT OR REPLACE INTO airtime VALUES (?, ?, ?)", one.airtime)
    many("INSERT OR REPLACE INTO note VALUES (?, ?)", one.notes.items())
    history.write(connection, one.history)


def read_segments(connection: sqlite3.Connection, after: int, records: int) -> list[Segment]:
    """The oldest segments above sequence number `after`, until they hold `records` records."""
    found: list[Segment] = []
    rows = connection.execute(
        "SELECT first, count, records FROM segment WHERE first > ? ORDER BY first", (after,)
    )
    for first, count, blob in rows:
        found.append(read_row(first, count, blob))
        records -= count
        if records <= 0:
            break
    rows.close()
    return found


def read_row(first: int, count: int, blob: bytes) -> Segment:
    """One row's records, or as many times DAMAGED: a bit on the card may flip."""
    with suppress(*UNREADABLE):
        records = unpack(blob)
        if len(records) == count:
            return Segment(first, records)
    return Segment(first, [DAMAGED] * count)


def _newest(records: Sequence[Record]) -> float | None:
    moments = [record.moment for record in records if record.moment.time_quality in JUDGED]
    return max((moment.at for moment in moments if moment.at is not None), default=None)


def last_aged(connection: sqlite3.Connection, before: float) -> int:
    """The oldest segments up to this `first` were received before that wall time; 0: none.

    Those of unknown or doubtful time in front of an aged one came before it. A search looks at
    AGED_AT_ONCE segments and ends at the first that is young enough.
    """
    last = 0
    rows = connection.execute(
        "SELECT first, received_at FROM segment ORDER BY first LIMIT ?", (AGED_AT_ONCE,)
    )
    for first, received_at in rows:
        if received_at is not None:
            if received_at >= before:
                break
            last = first
    rows.close()
    return last


def read_pages(connection: sqlite3.Connection) -> tuple[int, int]:
    """Bytes in pages that are used, and in pages of the file that are free."""
    names = ("page_size", "page_count", "freelist_count")
    size, count, free = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return (count - free) * size, free * size


def read_found(connection: sqlite3.Connection) -> Found:
    segments = dict(connection.execute("SELECT first, count FROM segment"))
    return Found(segments, archive_tables.load(connection))


def read_stock(connection: sqlite3.Connection) -> Stock:
    (records,) = connection.execute("SELECT coalesce(sum(count), 0) FROM segment").fetchone()
    reserved = dict(connection.execute("SELECT name, reserved FROM counter"))
    archived = archive_tables.load(connection)
    return Stock(records, reserved, archived, list(commands.load(connection)))


def recall(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def load(connection: sqlite3.Connection) -> KnownState:
    joins = connection.execute("SELECT * FROM accepted_join ORDER BY dev_eui, join_nonce")
    airtime = connection.execute("SELECT * FROM airtime ORDER BY low")
    rejoins = connection.execute("SELECT * FROM accepted_rejoin ORDER BY dev_eui, join_eui")
    return KnownState(
        tuple(sessions.load(connection)),
        tuple(Join(int(dev, 16), int(join, 16), *nonces) for dev, join, *nonces in joins),
        tuple(Spent(*row) for row in airtime),
        tuple(Rejoin(int(dev, 16), int(join, 16), *counts) for dev, join, *counts in rejoins),
        tuple(downlinks.load(connection)),
    )


def _eui(eui: int) -> str:
    return f"{eui:016x}"


def _join_row(join: Join) -> Row:
    return _eui(join.dev_eui), _eui(join.join_eui), join.dev_nonce, join.join_nonce


def _rejoin_row(rejoin: Rejoin) -> Row:
    return _eui(rejoin.dev_eui), _eui(rejoin.join_eui), rejoin.rj_count_1, rejoin.join_nonce
