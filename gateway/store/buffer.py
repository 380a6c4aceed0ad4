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

- taking_in.py: what comes in, also without the disk.
- handing_out.py: whose turn it is, and what becomes of a batch.
- rounds.py: what is written when. commits.py: what stands in one commit. reconciling.py: what the
  disk has when it is back.
- giving_up.py, replays.py, walks.py, archive.py: what their names say. lanes.py: who has which
  record. contents.py puts the parts together.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from gateway.clock import Clock, age
from gateway.lorawan.correlations import Correlations
from gateway.lorawan.session import Changes, Session
from gateway.records import Reading, Record
from gateway.replay import Command
from gateway.store import tables
from gateway.store.bounds import NO_BOUNDS, Bounds, Reason
from gateway.store.commits import Commits
from gateway.store.contents import Contents
from gateway.store.database import Store
from gateway.store.giving_up import GivingUp
from gateway.store.handing_out import Batch, HandingOut
from gateway.store.reconciling import reconcile
from gateway.store.rounds import Rounds
from gateway.store.taking_in import TakingIn
from gateway.store.unwritten import Unwritten

__all__ = ["Batch", "Buffer"]

COMMIT_TAKES = 0.5  # seconds that a commit on a slow card may need before W ends
UNTIMED = Clock(lambda: "unsynchronised", "")


class Buffer:
    """For one forwarder: it calls `next_batch`, then one of `delivered`, `returned` and `park`."""

    _giving_up: GivingUp
    _rounds: Rounds

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
        correlations: Correlations | None = None,
    ) -> None:
        """`archive` is for how many seconds delivered readings are kept for a replay;
        `correlations` are of all commands.
        """
        self._store = store
        self._window = window
        self._slack = window - min(window / 2, COMMIT_TAKES)
        self._unwritten = Unwritten(safe)
        self._now = now
        self._bounds = bounds
        self._clock = clock
        self._archive_seconds = archive
        self._correlations = correlations or Correlations()

    async def open(self) -> None:
        """Learns how much is on disk from the runs before."""
        has = self._has = Contents.of(
            self._store,
            await self._store.stock(),
            self._unwritten,
            self._now,
            bounds=self._bounds,
            clock=self._clock,
            archive_seconds=self._archive_seconds,
            correlations=self._correlations,
        )
        self._lanes, self._sequence, self._chores = has.lanes, has.sequence, has.chores
        self.archive, self.replays, self.walks = has.archive, has.replays, has.walks
        self._commits = Commits(has)
        self._taking_in = TakingIn(
            has,
            self._commits,
            make_room=lambda records: self._giving_up.make_room(records),
            forgotten=lambda lost: self._giving_up.forgotten(lost),
            hurry=lambda: self._rounds.hurry(),
        )
        self._giving_up = GivingUp(
            self._store,
            self._lanes,
            self._taking_in.tell,
            self._now,
            self.archive,
            bounds=self._bounds,
            clock=self._clock,
            first=self._sequence.next,
        )
        self._rounds = Rounds(
            has,
            self._commits,
            self._giving_up,
            self._slack,
            keep=self.keep,
            kept=self._taking_in.kept,
        )
        self._handing_out = HandingOut(
            has,
            self._commits,
            self._giving_up,
            self._rounds.hurry,
            window=self._window,
            slack=self._slack,
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
    def lost(self) -> Mapping[Reason, int]:
        """By reason; what a technician has purged is among them."""
        return self._giving_up.lost

    @property
    def counts(self) -> Mapping[str, int]:
        """Records that this run has handed out, and what became of them."""
        return self._handing_out.counts

    async def waits_for(self) -> float | None:
        """For how many seconds the oldest record has waited that is in no batch; 0: there is none,
        None: its time is not known. Raises DiskFault.
        """
        lanes = self._lanes
        rows: list[tables.Segment] = []
        if lanes.unread and not lanes.late:
            await self._store.read_segments(0, 1, rows.extend)
        heads = (lane[0].record for lane in (lanes.late, lanes.overdue, lanes.live) if lane)
        memory = next(heads, None)
        oldest = rows[0].records[0] if rows else memory
        return 0.0 if oldest is None else age(oldest.moment, self._clock.now())

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
        return self.failing and not (self._lanes.live or self._lanes.overdue or self._lanes.late)

    # records come in

    def add(self, record: Record, session: Session | None = None) -> None:
        """A live record, to the forwarder at once, safe within W. `session` has changed with it."""
        self._taking_in.add([record])
        if session is None:
            self._rounds.hurry()
        else:
            self.touch(session)

    def touch(self, session: Session) -> None:
        """D1b: its f_cnt_up has changed, whether or not a record came with it."""
        self._chores.touch(session, self._now())
        self._rounds.hurry()

    async def keep(
        self, records: Sequence[Record], changes: Changes, commands: Sequence[Command] = ()
    ) -> bool:
        """D1a: all of it is on disk. False (D1c): it was taken in, and is not; but what has to be
        remembered of commands raises DiskFault. Then, as with any other StoreError, none of it has
        been taken in.
        """
        return await self._taking_in.keep(records, changes, commands)

    async def safe(self, wanted: Callable[[Record], bool]) -> bool:
        """D1c: returns when those that memory alone has are safe; False: one was given up."""
        return await self._unwritten.safe(wanted)

    def replace(self, decoded: Reading) -> None:
        """D1d: its codec has answered. Without effect on what has left memory meanwhile: that is
        decoded on its way out.
        """
        self._taking_in.replace(decoded)

    async def purge(self, unwanted: Callable[[Record], bool]) -> int:
        """A technician gives these up: told to the city as any that are given up. How many went;
        what is in a batch, or live and not yet on disk, stays.
        """
        return await self._giving_up.purge(unwanted, self._sequence.next - 1)

    def purge_archive(self, before: float) -> int:
        """How many readings go, in whole blocks that are older than this Unix time."""
        count = self.archive.purge(before, self._now())
        self._rounds.hurry()
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
        came back). What has waited for longer than W is backlog, though the disk did not take it.
        `in_order`: live records go when no backlog is left. May be cancelled at any time.
        """
        return await self._handing_out.next_batch(
            limit, linger, backlog_wait=backlog_wait, in_order=in_order
        )

    def delivered(self, batch: Batch) -> None:
        """The broker has acknowledged it, without a failure code."""
        self._handing_out.delivered(batch)

    def returned(self, batch: Batch) -> None:
        """It could not be published: its records go out again."""
        self._handing_out.returned(batch)

    def park(self, batch: Batch) -> None:
        """The broker will never take it: it is kept, bounded as all, and not handed out again by
        this run, unless `retry_parked` is called. What the city wanted once more stays archived.
        """
        self._handing_out.park(batch)

    def retry_parked(self) -> int:
        """How many go out again."""
        return self._handing_out.retry_parked()

    # what is written when

    async def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Keeps D1 and D1b, and deletes what is delivered, until cancelled or a StoreError.

        A round, and its `beat`, comes every minute at the latest (AGE_CHECK); while the disk
        refuses there is nothing to do but to wait for `restore`.
        """

        def looked() -> None:
            self._handing_out.see_reading()
            beat()

        await self._rounds.run(looked)

    async def flush(self) -> None:
        """One round: write what is about to outlive W, or waits to be written for its own sake."""
        await self._rounds.flush()

    async def close(self) -> None:
        """Everything that is not acknowledged, and every session, is on disk; else a StoreError.

        Waits for a commit whose asker was cancelled first: what it could not write comes back.
        """
        try:
            await self._handing_out.close()
        finally:
            await self._rounds.close()

    async def restore(self, everything: Callable[[], Changes]) -> None:
        """D1c: if the disk is back, what it does not have is written first; else DiskFault.

        `everything` that a database has to know, should it have been damaged and begun anew.
        """
        await self._store.reopen(self._reconcile)
        await self._rounds.resume(everything)

    def _reconcile(self, found: tables.Found) -> None:
        self._taking_in.add(reconcile(self._has, self._commits, self._giving_up, found))
