"""The buffer between the radio and the city: every record, until the broker has acknowledged it.

What holds here (ARCHITECTURE.md §4):

- D1. A record is *safe* when the broker has acknowledged it or it is on disk (fsynced). Within W
  (`window`) of `add` it is one of the two. `safe` is told once a record, whichever is first.
  What is safe is handed out until it is delivered, over restarts too: at least once.
- D1a. What is answered over the air is on disk first: when `keep` returns, its records, session
  changes and joins are there, in one transaction. Only then the answer may leave.
- D1b. The session of an unanswered uplink is written with the next commit, at the latest after
  60 s. Commits come every W while the broker is away.
- D2. A record keeps its identity; what is handed out twice is the same record. Batch numbers and
  sequence numbers rise for ever.
- D3. Before a commit breaks a bound, and every AGE_CHECK seconds, the oldest records are given up,
  but for those that are in memory as live or in a batch. The deletion, and the `gap` event that
  tells the city, are one transaction. A little more goes than must, so that gaps stay few.
  What cannot be read back from disk is given up in the same way, when it is found.
- D4. Nothing here is a stranger's: every fault is ours, is raised, and ends `run`.
- D5. A reading that was not decoded is a record as any other.

Live records wait in memory for at most W; then they are on disk, leave memory, and wait as the
backlog. A segment on disk is deleted, with a coming commit, when all of its records are delivered;
a crash in between delivers them again. Times are seconds of `now`; wall time is the clock's.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.lorawan.session import Changes, Session
from gateway.records import Event, Record
from gateway.store import tables
from gateway.store.bounds import NO_BOUNDS, Ages, Bounds, Reason, gap, is_gap
from gateway.store.chores import Chores, Taken
from gateway.store.database import Store
from gateway.store.lanes import Entry, Lanes, Segment, take
from gateway.store.numbers import Numbers
from gateway.store.segments import slices
from gateway.store.tables import DAMAGED

COMMIT_TAKES = 0.5  # seconds that a commit on a slow card may need before W ends
READ_RECORDS = 1000  # backlog records brought into memory at a time, or given up
GIVE_UP_STEPS = 8  # times READ_RECORDS: more is given up with later commits, none takes too long
AGE_CHECK = 60.0  # seconds
UNTIMED = Clock(lambda: "unsynchronised", "")


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes into one message: all readings or all events. `number` rises for ever."""

    records: tuple[Record, ...]
    historical: bool
    number: int


class Buffer:
    """For one forwarder, which calls `next_batch`, then `delivered` or `returned`, in any order."""

    def __init__(
        self,
        store: Store,
        window: float,
        safe: Callable[[Sequence[Record]], None],
        now: Callable[[], float] = time.monotonic,
        *,
        bounds: Bounds = NO_BOUNDS,
        clock: Clock = UNTIMED,
    ) -> None:
        self._store = store
        self._slack = window - min(window / 2, COMMIT_TAKES)
        self._safe = safe
        self._now = now
        self._bounds = bounds
        self._clock = clock
        self._age_check = now()
        self._turn = asyncio.Lock()
        self._giving_up = asyncio.Lock()
        self._lost_records = 0
        self._out: dict[int, list[Entry]] = {}
        self._unwritten: deque[Entry] = deque()
        self._chores = Chores()
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._alarm = math.inf

    async def open(self) -> None:
        """Learns how much is on disk from the runs before."""
        stock = await self._store.stock()
        self._lanes = Lanes(stock.records)
        self._sequence = Numbers.after("sequence", stock.reserved.get("sequence", 1))
        self._batches = Numbers.after("batch", stock.reserved.get("batch", 1))
        self._ages = Ages(self._now(), self._sequence.next)

    @property
    def backlog(self) -> int:
        """Records not yet acknowledged, in memory and on disk."""
        return self._lanes.undelivered

    @property
    def lost_records(self) -> int:
        """Given up undelivered by this run, each told to the city in a gap event."""
        return self._lost_records

    # records come in

    def add(self, record: Record, session: Session | None = None) -> None:
        """A live record, to the forwarder at once, safe within W. `session` has changed with it."""
        entry = Entry(record, self._now())
        self._unwritten.append(entry)
        self._lanes.enter([entry])
        self._arrived.set()
        if session is None:
            self._wake_run()
        else:
            self.touch(session)

    def touch(self, session: Session) -> None:
        """D1b: its f_cnt_up has changed, whether or not a record came with it."""
        self._chores.touch(session, self._now())
        self._wake_run()

    async def keep(self, records: Sequence[Record], changes: Changes) -> None:
        """D1a. Raises StoreError when they are not on disk; then they have not been taken in."""
        await self._make_room(len(records))
        entries = [Entry(record, self._now()) for record in records]
        await self._commit(entries, changes, partial(self._kept, entries))

    def _kept(self, entries: Sequence[Entry], error: StoreError | None) -> None:
        if error is None:
            self._lanes.enter(entries)
            self._arrived.set()
            self._wake_run()

    # records go out

    async def next_batch(self, limit: int, linger: float) -> Batch:
        """Waits for something to send: at most `limit` records of one kind.

        Live records go first, as soon as `limit` of them wait or the oldest has waited `linger`
        seconds (never so long that it would have to be written for want of an acknowledgement).
        Until then the backlog on disk has its turn, oldest first. May be cancelled at any time.
        """
        await self._reserve_batch_number()
        while not self._is_ripe(limit, linger):
            if self._lanes.unread and len(self._lanes.late) < limit:
                await self._read_backlog()
            elif self._lanes.late:
                return self._hand_out(self._lanes.late, limit, historical=True)
            else:
                await self._wait_for_live(linger)
        return self._hand_out(self._lanes.live, limit, historical=False)

    def delivered(self, batch: Batch) -> None:
        """The broker has acknowledged it, without a failure code."""
        entries = self._out.pop(batch.number)
        self._chores.delete(self._lanes.delivered(entries), self._now())
        self._say_safe(entries)
        self._wake_run()

    def returned(self, batch: Batch) -> None:
        """It could not be published: its records go out again."""
        self._lanes.give_back(self._out.pop(batch.number))
        self._arrived.set()
        self._wake_run()

    def _hand_out(self, lane: deque[Entry], limit: int, *, historical: bool) -> Batch:
        entries = take(lane, limit)
        batch = Batch(tuple(entry.record for entry in entries), historical, self._batches.take())
        self._out[batch.number] = entries
        return batch

    def _is_ripe(self, limit: int, linger: float) -> bool:
        live = self._lanes.live
        return len(live) >= limit or (bool(live) and self._ripe_at(linger) <= self._now())

    def _ripe_at(self, linger: float) -> float:
        """Half of the time until it is written is left to the broker."""
        live = self._lanes.live
        return live[0].at + min(linger, self._slack / 2) if live else math.inf

    async def _wait_for_live(self, linger: float) -> None:
        self._arrived.clear()
        await _wait(self._arrived, self._ripe_at(linger) - self._now())

    async def _read_backlog(self) -> None:
        after, damaged = self._lanes.cursor, False

        def found(rows: list[tables.Segment]) -> None:
            nonlocal damaged
            damaged = any(row.is_damaged for row in rows)
            self._lanes.found(after, rows, self._now())

        await self._store.read_segments(after, READ_RECORDS, found)
        if damaged:
            await self._give_up_damaged(after)

    async def _reserve_batch_number(self) -> None:
        reservation = self._batches.reservation(1)
        if reservation:
            await self._commit([], Changes(), lambda _: None, reservation)

    # what is written when

    async def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Keeps D1 and D1b, and deletes what is delivered, until cancelled or a StoreError.

        A round, and its `beat`, comes every AGE_CHECK seconds at the latest.
        """
        while True:
            beat()
            await self._until_due()
            await self.flush()

    async def flush(self) -> None:
        """One round: write what is about to outlive W, or waits to be written for its own sake."""
        due = self._now() - self._slack
        if self._oldest_unwritten() <= due or self._chores.due <= self._now():
            await self._write_all()
        self._lanes.retire(due)
        self._arrived.set()
        if self._age_check <= self._now():
            await self._give_up_aged()

    async def close(self) -> None:
        """Everything that is not acknowledged, and every session, is on disk; else a StoreError.

        Waits for a commit whose asker was cancelled first: what it could not write comes back.
        """
        await self._store.settled()
        while self._oldest_unwritten() < math.inf or self._chores.due < math.inf:
            await self._write_all()

    async def _until_due(self) -> None:
        while (due := self._next_round()) > self._now():
            self._alarm = due
            self._hurry.clear()
            await _wait(self._hurry, due - self._now())

    def _next_round(self) -> float:
        live = self._lanes.live
        leaves_memory = live[0].at if live and live[0].segment is not None else math.inf
        return min(
            min(self._oldest_unwritten(), leaves_memory) + self._slack,
            self._chores.due,
            self._age_check,
        )

    def _wake_run(self) -> None:
        if self._next_round() < self._alarm:
            self._hurry.set()

    def _oldest_unwritten(self) -> float:
        while self._unwritten and self._unwritten[0].delivered:
            self._unwritten.popleft()
        return self._unwritten[0].at if self._unwritten else math.inf

    async def _write_all(self) -> None:
        await self._make_room(len(self._unwritten))
        entries = [entry for entry in self._unwritten if not entry.delivered]
        self._unwritten.clear()
        await self._commit(entries, Changes(), partial(self._put_back, entries))

    def _put_back(self, entries: Sequence[Entry], error: StoreError | None) -> None:
        if error is not None:
            self._unwritten.extendleft(reversed(entries))

    async def _commit(
        self,
        entries: Sequence[Entry],
        changes: Changes,
        then: Callable[[StoreError | None], None],
        reservation: dict[str, int] | None = None,
        given_up: Sequence[Segment] = (),
    ) -> None:
        """One transaction, with all chores that wait. `then` hears of its end, cancelled or not."""
        chores = self._chores.take(changes)
        reserved = self._sequence.reservation(len(entries)) | (reservation or {})
        parts = [(self._sequence.take(len(part)), part) for part in slices(entries)]
        write = tables.Write.of(
            replace(changes, sessions=(*chores.sessions, *changes.sessions)),
            [tables.Segment(first, [entry.record for entry in part]) for first, part in parts],
            [segment.first for segment in (*chores.delivered, *given_up)],
            reserved,
        )

        def ended(error: StoreError | None) -> None:
            if error is None:
                self._written(parts, chores, reserved)
            else:
                self._chores.put_back(chores, self._now())
            then(error)

        await self._store.commit(write, ended)

    def _written(
        self, parts: list[tuple[int, Sequence[Entry]]], chores: Taken, reserved: dict[str, int]
    ) -> None:
        self._sequence.confirm(reserved)
        self._batches.confirm(reserved)
        self._lanes.forget(chores.delivered)
        for first, entries in parts:
            self._chores.delete(self._lanes.on_disk(first, entries), self._now())
            self._say_safe(entries)

    # what is given up

    async def _make_room(self, records: int) -> None:
        """For a commit of so many, as far as giving up the oldest can make it. In turn: who needs
        little does not overtake who needs more and came before, whose answer goes first.
        """

        def reason() -> Reason | None:
            return self._bounds.exceeded(self._store.room, max(1, records))

        async with self._turn:
            if reason():
                async with self._giving_up:
                    await self._give_up(reason, math.inf)

    async def _give_up_aged(self) -> None:
        self._age_check = self._now() + AGE_CHECK
        await self._store.measure()
        if self._bounds.max_age == math.inf:
            return
        async with self._giving_up:
            last = await self._last_aged()
            if last and await self._give_up(lambda: "age", last):
                self._age_check = self._now()

    async def _last_aged(self) -> int:
        """The oldest segments up to this `first` are too old; 0: none that are known to be."""
        self._ages.mark(self._now(), self._sequence.next)
        following, old = self._ages.oldest(self._now() - self._bounds.max_age)
        if old:
            return following - 1
        before = self._bounds.aged(self._clock.now())
        return 0 if before is None else min(following - 1, await self._store.last_aged(before))

    async def _give_up_damaged(self, after: int) -> None:
        """What stands with live records, or with some in a batch, goes out as DAMAGED events."""
        async with self._giving_up:
            rows = await self._read_oldest(after)
            await self._lose([row for row in rows if row.is_damaged], "damaged")

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
        entries = [Entry(told, self._now()) for told in self._told(records, reason)]
        segments = [segment for segment, _ in given_up]

        def ended(error: StoreError | None) -> None:
            if error is None:
                self._lanes.forget(segments)
                self._lost_records += sum(r is DAMAGED or not is_gap(r) for r in records)
            else:
                self._lanes.take_back(segments)
            self._kept(entries, error)

        await self._commit(entries, Changes(), ended, given_up=segments)
        return True

    def _told(self, records: Sequence[Record], reason: Reason) -> list[Event]:
        """A gap for what was damaged, and one for the others."""
        now, dated = self._clock.now(), self._clock.dated
        damaged: list[Record] = [record for record in records if record is DAMAGED]
        others = [record for record in records if record is not DAMAGED]
        told: list[tuple[list[Record], Reason]] = [(damaged, "damaged"), (others, reason)]
        return [gap(lost, why, now, dated) for lost, why in told if lost]

    def _say_safe(self, entries: Sequence[Entry]) -> None:
        news = [entry for entry in entries if not entry.safe]
        for entry in news:
            entry.safe = True
        if news:
            self._safe([entry.record for entry in news])


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """For the event, or until the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            await event.wait()
