"""Downlinks on disk: all that are not done, and the last that are, for their correlations."""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from gateway.lorawan.correlations import REMEMBERED
from gateway.lorawan.order import Order, Queued, State

Row: TypeAlias = tuple[object, ...]


# a downlink only goes on, in whatever order commits come: with each attempt from waiting to done
_WRITE = """
    INSERT INTO downlink VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (number) DO UPDATE SET state = excluded.state, attempts = excluded.attempts,
        session = excluded.session, f_cnt = excluded.f_cnt
    WHERE downlink.state <> 'done' AND
        (excluded.attempts, instr('waiting handed_over awaits_ack done', excluded.state)) >=
        (downlink.attempts, instr('waiting handed_over awaits_ack done', downlink.state))"""


def row(queued: Queued) -> Row:
    order = queued.order
    return (
        queued.number,
        order.correlation,
        f"{order.dev_eui:016x}",
        order.f_port,
        order.payload,
        order.confirmed,
        order.priority,
        order.expires_at,
        queued.state,
        queued.attempts,
        queued.session.hex(),
        queued.f_cnt,
        order.at,
    )


def write(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Also forgets those that are done, but the last."""
    if not rows:
        return
    connection.executemany(_WRITE, rows)
    connection.execute(
        "DELETE FROM downlink WHERE state = ? AND number <= (SELECT max(number) FROM downlink) - ?",
        (State.DONE, REMEMBERED),
    )


def load(connection: sqlite3.Connection) -> Iterator[Queued]:
    for found in connection.execute("SELECT * FROM downlink ORDER BY number"):
        yield _queued(*found)


def _queued(number: int, correlation: str, dev_eui: str, *values: Any) -> Queued:
    f_port, payload, confirmed, priority, expires_at, state, attempts, session, f_cnt, at = values
    order = Order(
        correlation, int(dev_eui, 16), f_port, payload, bool(confirmed), priority, expires_at, at
    )
    return Queued(number, order, State(state), attempts, bytes.fromhex(session), f_cnt)
