"""The archive: delivered readings, kept for a replay in blocks that are written rarely.

- A reading comes in when it is delivered, and waits in memory, encoded, until its block is full
  (BLOCK_READINGS) or BLOCK_SECONDS old; a commit that comes shortly before takes the block along.
  What a power cut takes of it the broker has: nothing is lost, it cannot be replayed.
- Blocks go whole, oldest first: when they are `keep` seconds old, and (D3) before anything else
  when a bound is reached. That is counted (`given_up`), and is no gap.
- What this run has stored is aged by monotonic time, what an earlier one has by wall time, as in
  gateway.store.bounds.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from gateway.clock import Clock
from gateway.records import Reading, Record
from gateway.replay import Span
from gateway.store.blocks import Block, Change, apart, readings_of
from gateway.store.bounds import JUDGED, RECORD_BYTES, Ages, Bounds
from gateway.store.numbers import Numbers

BLOCK_READINGS: Final = 512
BLOCK_SECONDS: Final = 600.0
RIPE: Final = 0.9  # of BLOCK_SECONDS: any commit takes it along
WRITTEN_AT_ONCE: Final = 4  # blocks; more wait for the next commit
PRUNED_AT_ONCE: Final = 8
WAITING_BLOCKS: Final = 16  # full ones, in memory; of more the oldest are given up
PRUNING_WAITS: Final = 60.0  # seconds


class Archived(NamedTuple):
    """What there is: readings and bytes on disk, from when to when as far as that is known."""

    readings: int
    size: int
    begins: float | None
    ends: float | None


def dated(clock: Clock, reading: Reading) -> Reading:
    """With its time, if by now that can be known."""
    moment = clock.dated(reading.moment)
    if moment is reading.moment:
        return reading
    return msgspec.structs.replace(reading, moment=moment)


class Archive:
    """`due` is when it needs a commit of its own; `fits` says whether so many records would break
    no bound. Times are monotonic.
    """

    def __init__(
        self,
        keep: float,
        blocks: Iterable[Block],
        sequence: Numbers,
        *,
        at: float,
        clock: Clock,
        fits: Callable[[int], bool],
    ) -> None:
        self._keep, self._clock, self._fits = keep, clock, fits
        self._sequence = sequence
        self._ages = Ages(at, sequence.next)
        self._blocks = list(blocks)  # on disk, by their numbers
        self._pruned: list[Block] = []
        self._full: list[Block] = []
        self._writing: list[Block] = []
        self._unwanted: list[Block] = []  # of those being written
        self._open = Block()
        self._opened_at = math.inf
        self._prune_at = math.inf
        self.given_up = 0  # readings, for want of room

    @property
    def due(self) -> float:
        return -math.inf if self._full else min(self._opened_at + BLOCK_SECONDS, self._prune_at)

    @property
    def is_written(self) -> bool:
        """No block is full and not yet on disk."""
        return not (self._full or self._writing)

    @property
    def last(self) -> int:
        """The number of the newest block; 0: there is none."""
        return self._blocks[-1].number if self._blocks else 0

    def add(self, records: Iterable[Record], at: float) -> None:
        """These are delivered; events are not kept."""
        if not self._keep:
            return
        for record in records:
            if isinstance(record, Reading):
                self._open.add(dated(self._clock, record))
                self._opened_at = min(self._opened_at, at)
                if self._open.count == BLOCK_READINGS:
                    self.ripen()

    def ripen(self) -> None:
        """The block in memory is full, whatever it has."""
        if self._open.count:
            self._full.append(self._open)
        self._open, self._opened_at = Block(), math.inf
        self._bound()

    def take(self, at: float) -> Change:
        """For the commit that is about to be made; it ends in `changed` or `put_back`."""
        if at >= self._opened_at + RIPE * BLOCK_SECONDS:
            self.ripen()
        written = self._full[:WRITTEN_AT_ONCE]
        if written and not self._fits(readings_of(written)) and not self._replaces(written):
            self._drop(len(written))
            written = []
        del self._full[: len(written)]
        self._writing += written
        pruned, self._pruned = self._pruned[:PRUNED_AT_ONCE], self._pruned[PRUNED_AT_ONCE:]
        self._prune_at = at if self._pruned else math.inf
        for block in written:
            block.stored_at = self._now()
        return Change(pruned, written)

    def number(self, change: Change) -> None:
        """The blocks get theirs when they are reserved."""
        for block in change.written:
            block.number = self._sequence.take()

    def changed(self, change: Change) -> None:
        """It is on disk."""
        for block in change.written:
            block.readings = []
        wanted, unwanted = self._no_longer_writing(change)
        self._blocks += wanted
        self._pruned += unwanted
        if unwanted:
            self._prune_at = -math.inf

    def put_back(self, change: Change, at: float) -> None:
        """It could not be written."""
        wanted, _ = self._no_longer_writing(change)
        self._full[:0] = wanted
        self._pruned[:0] = change.pruned
        if self._pruned:
            self._prune_at = at + PRUNING_WAITS
        self._bound()

    def age(self, at: float, following: int) -> None:
        """Those that are too old go with a coming commit. `following` is the next number."""
        self._ages.mark(at, following)
        old = bisect_right(self._blocks, self._last_aged(at), key=attrgetter("number"))
        self._prune(old)
        if old:
            self._prune_at = min(self._prune_at, at + PRUNING_WAITS)

    def give_up(self) -> bool:
        """D3: some of the oldest go with the next commit; whether there were any left."""
        self._make_room(WRITTEN_AT_ONCE)
        return bool(self._pruned)

    def purge(self, before: float, at: float) -> int:
        """Blocks that are older than this wall time go, with coming commits where they are on disk,
        or on their way to it; how many readings. Any block is older than infinity.
        """
        waiting = [self._open] if self._open.is_before(before) else []
        if waiting:
            self._open, self._opened_at = Block(), math.inf
        self._blocks, pruned = apart(self._blocks, before)
        self._full, dropped = apart(self._full, before)
        writing = [block for block in self._writing if block not in self._unwanted]
        _, unwanted = apart(writing, before)
        self._unwanted += unwanted
        self._pruned += pruned
        self._prune_at = at if self._pruned else math.inf
        return readings_of((*pruned, *dropped, *unwanted, *waiting))

    def reconcile(self, on_disk: Sequence[Block], at: float) -> list[Block]:
        """The disk is back with these blocks; returns those that it has lost. It may have taken
        some that were not believed: they are not written again.
        """
        found = {block.number: block for block in on_disk}
        lost = [block for block in self._blocks if block.number not in found]
        known = {block.number for block in (*self._blocks, *self._full)}
        self._full = [block for block in self._full if block.number not in found]
        self._blocks = [block for block in on_disk if block.number in known]
        self._pruned = [block for block in on_disk if block.number not in known]
        self._prune_at = at if self._pruned else math.inf
        return lost

    def following(self, number: int, last: int, span: Span) -> Block | None:
        """The first block above this number, up to `last`, that may have readings of the span."""
        start = bisect_right(self._blocks, number, key=attrgetter("number"))
        for index in range(start, len(self._blocks)):
            block = self._blocks[index]
            if block.number > last:
                break
            if block.may_have(span):
                return block
        return None

    def contents(self) -> tuple[Sequence[Block], Sequence[bytes]]:
        """What it has at this moment: blocks on disk, and readings that are not there yet."""
        memory = (*self._writing, *self._full, self._open)
        return tuple(self._blocks), [one for block in memory for one in block.readings]

    def archived(self) -> Archived:
        begins = [block.begins for block in self._blocks if block.begins is not None]
        ends = [block.ends for block in self._blocks if block.ends is not None]
        return Archived(
            readings_of(self._blocks),
            sum(block.size for block in self._blocks),
            min(begins, default=None),
            max(ends, default=None),
        )

    def _now(self) -> float | None:
        now = self._clock.now()
        return now.at if now.time_quality in JUDGED else None

    def _last_aged(self, at: float) -> int:
        """Blocks up to this number are too old; 0: none that are known to be."""
        following, old = self._ages.oldest(at - self._keep)
        if old:
            return following - 1
        before, last = Bounds(max_age=self._keep).aged(self._clock.now()), 0
        for block in self._blocks:
            if before is None or block.number >= following:
                break
            if block.stored_at is not None:
                if block.stored_at >= before:
                    break
                last = block.number
        return last

    def _prune(self, blocks: int) -> None:
        self._pruned += self._blocks[:blocks]
        del self._blocks[:blocks]

    def _make_room(self, blocks: int) -> None:
        self.given_up += readings_of(self._blocks[:blocks])
        self._prune(blocks)

    def _replaces(self, written: Sequence[Block]) -> bool:
        """Whether as much goes as comes."""
        need = readings_of(written) * RECORD_BYTES
        while self._blocks and sum(block.size for block in self._pruned) < need:
            self._make_room(1)
        return sum(block.size for block in self._pruned) >= need

    def _drop(self, blocks: int) -> None:
        self.given_up += readings_of(self._full[:blocks])
        del self._full[:blocks]

    def _no_longer_writing(self, change: Change) -> tuple[list[Block], list[Block]]:
        """Of the change: those that are wanted, and those that have been purged meanwhile."""
        self._writing = [block for block in self._writing if block not in change.written]
        unwanted = [block for block in change.written if block in self._unwanted]
        self._unwanted = [block for block in self._unwanted if block not in unwanted]
        return [block for block in change.written if block not in unwanted], unwanted

    def _bound(self) -> None:
        if len(self._full) > WAITING_BLOCKS:
            self._drop(len(self._full) - WAITING_BLOCKS)
