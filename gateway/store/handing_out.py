"""What goes out: whose turn it is, and what becomes of a batch that has come back.

- Live records go first, then the backlog on disk, then what has waited in memory for longer than W
  (D1c), then what the city wants once more (replays.py). All but the first is `historical`.
- A batch that was handed out ends in `delivered`, `returned` or `park`.
- While the disk refuses (D1c) nothing is read from it: the backlog waits.
- The backlog is read ahead: while a part of it goes out, the next comes from the disk.
"""

import asyncio
import math
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gateway.errors import DiskFault
from gateway.records import Record
from gateway.store import tables
from gateway.store.commits import Commits
from gateway.store.contents import Contents, wait
from gateway.store.giving_up import GivingUp
from gateway.store.lanes import Entry, take
from gateway.store.segments import SEGMENT_RECORDS

READ_AHEAD: Final = SEGMENT_RECORDS  # more at once would leave the processor's cache


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes into one message: all readings or all events. `number` rises for ever. What is
    `replayed` has been delivered before.
    """

    records: tuple[Record, ...]
    historical: bool
    number: int
    replayed: bool = False


class HandingOut:
    """For one buffer, which says what each method promises. `hurry` hears when something may have
    to be written sooner. `counts` are records: those that come back are handed out once more, and
    what is replayed is counted by its acknowledgement alone.
    """

    def __init__(
        self,
        has: Contents,
        commits: Commits,
        giving_up: GivingUp,
        hurry: Callable[[], None],
        *,
        window: float,
        slack: float,
    ) -> None:
        """`window` is W, and `slack` how long a live record may wait before it is written."""
        self._store, self._lanes, self._unwritten = has.store, has.lanes, has.unwritten
        self._chores, self._archive, self._walks = has.chores, has.archive, has.walks
        self._replays, self._batches, self._now = has.replays, has.batches, has.now
        self._out, self._arrived = has.out, has.arrived
        self._commits, self._giving_up = commits, giving_up
        self._window, self._slack, self._hurry = window, slack, hurry
        self._reading: asyncio.Task[None] | None = None
        self._found_damaged = False
        self.counts: Counter[str] = Counter(handed_out=0, acknowledged=0, returned=0, replayed=0)

    async def next_batch(
        self,
        limit: int,
        linger: float,
        *,
        backlog_wait: Callable[[], float],
        in_order: bool,
    ) -> Batch:
        with suppress(DiskFault):
            await self._commits.reserve_batch_number()
        while True:
            self.see_reading()
            readable = self._store.fault is None
            self._lanes.set_aside(self._now() - self._window)
            in_memory = bool(self._lanes.late or self._lanes.overdue)
            backlog = in_memory or (self._lanes.has_backlog and readable)
            ripe_in = math.inf if in_order and backlog else self._ripe_in(limit, linger)
            if ripe_in <= 0:
                return self._hand_out(self._lanes.live, limit, historical=False)
            hungry = self._replays.is_hungry(limit) and readable
            again = hungry or self._replays.has_readings
            backlog_in = backlog_wait() if backlog or again else math.inf
            if backlog_in > 0:
                self._arrived.clear()
                await wait(self._arrived, min(ripe_in, backlog_in))
            elif self._found_damaged or (self._may_read(limit) and readable):
                await asyncio.wait({self._read_on()})
            elif in_memory:
                lane = self._lanes.late or self._lanes.overdue
                batch = self._hand_out(lane, limit, historical=True)
                if self._may_read(READ_AHEAD) and readable:
                    self._read_on()
                return batch
            elif hungry:
                with suppress(DiskFault):
                    await self._replays.read()
                self._hurry()
            else:
                return self._replay(limit)

    def delivered(self, batch: Batch) -> None:
        self.counts["replayed" if batch.replayed else "acknowledged"] += len(batch.records)
        if batch.replayed:
            self._replays.delivered(batch.number)
        else:
            self._delivered(batch)
        self._arrived.set()
        self._hurry()

    def _delivered(self, batch: Batch) -> None:
        entries = self._out.pop(batch.number)
        self._walks.delivered(entries)
        self._chores.delete(self._lanes.delivered(entries), self._now())
        self._archive.add(batch.records, self._now())
        self._unwritten.say_safe(entries)

    def returned(self, batch: Batch) -> None:
        if batch.replayed:
            self._replays.returned(batch.number)
        else:
            self.counts["returned"] += len(batch.records)
            self._lanes.give_back(self._out.pop(batch.number))
        self._arrived.set()
        self._hurry()

    def park(self, batch: Batch) -> None:
        if batch.replayed:
            self._replays.refused(batch.number)
        else:
            self._lanes.parked.extend(self._out.pop(batch.number))
        self._hurry()

    def retry_parked(self) -> int:
        count = len(self._lanes.parked)
        self._lanes.give_back(self._lanes.parked)
        self._lanes.parked.clear()
        self._arrived.set()
        return count

    def _hand_out(self, lane: deque[Entry], limit: int, *, historical: bool) -> Batch:
        entries = take(lane, limit)
        batch = Batch(tuple(entry.record for entry in entries), historical, self._batches.take())
        self._out[batch.number] = entries
        self.counts["handed_out"] += len(entries)
        return batch

    def _replay(self, limit: int) -> Batch:
        number = self._batches.take()
        return Batch(
            self._replays.take(number, limit), historical=True, number=number, replayed=True
        )

    def _ripe_in(self, limit: int, linger: float) -> float:
        """Seconds until live records are sent. Half of the time until the oldest is written is left
        to the broker.
        """
        live = self._lanes.live
        if not live or len(live) >= limit:
            return 0.0 if live else math.inf
        return live[0].at + min(linger, self._slack / 2) - self._now()

    async def close(self) -> None:
        """Nothing is read any more. Raises StoreError where that has failed, and nobody saw it."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
            self.see_reading()

    def _read_on(self) -> asyncio.Task[None]:
        """What is under way goes on though nobody waits for it any more."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_backlog(), name="store.backlog")
        return self._reading

    def see_reading(self) -> None:
        """How it has ended, if it has: raises StoreError. There may be no next batch for long."""
        if self._reading is not None and self._reading.done():
            reading, self._reading = self._reading, None
            with suppress(DiskFault, asyncio.CancelledError):
                reading.result()

    def _may_read(self, fewer: int) -> bool:
        """There is more on disk, and fewer than these wait in memory."""
        return bool(self._lanes.unread) and len(self._lanes.late) < fewer

    async def _read_backlog(self) -> None:
        after = self._lanes.cursor

        def found(rows: list[tables.Segment]) -> None:
            self._found_damaged = any(row.is_damaged for row in rows)
            self._lanes.found(after, rows, self._now())

        try:
            if self._lanes.unread:  # nothing of it was given up meanwhile
                await self._store.read_segments(after, READ_AHEAD, found)
            if self._found_damaged:  # nothing goes out before that is told
                await self._giving_up.damaged(after)
        finally:
            self._found_damaged = False
