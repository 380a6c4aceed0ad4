"""D3: how far the buffer may grow, and what the city is told about records that were given up.

- By bytes: the pages in use and the write-ahead log together stay below `max_bytes`.
- By free disk: what is written goes into free pages of the file once `min_free` is all that the
  disk has left. Deleting gives pages to the file, not to the disk: it stops the growth.
- In both the write-ahead log counts as if it had already grown to what it needs.
- By age: a segment whose newest record is older than `max_age`. What this run has stored is aged
  by monotonic time, whatever the wall clock does; what an earlier run has stored by wall time,
  when both times come from a source in JUDGED.

The pages that a commit needs are estimated, a little too high, before it is written.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from gateway import config
from gateway.records import Event, Moment, Record, Value
from gateway.store.segments import SEGMENT_RECORDS
from native.rfc3339 import rfc3339

Reason = Literal["age", "bytes", "disk", "damaged", "purged"]

JUDGED: Final = ("gnss", "ntp")  # a battery-backed clock may be years off, its battery being dead
DAY: Final = 86_400.0  # seconds
MIB: Final = 1024 * 1024  # bytes
MARK: Final = 3600.0  # seconds; what this run has stored is given up for its age so much too late
_WAL_BYTES: Final = MIB + MIB // 4  # it begins anew after 1000 pages, with the commit that has them
_COMMIT_BYTES: Final = 16 * 1024  # counters, sessions, nodes of the trees
_SEGMENT_BYTES: Final = 1024
RECORD_BYTES: Final = 128  # compressed, in company


class Room(NamedTuple):
    """Bytes: pages in use, the write-ahead log, pages of the file that are free, free disk."""

    used: int
    wal: int
    spare: int
    free: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """`max_age` in seconds, the others in bytes."""

    max_age: float = math.inf
    max_bytes: float = math.inf
    min_free: int = 0

    @classmethod
    def of(cls, store: config.Store) -> "Bounds":
        """As [store] of kogge.toml has them."""
        return cls(store.max_age_days * DAY, store.max_mib * MIB, store.min_free_mib * MIB)

    def exceeded(self, room: Room, records: int) -> Reason | None:
        """Which bound a commit of `records` records would break."""
        segments = math.ceil(records / SEGMENT_RECORDS)
        need = _COMMIT_BYTES + segments * _SEGMENT_BYTES + records * RECORD_BYTES
        wal = max(room.wal, _WAL_BYTES)
        if room.used + wal + need > self.max_bytes:
            return "bytes"
        if need > room.spare + max(0, room.free - (wal - room.wal) - self.min_free):
            return "disk"
        return None

    def aged(self, now: Moment) -> float | None:
        """What was received before this wall time is too old; None while that cannot be judged."""
        return None if now.at is None or now.time_quality not in JUDGED else now.at - self.max_age


NO_BOUNDS: Final = Bounds()


class Ages:
    """How old is what this run has stored? Times are monotonic, one mark is kept for each MARK."""

    def __init__(self, at: float, first: int) -> None:
        """The run begins: its sequence numbers are `first` and those that follow."""
        self._marks = deque([(at, first)])

    def mark(self, at: float, following: int) -> None:
        """Sequence numbers below `following` were stored before `at`."""
        if at >= self._marks[-1][0] + MARK:
            self._marks.append((at, following))

    def oldest(self, before: float) -> tuple[int, bool]:
        """The number below which all is older than `before`, if this run has lived so long;
        else its first number.
        """
        while len(self._marks) > 1 and self._marks[1][0] <= before:
            self._marks.popleft()
        at, following = self._marks[0]
        return following, at <= before


def gap(
    lost: Sequence[Record], reason: Reason, now: Moment, dated: Callable[[Moment], Moment]
) -> Event:
    """What the city is told: how many, and from when to when as far as that is known.

    A gap that was given up before the city heard of it goes on in this one.
    """
    spans = [_span(record, dated) for record in lost]
    begins = [begin for begin, _ in spans if begin is not None]
    ends = [end for _, end in spans if end is not None]
    return Event(
        "gap",
        now,
        {
            "from": min(begins, default=None),
            "to": max(ends, default=None),
            "count": sum(_count(record) for record in lost),
            "reason": reason,
        },
    )


def is_gap(record: Record) -> bool:
    return isinstance(record, Event) and record.type == "gap"


def _span(record: Record, dated: Callable[[Moment], Moment]) -> tuple[str | None, str | None]:
    if isinstance(record, Event) and is_gap(record):
        return _text(record.detail["from"]), _text(record.detail["to"])
    at = dated(record.moment).at
    text = None if at is None else rfc3339(at)
    return text, text


def _count(record: Record) -> int:
    return int(record.detail["count"] or 0) if isinstance(record, Event) and is_gap(record) else 1


def _text(value: Value | None) -> str | None:
    return None if value is None else str(value)
