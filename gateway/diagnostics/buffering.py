"""`{"op":"buffer"}` on the control socket: what waits for the city, and what it has had.

- `"action":"status"`: one line.
- `"action":"records"`: lines `{"records": […]}` of readings and events as the city gets them
  (docs/mqtt.md; an event has a `type`), and a last one `{"done": …}`. Which ones: `Wanted`.

- `"action":"purge"`: readings of the buffer are given up: of `device`, received before `ends`, or
  `"all":true`; with `archive` blocks of the archive too, by time alone. One line with `done`.
- `"action":"verify"`: lines that say how far it is, and a last one with `done`: whether everything
  on disk can be read and agrees.

Whoever asks for the records that the buffer has at this moment gets each once, as far as none of
them is given up meanwhile: gateway/store/walks.py.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.clock import Clock
from gateway.errors import DiskFault
from gateway.northbound.formats.json import alone
from gateway.records import Event, Moment, Record
from gateway.shapes import plainly
from gateway.store.bounds import Bounds
from gateway.store.buffer import Buffer
from gateway.store.database import Store

Line = dict[str, Any]


class Wanted(msgspec.Struct):
    """Which records: oldest first unless `newest`; received from `begins` until before `ends`
    (Unix seconds; what has no time is in no span); of one device; at most `limit`. `archive`: those
    that the city has had too.
    """

    action: Literal["status", "records", "purge", "verify"] = "status"
    all: bool = False
    newest: bool = False
    archive: bool = False
    events: bool = True
    device: str | None = None
    begins: float | None = None
    ends: float | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None

    def has(self, record: Record, moment: Moment) -> bool:
        if isinstance(record, Event):
            device = record.detail.get("device")
            mine = self.events
        else:
            device, mine = record.device, True
        if self.device is not None and device != self.device:
            return False
        return mine and self._in_span(moment.at)

    def _in_span(self, at: float | None) -> bool:
        if self.begins is None and self.ends is None:
            return True
        return at is not None and (self.begins or 0) <= at < (self.ends or at + 1)

    def lines(
        self, slices: Sequence[Record], dated: Callable[[Moment], Moment], sent: int
    ) -> list[object]:
        """Those of a slice, as the city gets them, if so many are sent already."""
        found: list[object] = []
        for record in slices:
            if self.limit is not None and sent + len(found) >= self.limit:
                break
            moment = dated(record.moment)
            if self.has(record, moment):
                found.append(alone(record, moment))
        return found


def asked(request: Line) -> Wanted:
    """Raises msgspec.ValidationError."""
    return msgspec.convert(request, Wanted)


async def answer(
    request: Line, *, buffer: Buffer, store: Store, bounds: Bounds, clock: Clock
) -> AsyncGenerator[Line, None]:
    try:
        wanted = asked(request)
    except msgspec.ValidationError as error:
        yield {"error": f"not understood: {plainly(error)}"}
        return
    # with sqlite-utils: it takes its time, and nobody waits for it meanwhile
    await asyncio.to_thread(import_module, "gateway.store.inspection")
    if wanted.action == "status":
        yield await _status(buffer, store, bounds, clock)
        return
    if wanted.action == "purge":
        yield await _purge(wanted, buffer, clock)
        return
    lines = _verify(buffer, store) if wanted.action == "verify" else _records(wanted, buffer, clock)
    async for line in lines:
        yield line


async def _purge(wanted: Wanted, buffer: Buffer, clock: Clock) -> Line:
    """Which it is stands in the log of the city: a gap."""
    unwanted = msgspec.structs.replace(wanted, events=False)
    if wanted.all == (wanted.device is not None or wanted.ends is not None):
        return {"error": "not understood: name a device, a time, or all"}
    if wanted.archive and wanted.device is not None:
        return {"error": "the archive goes in whole blocks: by time, or all of it"}
    purged = await buffer.purge(lambda one: unwanted.has(one, clock.dated(one.moment)))
    before = math.inf if wanted.ends is None else wanted.ends
    archived = buffer.purge_archive(before) if wanted.archive else 0
    return {"done": {"purged": purged, "archived": archived, "records": buffer.backlog}}


async def _verify(buffer: Buffer, store: Store) -> AsyncGenerator[Line, None]:
    from gateway.store.inspection import Order

    order = Order()
    while await store.inspect(order.check):
        pass
    with buffer.walks.begin(archive=True) as walk:
        async for _ in walk.slices():
            yield {"passed": walk.tally.passed, "of": walk.tally.expected}
        yield {"done": verdict(walk.tally.passed, walk.tally.damaged, order.faults, None)}


def verdict(records: int, damaged: int, faults: Sequence[str], structure: bool | None) -> Line:
    """`structure` is what SQLite says of the file's, None: it was not asked."""
    ok = not damaged and not faults and structure is not False
    return {
        "ok": ok,
        "records": records,
        "damaged": damaged,
        "faults": list(faults),
        "structure": structure,
    }


async def _records(wanted: Wanted, buffer: Buffer, clock: Clock) -> AsyncGenerator[Line, None]:
    sent = 0
    with buffer.walks.begin(newest=wanted.newest, archive=wanted.archive) as walk:
        tally = walk.tally
        async for records in walk.slices():
            found = wanted.lines(records, clock.dated, sent)
            sent += len(found)
            yield {"records": found, "passed": tally.passed, "of": tally.expected}
            if sent == wanted.limit:
                break
        yield {"done": done(sent, tally.damaged, 0 if sent == wanted.limit else tally.gone)}


def done(sent: int, damaged: int, gone: int) -> Line:
    return {"records": sent, "damaged": damaged, "gone": gone}


async def _status(buffer: Buffer, store: Store, bounds: Bounds, clock: Clock) -> Line:
    from gateway.store.inspection import NOTHING, ends

    found = NOTHING
    with suppress(DiskFault):
        found = await store.inspect(ends)
        await store.measure()
    live = buffer.walks.newest
    # what is delivered stays on disk until the next commit, and waits no more
    oldest, newest = (
        (found.oldest or live, live or found.newest) if buffer.backlog else (None, None)
    )
    archive = buffer.archive.archived()
    return {
        "asked": "daemon",
        "records": buffer.backlog,
        "parked": buffer.parked,
        "given_up": buffer.lost_records,
        "oldest": when(oldest, clock),
        "newest": when(newest, clock),
        "segments": found.segments,
        "disk": store.room._asdict(),
        "fault": "" if store.fault is None else str(store.fault),
        "bounds": told(bounds),
        "archive": {
            "readings": archive.readings,
            "bytes": archive.size,
            "from": archive.begins,
            "to": archive.ends,
        },
        "beside": await asyncio.to_thread(beside, store.path),
    }


def told(bounds: Bounds) -> Line:
    return {
        "max_age_s": bounds.max_age,
        "max_bytes": bounds.max_bytes,
        "min_free": bounds.min_free,
    }


def when(record: Record | None, clock: Clock) -> Mapping[str, Any] | None:
    """Unix seconds and age in seconds, None where they are not known."""
    if record is None:
        return None
    at, now = clock.dated(record.moment).at, clock.now().at
    age = None if at is None or now is None else round(now - at, 1)
    return {"at": at, "age_s": age}


def beside(database: Path) -> list[Mapping[str, Any]]:
    """Copies that were put aside: before a migration, or because they were damaged."""
    own = {database.name, f"{database.name}.lock", f"{database.name}-wal", f"{database.name}-shm"}
    files = (one for one in sorted(database.parent.glob(f"{database.name}*")))
    return [{"name": one.name, "bytes": one.stat().st_size} for one in files if one.name not in own]
