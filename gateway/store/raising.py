"""After a salvage: numbers that may have been used are not used again.

What could be read may be older than what was promised last. So every number that is used once and
never again goes on far above what was seen of it.
"""

import sqlite3
from typing import Final

NOTE: Final = "salvaged"  # in a database whose numbers are still to be raised
F_CNT_DOWN: Final = 1000  # a device refuses a gap of 16 384
JOIN_NONCE: Final = 1000
LAST_JOIN_NONCE: Final = 2**24 - 1
NUMBERS: Final = 100_000  # of sequence and batch
LOST: Final = 1_000_000_000  # the same, where nothing was left of them
NO_JOIN_EUI: Final = "0" * 16


def raise_numbers(connection: sqlite3.Connection) -> None:
    """In one transaction, once. The database has the latest schema."""
    if connection.execute("SELECT 1 FROM note WHERE name = ?", (NOTE,)).fetchone() is None:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _raise(connection)
        connection.execute("DELETE FROM note WHERE name = ?", (NOTE,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _raise(connection: sqlite3.Connection) -> None:
    (stored,) = connection.execute(
        "SELECT max((SELECT coalesce(max(first + count), 0) FROM segment),"
        " (SELECT coalesce(max(number) + 1, 0) FROM archive))"
    ).fetchone()
    reserved = dict(connection.execute("SELECT name, reserved FROM counter"))
    for name, seen in (("sequence", stored), ("batch", 0)):
        known = reserved.get(name)
        above = max(seen, known or 0) + (LOST if known is None else NUMBERS)
        connection.execute("INSERT OR REPLACE INTO counter VALUES (?, ?)", (name, above))
    connection.execute(
        "UPDATE session SET f_cnt_down_reserved = f_cnt_down_reserved + ?1,"
        " a_f_cnt_down_reserved = a_f_cnt_down_reserved + ?1",
        (F_CNT_DOWN,),
    )
    connection.executemany(
        "INSERT INTO accepted_rejoin VALUES (?, ?, -1, ?) ON CONFLICT (dev_eui, join_eui)"
        " DO UPDATE SET join_nonce = max(join_nonce, excluded.join_nonce)",
        [
            (dev_eui, NO_JOIN_EUI, min(nonce + JOIN_NONCE, LAST_JOIN_NONCE))
            for dev_eui, nonce in _join_nonces(connection).items()
        ],
    )


def _join_nonces(connection: sqlite3.Connection) -> dict[str, int]:
    """The last of each device, as far as joins or sessions tell."""
    found: dict[str, int] = {}
    seen = [
        *connection.execute("SELECT dev_eui, join_nonce FROM accepted_join"),
        *connection.execute("SELECT dev_eui, join_nonce FROM accepted_rejoin"),
    ]
    joined = "SELECT dev_eui, id FROM session WHERE substr(id, 1, 8) <> dev_addr"
    seen += [(dev_eui, int(id_[:6], 16)) for dev_eui, id_ in connection.execute(joined)]
    for dev_eui, nonce in seen:
        found[dev_eui] = max(nonce, found.get(dev_eui, 0))
    return found
