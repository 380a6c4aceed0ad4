"""Who has which record: the buffer's lanes, in memory alone.

A record that is not delivered is at exactly one of these places:

- `live`: waits in memory, received lately; on disk or not yet.
- `overdue`: waits in memory longer than W, for the disk did not take it; oldest first.
- `late`: the part of the backlog that has been read from disk, oldest first.
- out: in a batch that the forwarder has.
- `parked`: refused for good; not handed out by this run.
- `unread`: on disk only; counted, not held. This is what keeps memory bounded.

A record that is given up (D3) leaves them all. What is live or out is not given up, nor is the
segment that it stands in: others go instead.

Of a segment on disk, memory knows which positions are `held` here, which are `delivered` and which
are `lost`; the others are unread. `cursor` is the sequence number up to which every segment has
been read: a record that leaves memory undelivered moves it back.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from operator import attrgetter

import msgspec

from gateway.records import Record
from gateway.store import tables


@dataclass(slots=True, eq=False)
class Segment:
    """What memory knows of one segment on disk."""

    first: int
    count: int
    held: set[int] = field(default_factory=set)
    delivered: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)

    @property
    def is_done(self) -> bool:
        """Nothing of it has to be delivered any more."""
        return len(self.delivered) + len(self.lost) == self.count


class Entry(msgspec.Struct, eq=False, gc=False):
    """One record in memory. `at` is monotonic; `segment` is None until it is on disk."""

    record: Record
    at: float
    segment: Segment | None = None
    position: int = 0
    safe: bool = False
    delivered: bool = False  # or given up: nobody waits for it any more

    @property
    def sequence(self) -> int:
        assert self.segment is not None
        return self.segment.first + self.position


class Lanes:
    """Moves entries between the places; `undelivered` counts them all.

    `deletions` rises when segments have left the disk: what was read before may be gone.
    """

    def __init__(self, unread: int) -> None:
        self.live: deque[Entry] = deque()
        self.overdue: deque[Entry] = deque()
        self.late: deque[Entry] = deque()
        self.parked: list[Entry] = []
        self.unread = unread
        self.cursor = 0
        self.undelivered = unread
        self.deletions = 0
        self._segments: dict[int, Segment] = {}

    @property
    def has_backlog(self) -> bool:
        return bool(self.late or self.overdue or self.unread)

    def enter(self, entries: Iterable[Entry]) -> None:
        """New records, into the live lane."""
        for entry in entries:
            self.live.append(entry)
            self.undelivered += 1

    def on_disk(self, first: int, entries: Sequence[Entry]) -> list[Segment]:
        """These have been written as one segment; returns it if all are delivered already."""
        segment = self._segments[first] = Segment(first, len(entries))
        for position, entry in enumerate(entries):
            entry.segment, entry.position = segment, position
            (segment.delivered if entry.delivered else segment.held).add(position)
        return [] if segment.held else [segment]

    def found(self, after: int, rows: Sequence[tables.Segment], at: float) -> None:
        """These were read from disk after `after`; what memory has of them is passed over."""
        if after != self.cursor:
            return  # the cursor moved during the reading: it is done again from there
        assert rows, f"{self.unread} records are missing on disk"
        in_order = not self.late or self.late[-1].sequence < rows[0].first
        for row in rows:
            segment = self._segments.get(row.first)
            if segment is None:
                segment = self._segments[row.first] = Segment(row.first, len(row.records))
            self.late.extend(self._hold(segment, row.records, at))
        self.cursor = rows[-1].first
        if not in_order:
            self._sort_late()

    def _hold(self, segment: Segment, records: Sequence[Record], at: float) -> list[Entry]:
        known = segment.held | segment.delivered | segment.lost
        unread = [
            Entry(record, at, segment, position, safe=True)
            for position, record in enumerate(records)
            if position not in known
        ]
        segment.held.update(entry.position for entry in unread)
        self.unread -= len(unread)
        return unread

    def delivered(self, entries: Iterable[Entry]) -> list[Segment]:
        """Returns the segments of which this was the last."""
        finished = []
        for entry in entries:
            entry.delivered = True
            self.undelivered -= 1
            if (segment := entry.segment) is not None:
                segment.held.remove(entry.position)
                segment.delivered.add(entry.position)
                if segment.is_done:
                    finished.append(segment)
        return finished

    def delivered_of(self, first: int) -> Set[int]:
        """Positions of a segment on disk that are delivered."""
        segment = self._segments.get(first)
        return frozenset() if segment is None else segment.delivered

    def forget(self, segments: Iterable[Segment]) -> None:
        """These are no longer on disk."""
        for segment in segments:
            self._segments.pop(segment.first, None)
            self.deletions += 1

    def give_up(self, rows: Iterable[tables.Segment]) -> list[tuple[Segment, list[Record]]]:
        """Which of these segments, just read, are to be deleted, and the records lost with each."""
        waiting = Counter(entry.segment for entry in (*self.late, *self.parked))
        given_up = []
        for row in rows:
            known = self._segments.get(row.first)
            segment = known or Segment(row.first, len(row.records))
            if len(segment.held) == waiting[segment] and not segment.is_done:
                self._segments[row.first] = segment
                given_up.append((segment, self._lose(segment, row.records)))
        self.late = deque(e for e in self.late if e.segment is None or not e.segment.lost)
        self.parked = [e for e in self.parked if e.segment is None or not e.segment.lost]
        return given_up

    def _lose(self, segment: Segment, records: Sequence[Record]) -> list[Record]:
        segment.lost = set(range(segment.count)) - segment.delivered
        self.undelivered -= len(segment.lost)
        self.unread -= len(segment.lost) - len(segment.held)
        segment.held.clear()
        return [record for position, record in enumerate(records) if position in segment.lost]

    def give_up_unwritten(self, count: int) -> list[Record]:
        """The oldest records that are not on disk, and not out: at most so many."""
        waiting = (*self.overdue, *self.live)
        lost = [entry for entry in waiting if entry.segment is None][:count]
        for entry in lost:
            entry.delivered = True
        self.overdue = deque(entry for entry in self.overdue if not entry.delivered)
        self.live = deque(entry for entry in self.live if not entry.delivered)
        self.undelivered -= len(lost)
        return [entry.record for entry in lost]

    def reconcile(self, on_disk: Mapping[int, int], out: Sequence[Entry]) -> list[Entry]:
        """The disk is back with these segments, counts by `first`: it may have lost some, or have
        taken one that was not believed. Returns what memory has and it has not; that is overdue, if
        it was late.
        """
        self._segments = {
            first: segment
            for first, segment in self._segments.items()
            if on_disk.get(first) == segment.count
        }
        known = self._segments.values()
        torn = [
            entry
            for entry in (*self.late, *self.overdue, *self.live, *self.parked, *out)
            if entry.segment is not None and self._segments.get(entry.segment.first) is None
        ]
        for entry in torn:
            entry.segment = None
        self.overdue.extendleft(e for e in reversed(self.late) if e.segment is None)
        self.late = deque(entry for entry in self.late if entry.segment is not None)
        known_records = sum(len(one.held) + len(one.delivered) + len(one.lost) for one in known)
        self.unread = sum(on_disk.values()) - known_records
        in_memory = (self.live, self.overdue, self.late, self.parked, out)
        self.undelivered = self.unread + sum(map(len, in_memory))
        self.cursor = 0
        self.deletions += 1
        return torn

    def disown(self, segments: Iterable[Segment]) -> None:
        """These stand on disk, and nothing of them has to be delivered from there."""
        for segment in segments:
            segment.delivered = set(range(segment.count))
            self._segments[segment.first] = segment

    def gone(self, count: int) -> None:
        """So many, unread, are no longer on disk, and that is told."""
        self.unread -= count
        self.undelivered -= count

    def rewritten(self, rows: Iterable[tables.Segment]) -> None:
        """These were given up and forgotten, and of them so much is on disk anew."""
        for row in rows:
            self.unread += len(row.records)
            self.undelivered += len(row.records)
            self.cursor = min(self.cursor, row.first - 1)

    def take_back(self, segments: Iterable[Segment]) -> None:
        """These could not be deleted: nothing of them is lost."""
        for segment in segments:
            self.undelivered += len(segment.lost)
            self.unread += len(segment.lost)
            self.cursor = min(self.cursor, segment.first - 1)
            segment.lost.clear()
            if not segment.delivered:
                del self._segments[segment.first]

    def give_back(self, entries: Sequence[Entry]) -> None:
        """Not delivered after all: to the front of the live lane, or among the backlog."""
        self.live.extendleft(entry for entry in reversed(entries) if entry.segment is None)
        self.late.extend(entry for entry in entries if entry.segment is not None)
        self._sort_late()

    def set_aside(self, due: float) -> None:
        """What came at `due` or before is live no longer."""
        if self.live and self.live[0].at <= due:
            while self.live and self.live[0].at <= due:
                self.overdue.append(self.live.popleft())
            self.overdue = deque(sorted(self.overdue, key=attrgetter("at")))

    def retire(self, due: float) -> None:
        """What came at `due` or before, still waits and is on disk leaves memory."""
        self.live = self._retired(self.live, due)
        self.overdue = self._retired(self.overdue, due)

    def _retired(self, lane: Iterable[Entry], due: float) -> deque[Entry]:
        staying: deque[Entry] = deque()
        for entry in lane:
            if entry.segment is None or entry.at > due:
                staying.append(entry)
            else:
                self._let_go(entry.segment, entry.position)
        return staying

    def _let_go(self, segment: Segment, position: int) -> None:
        segment.held.remove(position)
        if not segment.held and not segment.delivered:
            del self._segments[segment.first]
        self.cursor = min(self.cursor, segment.first - 1)
        self.unread += 1

    def _sort_late(self) -> None:
        self.late = deque(sorted(self.late, key=lambda entry: entry.sequence))


def take(lane: deque[Entry], limit: int) -> list[Entry]:
    """The first `limit` of the first's kind: a batch is all readings or all events."""
    kind = type(lane[0].record)
    taken: list[Entry] = []
    passed: list[Entry] = []
    while lane and len(taken) < limit:
        entry = lane.popleft()
        (taken if type(entry.record) is kind else passed).append(entry)
    lane.extendleft(reversed(passed))
    return taken
