"""FCntUp of sessions in which nothing else has changed: D1b for 17 bytes a session.

Most uplinks change nothing but this counter, and sessions lie all over their table: writing their
rows would cost the card a page each. So each commit adds one row of `f_cnt_up` with all counters
that rose. The highest of a session counts, here and in its own row.

`number` counts the rows: with MANY of them they become one, in which each living session stands
once. What is torn or unknown says nothing: an older counter lets frames in again, and they keep
their identity (D2).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Final, NamedTuple

MANY: Final = 64
_COUNT: Final = Struct(">Q5sI")


class Count(NamedTuple):
    """Of one session: DevEUI, its id (5 bytes), and the last accepted 32-bit FCnt."""

    dev_eui: int
    id: bytes
    f_cnt_up: int


def write(connection: sqlite3.Connection, counts: Sequence[Count]) -> None:
    """Inside a transaction of the caller's."""
    if not counts:
        return
    number = connection.execute(_INSERT, (_pack(counts),)).lastrowid
    if number is not None and number >= MANY:
        _fold(connection)


def latest(connection: sqlite3.Connection) -> dict[tuple[int, bytes], int]:
    """By DevEUI and session id."""
    found: dict[tuple[int, bytes], int] = {}
    for (blob,) in connection.execute("SELECT counts FROM f_cnt_up"):
        for count in _unpack(blob):
            key = count.dev_eui, count.id
            found[key] = max(count.f_cnt_up, found.get(key, -1))
    return found


_INSERT: Final = "INSERT INTO f_cnt_up (counts) VALUES (?)"


def _fold(connection: sqlite3.Connection) -> None:
    counts = _newer(latest(connection), connection.execute(_ROWS))
    connection.execute("DELETE FROM f_cnt_up")
    connection.execute(_INSERT, (_pack(counts),))


_ROWS: Final = "SELECT dev_eui, id, f_cnt_up FROM session"


def _newer(
    known: Mapping[tuple[int, bytes], int], rows: Iterable[tuple[str, str, int]]
) -> Iterator[Count]:
    """Those of living sessions that their own rows do not know."""
    for dev_eui, id_, f_cnt_up in rows:
        key = int(dev_eui, 16), bytes.fromhex(id_)
        if known.get(key, -1) > f_cnt_up:
            yield Count(*key, known[key])


def _pack(counts: Iterable[Count]) -> bytes:
    return b"".join(_COUNT.pack(*count) for count in counts)


def _unpack(blob: bytes) -> Iterator[Count]:
    whole = len(blob) - len(blob) % _COUNT.size
    return (Count(*fields) for fields in _COUNT.iter_unpack(blob[:whole]))
