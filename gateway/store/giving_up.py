"""D3: which records are given up, and how the city hears of it.

- Before a commit breaks a bound, and every AGE_CHECK seconds for their age, the oldest records go,
  but for those that are in memory as live or in a batch. What cannot be read back from disk goes
  when it is found. What is archived, which the city has, goes before any of them; and where the
  disk is short, copies of the database from before an upgrade before that.
- The deletion, and the `gap` events that tell the city, are one transaction.
- A little more goes than must, so that gaps stay few; and never so much that a commit takes long.
- One at a time reads and deletes the oldest. Commits that wait for room keep their order.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.records import Event, Record
from gateway.store import tables
from gateway.store.archive import Archive
from gateway.store.bounds import Ages, Bounds, Reason, gap, is_gap
from gateway.store.database import Store
from gateway.store.lanes import Lanes, Segment
from gateway.store.tables import DAMAGED

READ_RECORDS: Final = 1000  # brought into memory at a time, or given up
GIVE_UP_STEPS: Final = 8  # times READ_RECORDS; more is given up with later commits
AGE_CHECK: Final = 60.0  # seconds

# commits these events with the deletion of these segments, and with what is left of them; the third
# hears how it ended, the last that it stands though the disk refused it
Tell: TypeAlias = Callable[
    [
        Sequence[Event],
        Sequence[Segment],
        Callable[[StoreError | None], None],
        Sequence[tables.Segment],
        Callable[[], None] | None,
    ],
    Awaitable[None],
]


class GivingUp:
    """For one buffer. `due` is when the ages have to be looked at, in seconds of `now`."""

    def __init__(
        self,
        store: Store,
        lanes: Lanes,
        tell: Tell,
        now: Callable[[], float],
        archive: Archive,
        *,
        bounds: Bounds,
        clock: Clock,
        first: int,
    ) -> None:
        """`first` is the first sequence number of this run."""
        self._store, self._lanes, self._tell, self._now = store, lanes, tell, now
        self._bounds, self._clock, self._archive = bounds, clock, archive
        self._ages = Ages(now(), first)
        self._turn = asyncio.Lock()
        self._deleting = asyncio.Lock()
        self.due = now()
        self.lost: Counter[Reason] = Counter()

    @property
    def lost_records(self) -> int:
        """All but those that a technician has purged."""
        return self.lost.total() - self.lost["purged"]

    async def make_room(self, records: int) -> None:
        """For a commit of so many, as far as giving up the oldest can make it. In turn: who needs
        little does not overtake who needs more and came before, whose answer goes first.
        """

        def reason() -> Reason | None:
            return self._bounds.exceeded(self._store.room, max(1, records))

        async with self._turn:
            if reason() == "disk":
                await self._store.give_up_copies()
            while reason() and self._archive.give_up():
                await self._tell((), (), lambda _: None, (), None)
            if reason():
                async with self._deleting:
                    await self._give_up(reason, math.inf)

    async def aged(self, following: int) -> None:
        """Those that are too old. `following` is the next sequence number."""
        self.due = self._now() + AGE_CHECK
        await self._store.measure()
        self._archive.age(self._now(), following)
        if self._bounds.max_age == math.inf:
            return
        self._ages.mark(self._now(), following)
        async with self._deleting:
            last = await self._last_aged()
            if last and await self._give_up(lambda: "age", last):
                self.due = self._now()

    async def damaged(self, after: int) -> None:
        """Those that cannot be read, among the oldest segments above sequence number `after`.

        What stands with live records, or with some in a batch, goes out as DAMAGED events.
        """
        async with self._deleting:
            rows = await self._read_oldest(after)
            await self._lose([row for row in rows if row.is_damaged], "damaged")

    def forgotten(self, lost: Sequence[Record]) -> list[Event]:
        """D1c: what the city is told of these, which memory had alone and no room for."""
        self.lost["disk"] += sum(not is_gap(record) for record in lost)
        return self._gaps(lost, "disk")

    def missing(self, count: int) -> list[Event]:
        """What the city is told when so many are no longer on disk; 0 or less: none."""
        self.lost["damaged"] += max(0, count)
        return self._gaps([DAMAGED] * count, "damaged")

    async def purge(self, unwanted: Callable[[Record], bool], last: int) -> int:
        """A technician's wish: those of the segments up to `last`, but for what is in memory as
        live or in a batch. What stands beside them stays, in its place. How many went.
        """
        after, purged = 0, 0
        while True:
            async with self._deleting:
                rows = [row for row in await self._read_oldest(after) if row.first <= last]
                if not rows:
                    return purged
                after = rows[-1].first
                whole = [row for row in rows if not row.is_damaged]
                purged += await self._purge(
                    [row for row in whole if any(map(unwanted, row.records))], unwanted
                )

    async def _purge(
        self, rows: Sequence[tables.Segment], unwanted: Callable[[Record], bool]
    ) -> int:
        given_up = self._lanes.give_up(rows)
        segments = [segment for segment, _ in given_up]
        purged = [record for _, lost in given_up for record in lost if unwanted(record)]
        if not purged:
            self._lanes.take_back(segments)
            return 0
        left = [
            tables.Segment(segment.first, [record for record in lost if not unwanted(record)])
            for segment, lost in given_up
        ]
        staying = [row for row in left if row.records]

        def ended(error: StoreError | None) -> None:
            if error is None:
                self._lanes.forget(segments)
                self._lanes.rewritten(staying)
                self._count(purged, "purged")
            else:
                self._lanes.take_back(segments)

        def stood() -> None:
            self._lanes.gone(len(purged))
            self._count(purged, "purged")

        await self._tell(self._gaps(purged, "purged"), segments, ended, staying, stood)
        return len(purged)

    async def _last_aged(self) -> int:
        """The oldest segments up to this `first` are too old; 0: none that are known to be."""
        following, old = self._ages.oldest(self._now() - self._bounds.max_age)
        if old:
            return following - 1
        before = self._bounds.aged(self._clock.now())
        return 0 if before is None else min(following - 1, await self._store.last_aged(before))

    async def _give_up(self, reason: Callable[[], Reason | None], last: float) -> bool:
        """The oldest segments up to `last`, while there is a reason; whether there may be more."""
        after, lost = 0, False
        for _ in range(GIVE_UP_STEPS):
            why = reason()
            rows = await self._read_oldest(after) if why else []
            if why is None or not rows or rows[0].first > last:
                return False
            lost = await self._lose([row for row in rows if row.first <= last], why)
            after = rows[-1].first
        return lost

    async def _read_oldest(self, after: int) -> list[tables.Segment]:
        """Segments that are on disk still when this returns."""
        found: list[tables.Segment] = []
        deletions = -1

        def then(rows: list[tables.Segment]) -> None:
            nonlocal found, deletions
            found, deletions = rows, self._lanes.deletions

        while deletions != self._lanes.deletions:
            await self._store.read_segments(after, READ_RECORDS, then)
        return found

    async def _lose(self, rows: Sequence[tables.Segment], reason: Reason) -> bool:
        """One transaction: as many of these as may go, and what the city is told."""
        given_up = self._lanes.give_up(rows)
        records = [record for _, lost in given_up for record in lost]
        if not records:
            return False
        segments = [segment for segment, _ in given_up]

        def ended(error: StoreError | None) -> None:
            if error is None:
                self._lanes.forget(segments)
                self._count(records, reason)
            else:
                self._lanes.take_back(segments)

        def stood() -> None:
            self._lanes.gone(len(records))
            self._count(records, reason)

        await self._tell(self._gaps(records, reason), segments, ended, (), stood)
        return True

    def _count(self, records: Sequence[Record], reason: Reason) -> None:
        """Gaps that are lost were counted when they were made."""
        self.lost["damaged"] += sum(record is DAMAGED for record in records)
        self.lost[reason] += sum(not is_gap(record) for record in records)

    def _gaps(self, records: Sequence[Record], reason: Reason) -> list[Event]:
        """A gap for what was damaged, and one for the others."""
        now, dated = self._clock.now(), self._clock.dated
        damaged: list[Record] = [record for record in records if record is DAMAGED]
        others = [record for record in records if record is not DAMAGED]
        told: list[tuple[list[Record], Reason]] = [(damaged, "damaged"), (others, reason)]
        return [gap(lost, why, now, dated) for lost, why in told if lost]
