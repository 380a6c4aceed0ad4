"""Defects that the power cuts must find: each breaks one promise of the store."""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from gateway.errors import StoreError
from gateway.lorawan import session
from gateway.records import Event, Record
from gateway.replay import Command
from gateway.store import migrations, numbers, opening, tables
from gateway.store.buffer import Buffer
from gateway.store.database import Store
from gateway.store.lanes import Segment
from gateway.store.tables import Write
from gateway.store.taking_in import TakingIn


def _synchronous(mode: str) -> None:
    strict = opening.PRAGMAS.index("PRAGMA synchronous = FULL")
    pragmas = list(opening.PRAGMAS)
    pragmas[strict] = f"PRAGMA synchronous = {mode}"
    opening.PRAGMAS = tuple(pragmas)  # type: ignore[assignment]


def _told_before_the_commit() -> None:
    commit = Store.commit

    async def early(self: Store, write: Write, then: Callable[[StoreError | None], None]) -> None:
        then(None)
        await commit(self, write, lambda _: None)

    Store.commit = early  # type: ignore[method-assign]


def _batches_not_reserved() -> None:
    numbers.BLOCK = -1


def _f_cnt_down_not_reserved() -> None:
    session.RESERVED_AHEAD = -1


def _copy_not_synced() -> None:
    def copy(connection: sqlite3.Connection, target: Path) -> None:
        target.write_bytes(target.with_name("kogge.db").read_bytes())

    migrations.back_up = copy


def _gap_told_later() -> None:
    tell = TakingIn.tell

    async def apart(
        self: TakingIn,
        gaps: Sequence[Event],
        given_up: Sequence[Segment],
        then: Callable[[StoreError | None], None],
        staying: Sequence[tables.Segment],
        stood: Callable[[], None] | None,
    ) -> None:
        await tell(self, (), given_up, then, staying, None)
        await tell(self, gaps, (), lambda _: None, (), None)

    TakingIn.tell = apart  # type: ignore[method-assign]


def _accepted_before_the_commit() -> None:
    keep = Buffer.keep

    async def early(
        self: Buffer,
        records: Sequence[Record],
        changes: session.Changes,
        commands: Sequence[Command] = (),
    ) -> bool:
        if commands:
            asyncio.get_running_loop().call_later(60, keep, self, [], changes, commands)
        return await keep(self, records, changes)

    Buffer.keep = early  # type: ignore[method-assign]


def _python_never_syncs() -> None:
    os.fsync = lambda fd: None


MUTATIONS: dict[str, Callable[[], None]] = {
    "synchronous = OFF": lambda: _synchronous("OFF"),
    "synchronous = NORMAL": lambda: _synchronous("NORMAL"),
    "told before the commit": _told_before_the_commit,
    "batch numbers not reserved": _batches_not_reserved,
    "f_cnt_down not reserved": _f_cnt_down_not_reserved,
    "key not synced": _python_never_syncs,
    "copy before a migration not synced": _copy_not_synced,
    "replay accepted before the commit": _accepted_before_the_commit,
    "gap told after the deletion": _gap_told_later,
}


def mutate(name: str = "") -> None:
    if name:
        MUTATIONS[name]()
