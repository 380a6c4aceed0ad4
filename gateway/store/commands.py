"""The city's commands on disk: replays that wait, and the last that are done."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.lorawan.correlations import REMEMBERED
from gateway.replay import Command, Span


def write(connection: sqlite3.Connection, commands: Sequence[Command]) -> None:
    """Also forgets those that are done, but the last."""
    if not commands:
        return
    connection.executemany(
        "INSERT OR REPLACE INTO command VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        map(_row, commands),
    )
    connection.execute(
        "DELETE FROM command WHERE state = 'done'"
        " AND number <= (SELECT max(number) FROM command) - ?",
        (REMEMBERED,),
    )


def load(connection: sqlite3.Connection) -> Iterator[Command]:
    for row in connection.execute("SELECT * FROM command ORDER BY number"):
        yield _command(*row)


def _row(command: Command) -> tuple[object, ...]:
    span = command.span
    return (
        command.number,
        command.correlation,
        command.name,
        "done" if command.done else "waiting",
        *((span.device, span.begins, span.ends) if span else (None, None, None)),
        command.cursor,
        command.count,
        command.damaged,
        command.refused,
    )


def _command(number: int, correlation: str, name: str, state: str, *values: Any) -> Command:
    device, begins, ends, *how_far = values
    span = None if begins is None else Span(begins, ends, device)
    return Command(correlation, name, span, number, state == "done", *how_far)
