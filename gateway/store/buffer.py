"""The buffer between the radio and the city: every record, until the broker has acknowledged it.

What holds here (docs/architecture.md §4):

- D1. A record is *safe* when the broker has acknowledged it or it is on disk (fsynced). Within W
  (`window`) of `add` it is one of the two. `safe` is told once a record, whichever is first.
  What is safe is handed out until it is delivered, over restarts too: at least once.
- D1a. What is answered over the air is on disk first: when `keep` returns, its records, session
  changes and joins are there, in one transaction. Only then the answer may leave.
- D1b. The session of an unanswered uplink is written with the next commit, at the latest after
  60 s. Commits come every W while the broker is away.
- D2. A record keeps its identity; what is handed out twice is the same record. Batch numbers and
  sequence numbers rise for ever.
- D1c. While the disk refuses (`failing`) records go on from memory, bounded: unwritten.py. `keep`
  returns False then: its changes are owed to the disk, and go with the first commit that it takes
  (`restore`). The backlog on disk waits. Batch numbers go on above what is reserved: should the
  process die before the disk is back, the next run uses those once more.
- D3. The oldest records are given up before a bound is broken, and told: giving_up.py.
- D4. Nothing here is a stranger's: every fault but the disk's is ours, is raised, and ends `run`.
- D5. A reading that was not decoded is a record as any other.

Live records wait in memory for at most W; then they are on disk, leave memory, and wait as the
backlog. A segment on disk is deleted, with a coming commit, when all of its records are delivered;
a crash in between delivers them again. Times are seconds of `now`; wall time is the clock's.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from weakref import WeakValueDictionary

from gateway.clock import Clock
from gateway.errors import DiskFault, StoreError
from gateway.lorawan.session import NO_CHANGES, Changes, Session
from gateway.records import Event, Reading, Record
from gateway.replay import Command
from gateway.store import tables
from gateway.store.archive import Archive
from gateway.store.bounds import NO_BOUNDS, Bounds
from gateway.store.chores import Chores, Taken
from gateway.store.database import Store
from gateway.store.giving_up import AGE_CHECK, READ_RECORDS, GivingUp
from gateway.store.lanes import Entry, Lanes, Segment, take
from gateway.store.numbers import Numbers
from gateway.store.owed import merged
from gateway.store.replays import Replays
from gateway.store.segments import slices
from gateway.store.unwritten import GIVEN_UP, Unwritten
from gateway.store.walks import Walks

COMMIT_TAKES = 0.5  # seconds that a commit on a slow card may need before W ends
UNTIMED = Clock(lambda: "unsynchronised", "")


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes into one message: all readings or all events. `number` rises for ever. What is
    `replayed` has been delivered before.
    """

    records: tuple[Record, ...]
    historical: bool
    number: int
    replayed: bool = False


class Buffer:
    """For one forwarder: it calls `next_batch`, then one of `delivered`, `returned` and `park`."""

    def __init__(
        self,
        store: Store,
        window: float,
        safe: Callable[[Sequence[Record]], None],
        now: Callable[[], float] = time.monotonic,
        *,
        bounds: Bounds = NO_BOUNDS,
        clock: Clock = UNTIMED,
        archive: float = 0.0,
    ) -> None:
        """`archive` is for how many seconds delivered readings are kept for a replay."""
        self._store = store
        self._slack = window - min(window / 2, COMMIT_TAKES)
        self._unwritten = Unwritten(safe)
        self._now = now
        self._bounds = bounds
        self._clock = clock
        self._archive_seconds = archive
        self._out: dict[int, list[Entry]] = {}
        self._undecoded: WeakValueDictionary[str, Entry] = WeakValueDictionary()
        self._arrived = asyncio.Event()
        self._hurry = asyncio.Event()
        self._alarm = math.inf

    async def open(self) -> None:
        """Learns how much is on disk from the runs before."""
        stock = await self._store.stock()
        self._lanes = Lanes(stock.records)
        self._sequence = Numbers.after("sequence", stock.reserved.get("sequence", 1))
        self._batches = Numbers.after("batch", stock.reserved.get("batch", 1))
        self.archive = Archive(
            self._archive_seconds,
            stock.archive,
            self._sequence,
            at=self._now(),
            clock=self._clock,
            fits=lambda records: self._bounds.exceeded(self._store.room, records) is None,
        )
        self._chores = Chores(self.archive)
        self.replays = Replays(
            stock.commands, self.archive, self._store.read_archived, self._now, self._clock
        )
        self.walks = Walks(
            self._store, self._lanes, self._out, self.archive, self._sequence.next - 1
        )
        self._giving_up = GivingUp(
            self._store,
            self._lanes,
            self._tell,
            self._now,
            self.archive,
            bounds=self._bounds,
            clock=self._clock,
            first=self._sequence.next,
        )

    @property
    def backlog(self) -> int:
        """Records not yet acknowledged, in memory and on disk."""
        return self._lanes.undelivered

    @property
    def parked(self) -> int:
        """Of the backlog: refused for good, and kept."""
        return len(self._lanes.parked)

    @property
    def lost_records(self) -> int:
        """Given up undelivered by this run, each told to the city in a gap event."""
        return self._giving_up.lost_records

    @property
    def failing(self) -> bool:
        """D1c: the disk refuses."""
        return self._store.fault is not None

    @property
    def memory_records(self) -> int:
        """How many of the backlog are nowhere else."""
        return self._unwritten.count()

    @property
    def rests(self) -> bool:
        """D1c: whatever waits is on the disk."""
        return self.failing and not (self._lanes.live or self._lanes.late)

    # records come in

    def add(self, record: Record, session: Session | None = None) -> None:
        """A live record, to the forwarder at once, safe within W. `session` has changed with it."""
        self._add([Entry(record, self._now())])
        if session is None:
            self._wake_run()
        else:
            self.touch(session)

    def _add(self, entries: Sequence[Entry]) -> None:
        """Live, in memory alone."""
        self._unwritten.add(entries)
        self._enter(entries)
        if self.failing and self._unwritten.too_many():
            self._give_up_unwritten()

    def _give_up_unwritten(self) -> None:
        """D1c: of those that are in a batch none is given up."""
        lost = self._lanes.give_up_unwritten(GIVEN_UP)
        self._unwritten.wake()
        if lost:
            self._add([Entry(event, self._now()) for event in self._giving_up.forgotten(lost)])

    def touch(self, session: Session) -> None:
        """D1b: its f_cnt_up has changed, whether or not a record came with it."""
        self._chores.touch(session, self._now())
        self._wake_run()

    async def keep(
        self, records: Sequence[Record], changes: Changes, commands: Sequence[Command] = ()
    ) -> bool:
        """D1a: all of it is on disk. False (D1c): it was taken in, and is not; but what has to be
        remembered of commands raises DiskFault. Then, as with any other StoreError, none of it has
        been taken in.
        """
        may_go_on = not any(command.number or not command.done for command in commands)
        entries = [Entry(record, self._now()) for record in records]
        try:
            await self._giving_up.make_room(len(records))
        except DiskFault:
            if not may_go_on:
                raise
            self._chores.owe(changes, self._now())
            self._go_on(entries, changes)
            return False
        begun = self.replays.begin(commands)

        def ended(error: StoreError | None) -> None:
            self.replays.ended(begun, error)
            self._kept(entries, error)
            if isinstance(error, DiskFault) and may_go_on:
                self._go_on(entries, changes)

        try:
            await self._commit(entries, changes, ended, commands=begun)
        except DiskFault:
            if not may_go_on:
                raise
            return False
        return True

    async def safe(self, wanted: Callable[[Record], bool]) -> bool:
        """D1c: returns when those that memory alone has are safe; False: one was given up."""
        return await self._unwritten.safe(wanted)

    def _kept(self, entries: Sequence[Entry], error: StoreError | None) -> None:
        if error is None:
            self._enter(entries)
            self._wake_run()

    def _enter(self, entries: Sequence[Entry]) -> None:
        self._lanes.enter(entries)
        for entry in entries:
            if isinstance(entry.record, Reading) and entry.record.undecoded:
                self._undecoded[entry.record.id] = entry
        self._arrived.set()

    def replace(self, decoded: Reading) -> None:
        """D1d: its codec has answered. Without effect on what has left memory meanwhile: that is
        decoded on its way out.
        """
        entry = self._undecoded.pop(decoded.id, None)
        if entry is not None:
            entry.record = decoded

    def _go_on(self, entries: Sequence[Entry], changes: Changes) -> None:
        """Without the disk. What tells of changes is told with them."""
        held = [e for e in entries if changes != NO_CHANGES and not isinstance(e.record, Reading)]
        self._unwritten.hold(held)
        self._add([entry for entry in entries if entry not in held])
        self._wake_run()

    async def _tell(
        self,
        gaps: Sequence[Event],
        given_up: Sequence[Segment],
        then: Callable[[StoreError | None], None],
        staying: Sequence[tables.Segment],
    ) -> None:
        """D3: gap events come in, and the segments that they tell of go, but for what of them is
        staying; in one transaction.
        """
        entries = [Entry(event, self._now()) for event in gaps]

        def ended(error: StoreError | None) -> None:
            then(error)
            self._kept(entries, error)

        await self._commit(entries, Changes(), ended, given_up=given_up, staying=staying)

    async def purge(self, unwanted: Callable[[Record], bool]) -> int:
        """A technician gives these up: told to the city as any that are given up. How many went;
        what is in a batch, or live and not yet on disk, stays.
        """
        return await self._giving_up.purge(unwanted, self._sequence.next - 1)

    def purge_archive(self, before: float) -> int:
        """How many readings go, in whole blocks that are older than this Unix time."""
        count = self.archive.purge(before, self._now())
        self._wake_run()
        return count

    # records go out

    async def next_batch(
        self,
        limit: int,
        linger: float,
        *,
        backlog_wait: Callable[[], float] = lambda: 0.0,
        in_order: bool = False,
    ) -> Batch:
        """Waits for something to send: at most `limit` records of one kind.

        Live records go first, as soon as `limit` of them wait or the oldest has waited `linger`
        seconds (never so long that it would have to be written for want of an acknowledgement).
        Until then the backlog on disk has its turn, oldest first, and when there is none what the
        city wants once more; both `backlog_wait` seconds from now (it is asked again when a batch
        came back). `in_order`: live records go when no backlog is left. May be cancelled at any
        time.
        """
        with suppress(DiskFault):
            await self._reserve_batch_number()
        while True:
            readable = not self.failing
            backlog = bool(self._lanes.late) or (self._lanes.has_backlog and readable)
            ripe_in = math.inf if in_order and backlog else self._ripe_in(limit, linger)
            if ripe_in <= 0:
                return self._hand_out(self._lanes.live, limit, historical=False)
            hungry = self.replays.is_hungry(limit) and readable
            again = hungry or self.replays.has_readings
            backlog_in = backlog_wait() if backlog or again else math.inf
            if backlog_in > 0:
                self._arrived.clear()
                await _wait(self._arrived, min(ripe_in, backlog_in))
            elif self._lanes.unread and len(self._lanes.late) < limit and readable:
                with suppress(DiskFault):
                    await self._read_backlog()
            elif self._lanes.late:
                return self._hand_out(self._lanes.late, limit, historical=True)
            elif hungry:
                with suppress(DiskFault):
                    await self.replays.read()
                self._wake_run()
            else:
                return self._replay(limit)

    def delivered(self, batch: Batch) -> None:
        """The broker has acknowledged it, without a failure code."""
        if batch.replayed:
            self.replays.delivered(batch.number)
        else:
            self._delivered(batch)
        self._arrived.set()
        self._wake_run()

    def _delivered(self, batch: Batch) -> None:
        entries = self._out.pop(batch.number)
        self.walks.delivered(entries)
        self._chores.delete(self._lanes.delivered(entries), self._now())
        self.archive.add(batch.records, self._now())
        self._unwritten.say_safe(entries)

    def returned(self, batch: Batch) -> None:
        """It could not be published: its records go out again."""
        if batch.replayed:
            self.replays.returned(batch.number)
        else:
            self._lanes.give_back(self._out.pop(batch.number))
        self._arrived.set()
        self._wake_run()

    def park(self, batch: Batch) -> None:
        """The broker will never take it: it is kept, bounded as all, and not handed out again by
        this run, unless `retry_parked` is called. What the city wanted once more stays archived.
        """
        if batch.replayed:
            self.replays.delivered(batch.number)
        else:
            self._lanes.parked.extend(self._out.pop(batch.number))
        self._wake_run()

    def retry_parked(self) -> int:
        """How many go out again."""
        count = len(self._lanes.parked)
        self._lanes.give_back(self._lanes.parked)
        self._lanes.parked.clear()
        self._arrived.set()
        return count

    def _hand_out(self, lane: deque[Entry], limit: int, *, historical: bool) -> Batch:
        entries = take(lane, limit)
        batch = Batch(tuple(entry.record for entry in entries), historical, self._batches.take())
        self._out[batch.number] = entries
        return batch

    def _replay(self, limit: int) -> Batch:
        number = self._batches.take()
        return Batch(
            self.replays.take(number, limit), historical=True, number=number, replayed=True
        )

    def _ripe_in(self, limit: int, linger: float) -> float:
        """Seconds until live records are sent. Half of the time until the oldest is written is left
        to the broker.
        """
        live = self._lanes.live
        if not live or len(live) >= limit:
            return 0.0 if live else math.inf
        return live[0].at + min(linger, self._slack / 2) - self._now()

    async def _read_backlog(self) -> None:
        after, damaged = self._lanes.cursor, False

        def found(rows: list[tables.Segment]) -> None:
            nonlocal damaged
            damaged = any(row.is_damaged for row in rows)
            self._lanes.found(after, rows, self._now())

        await self._store.read_segments(after, READ_RECORDS, found)
        if damaged:
            await self._giving_up.damaged(after)

    async def _reserve_batch_number(self) -> None:
        reservation = self._batches.reservation(1)
        if reservation:
            await self._commit([], Changes(), lambda _: None, reservation)

    # what is written when

    async def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Keeps D1 and D1b, and deletes what is delivered, until cancelled or a StoreError.

        A round, and its `beat`, comes every minute at the latest (AGE_CHECK); while the disk
        refuses there is nothing to do but to wait for `restore`.
        """
        while True:
            beat()
            await self._until_due()
            with suppress(DiskFault):
                await self.flush()
            while self.failing:
                beat()
                await self._until(self._now() + AGE_CHECK)

    async def flush(self) -> None:
        """One round: write what is about to outlive W, or waits to be written for its own sake."""
        due = self._now() - self._slack
        if self._unwritten.oldest <= due or self._chores.due <= self._now():
            await self._write_all()
        self._lanes.retire(due)
        self._arrived.set()
        if self._giving_up.due <= self._now():
            await self._giving_up.aged(self._sequence.next)
        if self.replays.due <= self._now():
            await self._save_replay()

    async def close(self) -> None:
        """Everything that is not acknowledged, and every session, is on disk; else a StoreError.

        Waits for a commit whose asker was cancelled first: what it could not write comes back.
        """
        await self._store.settled()
        self.archive.ripen()
        if self.replays.due < math.inf:
            await self._save_replay()
        try:
            while self._unwritten.oldest < math.inf or self._chores.due < math.inf:
                await self._write_all()
        except DiskFault as fault:
            lost = f"{self.memory_records} records that memory alone had are lost with this stop"
            raise StoreError(f"{fault}. {lost}") from fault

    async def restore(self, everything: Callable[[], Changes]) -> None:
        """D1c: if the disk is back, what it does not have is written first; else DiskFault.

        `everything` that a database has to know, should it have been damaged and begun anew.
        """
        await self._store.reopen(self._reconcile)
        if self._store.salvages:
            self._chores.owe(everything(), self._now())
        await self._write_all(self._batches.reservation(1))
        self._arrived.set()
        self._hurry.set()

    def _reconcile(self, on_disk: Mapping[int, int]) -> None:
        before = self._lanes.undelivered
        out = [entry for entries in self._out.values() for entry in entries]
        self._unwritten.add(self._lanes.reconcile(on_disk, out))
        lost = self._giving_up.missing(before - self._lanes.undelivered)
        self._add([Entry(event, self._now()) for event in lost])

    async def _until_due(self) -> None:
        while (due := self._next_round()) > self._now():
            await self._until(due)

    async def _until(self, due: float) -> None:
        """Or until something comes in that is due before."""
        self._alarm = due
        self._hurry.clear()
        await _wait(self._hurry, due - self._now())

    def _next_round(self) -> float:
        live = self._lanes.live
        leaves_memory = live[0].at if live and live[0].segment is not None else math.inf
        return min(
            min(self._unwritten.oldest, leaves_memory) + self._slack,
            self._chores.due,
            self._giving_up.due,
            self.replays.due,
        )

    def _wake_run(self) -> None:
        if not self.failing and self._next_round() < self._alarm:
            self._hurry.set()

    async def _write_all(self, reservation: dict[str, int] | None = None) -> None:
        await self._giving_up.make_room(len(self._unwritten))
        held, waiting = self._unwritten.take()
        then = partial(self._all_written, held, waiting)
        await self._commit([*held, *waiting], NO_CHANGES, then, reservation)

    async def _save_replay(self) -> None:
        command, answers = self.replays.news()
        await self.keep(answers, Changes(), [command])

    def _all_written(
        self, held: Sequence[Entry], waiting: Sequence[Entry], error: StoreError | None
    ) -> None:
        if error is None:
            self._unwritten.written(waiting)
            self._kept(held, None)
        else:
            self._unwritten.put_back(held, waiting)

    async def _commit(
        self,
        entries: Sequence[Entry],
        changes: Changes,
        then: Callable[[StoreError | None], None],
        reservation: dict[str, int] | None = None,
        given_up: Sequence[Segment] = (),
        commands: Sequence[Command] = (),
        staying: Sequence[tables.Segment] = (),
    ) -> None:
        """One transaction, with all chores that wait. `then` hears of its end, cancelled or not."""
        chores = self._chores.take(changes, self._now())
        both = merged(chores.changes, changes)
        numbers = len(entries) + len(chores.archive.written)
        reserved = self._sequence.reservation(numbers) | (reservation or {})
        parts = [(self._sequence.take(len(part)), part) for part in slices(entries)]
        self.archive.number(chores.archive)
        segments = [tables.Segment(first, [one.record for one in part]) for first, part in parts]
        write = tables.Write.of(
            both,
            [*staying, *segments],
            [segment.first for segment in (*chores.delivered, *given_up)],
            reserved,
            chores.archive,
            commands,
            chores.counted,
        )

        def ended(error: StoreError | None) -> None:
            if error is None:
                self._written(parts, chores, reserved)
                self._chores.written(write.sessions)
                for session, written in zip(both.sessions, write.sessions, strict=True):
                    session.is_on_disk(written)
            else:
                owed = changes if isinstance(error, DiskFault) else NO_CHANGES
                self._chores.put_back(chores, owed, self._now())
            then(error)

        await self._store.commit(write, ended)

    def _written(
        self, parts: list[tuple[int, Sequence[Entry]]], chores: Taken, reserved: dict[str, int]
    ) -> None:
        self._sequence.confirm(reserved)
        self._batches.confirm(reserved)
        self._lanes.forget(chores.delivered)
        self.archive.changed(chores.archive)
        for first, entries in parts:
            self.walks.written(first)
            self._chores.delete(self._lanes.on_disk(first, entries), self._now())
            self._unwritten.say_safe(entries)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """For the event, or until the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            await event.wait()
