"""Reading a table around what cannot be read: by ranges of its key, halved where they fail."""

import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

TRIES: Final = 5000
PREFIX: Final = 8  # bytes of a name; those that have it in common are one range

Range: TypeAlias = tuple[int, int]
Take: TypeAlias = Callable[[tuple[Any, ...]], bool]


class Key(NamedTuple):
    """A table's key as a number from 0 to `end`: `low` and `high` make a range's bounds of it,
    which SQL writes as `mark`; `number` reads it.
    """

    column: str
    end: int
    low: Callable[[int], object]
    high: Callable[[int], object]
    number: Callable[[Any], int]
    mark: str = "?"


def key_of(connection: sqlite3.Connection, table: str) -> Key:
    """What stands first in the table's primary key: a number, an EUI, or a name."""
    info = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    column, kind = next((row[1], row[2]) for row in info if row[5] == 1)
    if kind == "INTEGER":
        return Key(column, 2**63 - 1, int, int, int)
    if column == "dev_eui":
        return Key(column, 2**64 - 1, "{:016x}".format, "{:016x}".format, lambda e: int(e, 16))
    end = 256**PREFIX - 1
    return Key(column, end, _first, lambda n: _first(n) + b"\xff", _number, "CAST(? AS TEXT)")


def _first(number: int) -> bytes:
    return number.to_bytes(PREFIX, "big").rstrip(b"\0")


def _number(name: str) -> int:
    return int.from_bytes(name.encode()[:PREFIX].ljust(PREFIX, b"\0"), "big")


def read_around(
    connection: sqlite3.Connection,
    select: str,
    key: Key,
    take: Take,
    begin: int = 0,
    end: int | None = None,
) -> list[Range]:
    """`select` has the key first, and two marks for the range. `take` gets its rows without the
    first, some of them twice, and says whether to go on. Returns the ranges that were not read.
    """
    waiting = deque([(begin, key.end if end is None else end)])
    lost: list[Range] = []
    for _ in range(TRIES):
        if not waiting:
            break
        low, high = waiting.popleft()
        at, goes_on = _read(connection, select, key, take, low, high)
        if not goes_on:
            return [*lost, (at, high), *waiting]
        if at < high:
            middle = (at + high) // 2
            waiting += [(at, middle), (middle + 1, high)]
        elif at == high:
            lost.append((high, high))
    return [*lost, *waiting]


def _read(
    connection: sqlite3.Connection, select: str, key: Key, take: Take, low: int, high: int
) -> tuple[int, bool]:
    """How far it came: above `high` where nothing was in its way."""
    at = low
    try:
        rows = connection.execute(select, (key.low(low), key.high(high)))
    except sqlite3.Error:
        return at, True
    while True:
        try:
            row = next(rows, None)
        except sqlite3.Error:
            return at, True
        if row is None:
            return high + 1, True
        at = max(at, key.number(row[0]))
        if not take(row[1:]):
            return at, False
