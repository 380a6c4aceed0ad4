"""A copy of an older moment, moved ahead of whatever the gateway it comes from may have used since.

Rules:

- Nobody knows what the old gateway did after the copy was made. Everything that it hands out
  itself, and that nobody may see twice, goes on where it has hardly been: f_cnt_down and AFCntDown
  past their reserved block and `downlinks` more, JoinNonce by `JOIN_NONCES`, batch and sequence
  numbers by `NUMBERS`. Devices that have never joined count too: they may have since.
- `margin` says how many downlinks: `DOWNLINKS`, and `DOWNLINKS_A_DAY` for each day since the copy
  was made (144 is an answer every ten minutes), `MOST_DOWNLINKS` at most, and so many where the age
  is not known. More would be refused by devices up to 1.0.3, which take no jump of 16 384 or more
  (1.0.3 §4.3.1.5), and which may have missed the last ones.
- What devices count (FCntUp, DevNonce, RJcount) is taken as it was: they are further on, and what
  somebody replays of the time between has the identity it had (D2).
- A downlink that waited may have been sent since. A command that acts twice is worse than one that
  the city has to give again: none is sent. They are handed over without an FCnt, of which
  `gateway.lorawan.queue` makes a NOT_ACKED with the reason.
- The duty-cycle ledger is taken as it was, and ages by the clock.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from gateway.errors import StoreError
from gateway.store import copying, opening, plain_keys
from gateway.store.migrations import migrate, schema
from gateway.store.sealing import Keyring

DOWNLINKS: Final = 1000
DOWNLINKS_A_DAY: Final = 144
MOST_DOWNLINKS: Final = 8000
JOIN_NONCES: Final = 1000
NUMBERS: Final = 1_000_000_000
DAY: Final = 24 * 3600.0
_MAX_JOIN_NONCE: Final = 0xFF_FFFF

_F_CNTS_DOWN: Final = """
    UPDATE session SET
        f_cnt_down = f_cnt_down_reserved + :downlinks,
        f_cnt_down_reserved = f_cnt_down_reserved + :downlinks,
        a_f_cnt_down = a_f_cnt_down_reserved + :downlinks * (version = '1.1'),
        a_f_cnt_down_reserved = a_f_cnt_down_reserved + :downlinks * (version = '1.1')"""
# JoinNonce counts over joins and rejoins alike; -1 is RJcount1 before the first
_NEVER_JOINED: Final = "INSERT OR IGNORE INTO accepted_rejoin VALUES (?, ?, -1, 0)"
_NONCES: Final = """
    INSERT OR REPLACE INTO accepted_rejoin
    SELECT dev_eui, join_eui, max(rj_count_1), min(max(join_nonce) + :more, :most) FROM (
        SELECT dev_eui, join_eui, -1 AS rj_count_1, join_nonce FROM accepted_join
        UNION ALL SELECT dev_eui, join_eui, rj_count_1, join_nonce FROM accepted_rejoin)
    GROUP BY dev_eui, join_eui"""
_COUNTERS: Final = "INSERT OR IGNORE INTO counter VALUES ('batch', 1), ('sequence', 1)"
_NUMBERS: Final = "UPDATE counter SET reserved = reserved + ?"
_IN_DOUBT: Final = """
    UPDATE downlink SET state = 'handed_over', session = '', f_cnt = NULL WHERE state <> 'done'"""


def margin(age: float | None) -> int:
    """Downlinks of one device that the old gateway may have sent within `age` seconds; None: it is
    not known how long ago the copy was made.
    """
    if age is None or age < 0:
        return MOST_DOWNLINKS
    return min(MOST_DOWNLINKS, DOWNLINKS + round(age / DAY * DOWNLINKS_A_DAY))


def open_copy(path: Path, image: bytes) -> sqlite3.Connection:
    """Write a copy to `path`, of which its kogge.key lies beside it, and bring it to this schema.

    Raises StoreError, ConfigError, sqlite3.Error and OSError.
    """
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(image)
    connection = opening.connect(path)
    try:
        keyring = Keyring.of(path)
        keyring.serve(connection)
        if plain_keys.are_in(connection):
            keyring.demand()
        migrate(connection, path, schema())
        plain_keys.wipe(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def add_readings(connection: sqlite3.Connection, rows: Iterable[copying.Row]) -> None:
    connection.executemany("INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?)", rows)


def advance(
    connection: sqlite3.Connection, downlinks: int, devices: Iterable[tuple[str, str]]
) -> None:
    """All of it in one transaction. `devices` are (DevEUI, JoinEUI), hex, of those that join."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_F_CNTS_DOWN, {"downlinks": downlinks})
    connection.executemany(_NEVER_JOINED, devices)
    connection.execute(_NONCES, {"more": JOIN_NONCES, "most": _MAX_JOIN_NONCE})
    connection.execute(_COUNTERS)
    connection.execute(_NUMBERS, (NUMBERS,))
    connection.execute(_IN_DOUBT)
    connection.execute("COMMIT")


def build(
    path: Path,
    image: bytes,
    readings: Iterable[Sequence[copying.Row]],
    downlinks: int,
    devices: Iterable[tuple[str, str]],
) -> int:
    """All of the above at once: a file at `path` for a daemon to open. Returns how many readings.

    Raises StoreError, ConfigError, OSError.
    """
    count = 0
    try:
        with closing(open_copy(path, image)) as connection:
            for rows in readings:
                add_readings(connection, rows)
                count += sum(row[1] for row in rows)
            advance(connection, downlinks, devices)
            finish(connection)
    except sqlite3.Error as error:
        raise StoreError(f"the copy cannot be made ready at {path} ({error})") from error
    return count


def finish(connection: sqlite3.Connection) -> None:
    """One file, without a log beside it."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("PRAGMA journal_mode = DELETE").fetchall()
