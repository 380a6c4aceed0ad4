"""The samples of gateway.history: a row an hour, with what that module has packed.

A row is written when its hour is over, and at each start and stop: 130 kB a day for the card,
copied into the file and all, however much comes in.
"""

import sqlite3
from collections.abc import Mapping

from gateway.history import HOURS


def write(connection: sqlite3.Connection, rows: Mapping[int, bytes]) -> None:
    """Inside a transaction of the caller's. Hours that are too old go, and such as were never."""
    if not rows:
        return
    connection.executemany("INSERT OR REPLACE INTO history VALUES (?, ?)", rows.items())
    newest = max(rows)
    connection.execute(
        "DELETE FROM history WHERE hour NOT BETWEEN ? AND ?", (newest - HOURS + 1, newest)
    )


def read(connection: sqlite3.Connection) -> dict[int, bytes]:
    """What is none is left out: it is not worth a database that counts as damaged."""
    rows = "SELECT hour, samples FROM history WHERE typeof(samples) = 'blob'"
    return dict(connection.execute(rows))
