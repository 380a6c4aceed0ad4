"""The archive's rows: blocks in and out, on the store's thread."""

import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import suppress

from gateway.records import Reading
from gateway.store import faults
from gateway.store.blocks import Block, Change
from gateway.store.segments import UNREADABLE, unpack


def write(connection: sqlite3.Connection, change: Change) -> None:
    """In the caller's transaction; a written block learns its size."""
    pruned = [(block.number,) for block in change.pruned]
    connection.executemany("DELETE FROM archive WHERE number = ?", pruned)
    connection.executemany("DELETE FROM archive_block WHERE number = ?", pruned)
    for block in change.written:
        packed = zlib.compress(b"[" + b",".join(block.readings) + b"]")
        block.size = len(packed)
        connection.execute("INSERT INTO archive_block VALUES (?, ?)", (block.number, packed))
        connection.execute(
            "INSERT INTO archive VALUES (?, ?, ?, ?, ?, ?)",
            (block.number, block.count, block.size, block.begins, block.ends, block.stored_at),
        )


def load(connection: sqlite3.Connection) -> list[Block]:
    """What is known of all blocks, oldest first."""
    return [Block(*row) for row in connection.execute("SELECT * FROM archive ORDER BY number")]


def read(connection: sqlite3.Connection, number: int) -> Sequence[Reading] | None:
    """A block's readings; none if it has been pruned; None if it cannot be read: a card rots."""
    with suppress(*UNREADABLE), faults.damage_suppressed():
        row = connection.execute(
            "SELECT readings, count FROM archive LEFT JOIN archive_block USING (number)"
            " WHERE number = ?",
            (number,),
        ).fetchone()
        if row is None:
            return []
        readings = [record for record in unpack(row[0] or b"") if isinstance(record, Reading)]
        return readings if len(readings) == row[1] else None
    return None
