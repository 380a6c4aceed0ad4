"""Walks through all that the buffer has, beside reception and delivery.

- What a walk passes is what the buffer had at its beginning, each record once, whatever is written
  and delivered meanwhile: what is delivered before the walk has come to it is set aside at that
  moment, and passed then.
- Only what is given up (D3) or pruned before the walk comes to it is missing, and counted (`gone`).
- It holds nothing up: one slice of the store's thread at a time (inspection.py), and the next when
  the last was taken. Whoever takes too slowly ends it: more than MISSED records set aside.
"""

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Final

import msgspec

from gateway.errors import ControlError
from gateway.records import Reading, Record
from gateway.store import tables
from gateway.store.archive import Archive
from gateway.store.blocks import Block
from gateway.store.database import Store
from gateway.store.lanes import Entry, Lanes

MOST: Final = 4  # at a time
MISSED: Final = 5000

_decode = msgspec.json.Decoder(Reading).decode


@dataclass(slots=True)
class Tally:
    """Records: there at the beginning, passed since, that cannot be read. At the end the rest is
    `gone`.
    """

    expected: int
    passed: int = 0
    damaged: int = 0

    @property
    def gone(self) -> int:
        return max(0, self.expected - self.passed - self.damaged)


class Walk:
    """`waiting` are in memory alone; on disk is what has numbers up to `last`."""

    def __init__(
        self,
        store: Store,
        lanes: Lanes,
        waiting: Sequence[Record],
        last: int,
        *,
        newest: bool,
        blocks: Sequence[Block],
        archived: Sequence[bytes],
    ) -> None:
        self._store, self._lanes, self._newest = store, lanes, newest
        self._above, self._below = -1, last + 1  # what is still to be read lies between
        self._waiting, self._blocks, self._archived = waiting, blocks, archived
        self._missed: list[Record] = []
        self._found: list[Record] = []
        archive = sum(block.count for block in blocks) + len(archived)
        self.tally = Tally(lanes.undelivered + archive)

    def delivered(self, entries: Iterable[Entry]) -> None:
        """These are about to leave."""
        for entry in entries:
            ahead = entry.segment and self._above < entry.segment.first < self._below
            if ahead and len(self._missed) <= MISSED:
                self._missed.append(entry.record)

    async def slices(self) -> AsyncGenerator[Sequence[Record], None]:
        """First what is archived; then the oldest, or the newest."""
        async for readings in self._archive():
            yield self._pass(readings)
        if self._newest:
            yield self._pass(self._waiting[::-1])
        while await self._read():
            yield self._pass(self._found)
            yield self._pass(self._set_aside())
        yield self._pass(self._set_aside())
        if not self._newest:
            yield self._pass(self._waiting)

    def _pass(self, records: Sequence[Record]) -> Sequence[Record]:
        self.tally.passed += len(records)
        return records

    async def _archive(self) -> AsyncGenerator[Sequence[Record], None]:
        for block in self._blocks:
            readings = await self._store.read_archived(block.number)
            self.tally.damaged += block.count if readings is None else 0
            yield readings or ()
        yield [_decode(text) for text in self._archived]

    async def _read(self) -> bool:
        from gateway.store.inspection import read_segments

        read = partial(read_segments, above=self._above, below=self._below, newest=self._newest)
        rows: list[tables.Segment] = await self._store.inspect(read, self._take)
        return bool(rows)

    def _take(self, rows: list[tables.Segment]) -> None:
        """In the loop's order with every commit: what is delivered was before, or is set aside."""
        self._found = []
        for row in rows:
            delivered = self._lanes.delivered_of(row.first)
            kept = [one for n, one in enumerate(row.records) if n not in delivered]
            if row.is_damaged:
                self.tally.damaged += len(kept)
            else:
                self._found += reversed(kept) if self._newest else kept
        if rows and self._newest:
            self._below = rows[-1].first
        elif rows:
            self._above = rows[-1].first

    def _set_aside(self) -> Sequence[Record]:
        if len(self._missed) > MISSED:
            raise ControlError(
                "what was asked for is taken too slowly: the city has got most of it meanwhile;"
                " write to a faster place, or pause the forwarding (kogge forward pause)"
            )
        missed, self._missed = self._missed, []
        return missed


class Walks:
    """Those under way. `out` are the buffer's batches, by number."""

    def __init__(
        self,
        store: Store,
        lanes: Lanes,
        out: Mapping[int, Sequence[Entry]],
        archive: Archive,
        last: int,
    ) -> None:
        """No number above `last` has been written yet."""
        self._store, self._lanes, self._out, self._archive = store, lanes, out, archive
        self.last = last
        self._under_way: list[Walk] = []

    def written(self, first: int) -> None:
        self.last = max(self.last, first)

    def delivered(self, entries: Sequence[Entry]) -> None:
        for walk in self._under_way:
            walk.delivered(entries)

    @property
    def newest(self) -> Record | None:
        """What came in last, while memory has it."""
        lane = self._lanes.live or self._lanes.overdue
        return lane[-1].record if lane else None

    @contextmanager
    def begin(self, *, newest: bool = False, archive: bool = False) -> Iterator[Walk]:
        """A walk through what there is now."""
        if len(self._under_way) >= MOST:
            raise ControlError(f"{MOST} look through the buffer already: try again later")
        blocks, archived = self._archive.contents() if archive else ((), ())
        walk = Walk(
            self._store,
            self._lanes,
            self._in_memory_alone(),
            self.last,
            newest=newest,
            blocks=blocks,
            archived=archived,
        )
        self._under_way.append(walk)
        try:
            yield walk
        finally:
            self._under_way.remove(walk)

    def _in_memory_alone(self) -> list[Record]:
        lanes = self._lanes
        entries = chain(*self._out.values(), lanes.parked, lanes.overdue, lanes.live)
        return [entry.record for entry in entries if entry.segment is None]
