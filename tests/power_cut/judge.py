"""What a store has promised, and whether it holds after a power cut: seen through the store itself.

- A record that was told safe is there, or the broker has it, or a gap event stands for it (D1, D3).
- Each record is there once, as it was made, and some life has made it.
- Joins and rejoins are there for ever, downlinks as far as they had come; a session that was
  answered in has its keys, its counters, and an f_cnt_down above all that may have been on the air
  (D1a).
- Numbers of batches and records rise for ever (D2). Airtime that was spent stays spent.
- What was archived can be read (none is pruned here); a replay that was accepted is known.
- The database is whole by SQLite's own check; a migrated one has its backup beside it.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bounds_tools import gaps, missing
from power_cut.life import ARCHIVE, GENERATION, KEYS, NAME, REMEMBERED
from store_tools import FAR, World, next_batch, number_of, reading

from gateway.lorawan.order import State
from gateway.lorawan.session import Changes, KnownState
from gateway.records import Reading, Record
from gateway.store.buffer import Buffer

Identity = tuple[int, str]


@dataclass
class Promises:
    """All that was noted until now, over all lives. `ending`: these sessions may be gone."""

    safe: set[int] = field(default_factory=set)
    delivered: set[int] = field(default_factory=set)
    missing: int = 0
    old: int = -1
    batch: int = 0
    sequence: int = 0
    joins: set[tuple[int, ...]] = field(default_factory=set)
    rejoins: dict[int, int] = field(default_factory=dict)
    downlinks: dict[str, str] = field(default_factory=dict)
    f_cnt_up: dict[Identity, int] = field(default_factory=dict)
    on_air: dict[Identity, int] = field(default_factory=dict)
    ending: set[Identity] = field(default_factory=set)
    remembered: int = 0
    airtime: int = 0
    archived: int = 0
    commands: set[str] = field(default_factory=set)
    backup: str = ""

    def hear(self, note: dict[str, Any]) -> None:
        self.safe |= set(note.get("safe", ()))
        self.delivered |= set(note.get("delivered", ()))
        self.missing += note.get("missing", 0)
        for name in ("old", "batch", "sequence", "remembered", "airtime", "archived"):
            setattr(self, name, max(getattr(self, name), note.get(name, 0)))
        self.ending |= {(dev_eui, id_) for dev_eui, id_ in note.get("ending", ())}
        if "command" in note:
            self.commands.add(note["command"])
        if "join" in note:
            self.joins.add(tuple(note["join"]))
        if "rejoin" in note:
            dev_eui, rj_count_1 = note["rejoin"]
            self.rejoins[dev_eui] = rj_count_1
        self.downlinks |= note.get("downlinks", {})
        if "session" in note:
            dev_eui, id_, f_cnt_up = note["session"]
            self.f_cnt_up[dev_eui, id_] = f_cnt_up
            self.on_air[dev_eui, id_] = note.get("on_air", -1)


@dataclass(frozen=True)
class Found:
    """What the next run has."""

    check: str
    known: KnownState
    remembered: int
    backups: dict[str, str]
    backlog: int
    records: list[Record]
    batch: int
    sequence: int
    archived: int
    unreadable: int
    knows: Callable[[str], bool]


async def look(directory: Path) -> Found:
    """Starts a run, and delivers all that there is. A new record's numbers are above all others."""
    world = World(directory / NAME)
    async with world.buffer(archive=ARCHIVE) as buffer:
        store, backlog = buffer._store, buffer.backlog
        check = await store._ask(lambda: store._disk.run(_check))
        known, remembered = await store.load(), int(await store.recall(REMEMBERED) or 0)
        archived, unreadable = await _archive(buffer)
        knows = buffer.replays.knows
        records: list[Record] = []
        batch = 0
        while buffer.backlog:
            out = await next_batch(buffer, 1000)
            batch = batch or out.number
            records += out.records
            buffer.delivered(out)
        await buffer.keep([reading(int(FAR))], Changes())
        sequence = buffer._sequence.next - 1
        batch = batch or (await next_batch(buffer)).number
    return Found(
        check,
        known,
        remembered,
        _backups(directory),
        backlog,
        records,
        batch,
        sequence,
        archived,
        unreadable,
        knows,
    )


async def _archive(buffer: Buffer) -> tuple[int, int]:
    """How many readings it has, and how many blocks that cannot be read."""
    blocks = [await buffer._store.read_archived(b.number) for b in buffer.archive._blocks]
    return sum(len(block or ()) for block in blocks), sum(block is None for block in blocks)


def complaints(promised: Promises, found: Found) -> Iterator[str]:
    """None when all holds."""
    if found.check != "ok":
        yield f"integrity_check: {found.check}"
    yield from _records(promised, found)
    yield from _sessions(promised, found.known)
    yield from _downlinks(promised, found.known)
    for name in ("batch", "sequence"):
        if getattr(found, name) <= getattr(promised, name):
            yield f"{name} number {getattr(found, name)} is used again"
    if found.remembered < promised.remembered:
        yield f"{found.remembered} is remembered instead of {promised.remembered}"
    if found.archived < promised.archived or found.unreadable:
        yield f"archived {found.archived} of {promised.archived}, {found.unreadable} unreadable"
    if forgotten := [each for each in promised.commands if not found.knows(each)]:
        yield f"commands are forgotten: {forgotten}"
    if promised.backup and found.backups.get(promised.backup) != "ok":
        yield f"{promised.backup} is {found.backups.get(promised.backup)}"
    if sum(spent.airtime_us for spent in found.known.airtime) < promised.airtime:
        yield "airtime is spent twice"


def lost(promised: Promises, found: Found) -> set[int]:
    there = {number_of(record) for record in found.records}
    gone = promised.safe - promised.delivered - there
    given_up = {number for number in gone if number <= promised.old}
    told = promised.missing + missing(gaps(found.records))
    return gone - given_up if len(given_up) <= told else gone


def _records(promised: Promises, found: Found) -> Iterator[str]:
    if gone := lost(promised, found):
        yield f"lost: {sorted(gone)}"
    if len(found.records) != found.backlog:
        yield f"{len(found.records)} records of a backlog of {found.backlog}"
    times = Counter(number_of(record) for record in found.records if record not in gaps([record]))
    if twice := [number for number, count in times.items() if count > 1]:
        yield f"twice: {twice}"
    for record in found.records:
        number = number_of(record)
        made = reading(number, payload=record.payload) if isinstance(record, Reading) else record
        if number >= GENERATION and record != made:
            yield f"changed: {number}"


def _sessions(promised: Promises, known: KnownState) -> Iterator[str]:
    joins = {(j.dev_eui, j.join_eui, j.dev_nonce, j.join_nonce) for j in known.joins}
    if gone := promised.joins - joins:
        yield f"joins are forgotten: {gone}"
    rejoins = {rejoin.dev_eui: rejoin.rj_count_1 for rejoin in known.rejoins}
    if any(rejoins.get(dev_eui, -1) < count for dev_eui, count in promised.rejoins.items()):
        yield f"rejoins are forgotten: {rejoins} of {promised.rejoins}"
    sessions = {(session.dev_eui, session.id.hex()): session for session in known.sessions}
    for identity, f_cnt_up in promised.f_cnt_up.items():
        session = sessions.get(identity)
        if session is None:
            if identity not in promised.ending:
                yield f"session {identity} is gone"
            elif identity[0] not in {dev_eui for dev_eui, _ in sessions}:
                yield f"device {identity[0]} has no session at all"
            continue
        session.skip_reserved()
        newer = session.version == "1.1"
        f_cnt_down = session.a_f_cnt_down if newer else session.f_cnt_down
        if session.f_cnt_up < f_cnt_up or f_cnt_down <= promised.on_air[identity]:
            yield f"session {identity} is behind: {session.f_cnt_up} {f_cnt_down}"
        keys = (session.f_nwk_s_int_key, session.s_nwk_s_int_key)
        if (*keys, session.nwk_s_enc_key, session.app_s_key) != KEYS:
            yield f"session {identity} has other keys"


def _downlinks(promised: Promises, known: KnownState) -> Iterator[str]:
    """None goes back: what was handed over is not sent again."""
    way = list(State)
    states = {one.order.correlation: one.state for one in known.downlinks}
    for correlation, state in promised.downlinks.items():
        found = states.get(correlation)
        if found is None or way.index(found) < way.index(State(state)):
            yield f"downlink {correlation} is {found} after it was {state}"


def _check(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


def _backups(directory: Path) -> dict[str, str]:
    return {file.name: _backup(file) for file in directory.glob("*.bak")}


def _backup(file: Path) -> str:
    try:
        with closing(sqlite3.connect(file)) as connection:
            (sessions,) = connection.execute("SELECT count(*) FROM session").fetchone()
            return _check(connection) if sessions else "without its sessions"
    except sqlite3.DatabaseError as error:
        return str(error)
