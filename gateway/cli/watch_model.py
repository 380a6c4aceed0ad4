"""What `kogge watch` has seen: rows, and what is counted. Pure.

- Each frame is a row. The reading that an uplink becomes, and that it is safe, are added to its
  row by the reading's id, whenever they come. Other happenings are rows of their own.
- Everything is bounded: the last `KEPT` rows, `MINUTES` of occupancy, names of our own devices.
- Time is the daemon's. What comes without one has that of what came last.
- What is counted is counted by frame, however long the row itself is kept.
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from gateway.lorawan.airtime import airtime_us

KEPT: Final = 2000
MINUTES: Final = 10

Told: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["up", "drop", "join", "down", "news"]
Channel: TypeAlias = tuple[int, int]
"""Hz, and SF: 0 is FSK."""


@dataclass(slots=True, eq=False)
class Row:
    """`told` is the frame, or what else has happened; `at` in Unix seconds, None while the clock
    is not set.
    """

    kind: Kind
    told: Told
    at: float | None
    name: str = ""
    reading: Told | None = None
    safe: bool = False


class Occupancy:
    """How many frames came up on which channel, and how long they were on the air, by minute."""

    def __init__(self) -> None:
        self._minutes: deque[tuple[int, Counter[Channel], Counter[int]]] = deque(maxlen=MINUTES)
        self._begin: float | None = None
        self._end = 0.0

    def add(self, frame: Told) -> None:
        seconds = frame["monotonic_s"]
        minute = int(seconds // 60)
        self._begin = seconds if self._begin is None else self._begin
        self._end = max(self._end, seconds)
        if not self._minutes or self._minutes[-1][0] < minute:
            self._minutes.append((minute, Counter(), Counter()))
        _, counts, airtime = self._minutes[-1]
        counts[frame["frequency"], frame["sf"]] += 1
        if frame["sf"]:
            size = len(frame["payload"]) // 2
            airtime[frame["frequency"]] += airtime_us(size, frame["sf"], frame["bw"], crc=True)

    def counts(self) -> Counter[Channel]:
        """Frames of the last minutes by channel and SF."""
        return sum((counts for _, counts, _ in self._recent()), Counter[Channel]())

    def busy(self) -> dict[int, float]:
        """By channel: the share of the last minutes in which it was occupied, in percent; where
        spreading factors were on the air at once, they are added up.
        """
        watched = self._end - (self._begin or 0.0)
        span = min(max(watched, 60.0), MINUTES * 60.0)
        airtime = sum((airtime for _, _, airtime in self._recent()), Counter[int]())
        return {channel: min(100.0, us / span / 1e4) for channel, us in airtime.items()}

    def _recent(self) -> list[tuple[int, Counter[Channel], Counter[int]]]:
        oldest = int(self._end // 60) - MINUTES
        return [one for one in self._minutes if one[0] > oldest]


@dataclass(slots=True)
class Seen:
    """All of it; `take` what the daemon tells, in order."""

    rows: deque[Row] = field(default_factory=lambda: deque(maxlen=KEPT))
    total: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    drops: Counter[str] = field(default_factory=Counter)
    occupancy: Occupancy = field(default_factory=Occupancy)
    now: float | None = None
    _by_id: dict[str, Row] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def take(self, happening: Told) -> None:
        match happening["event"]:
            case "frame":
                self._frame(happening)
            case "reading":
                self._reading(happening)
            case "safe":
                self._safe(happening["id"])
            case "left_out":
                self.counts["left_out"] += happening["count"]
            case "watching" | "drop" | "join":
                pass  # their frames have said it
            case _:
                device = happening.get("device") or ""
                self._add(Row("news", happening, self.now, self._names.get(device, "")))

    def _frame(self, frame: Told) -> None:
        kind = _kind(frame)
        self.now = frame["at"]
        if kind != "down":
            self.occupancy.add(frame)
        self.counts[kind] += 1
        if kind == "drop":
            self.drops[frame["fate"]] += 1
        device = frame["device"] or ""
        if frame.get("name"):
            self._names[device] = frame["name"]
        row = Row(kind, frame, frame["at"], self._names.get(device, ""))
        self._add(row)
        if frame.get("id"):
            self._by_id.setdefault(frame["id"], row)

    def _reading(self, reading: Told) -> None:
        """A row of its own, should its frame have been left out."""
        self.counts["readings"] += 1
        row = self._by_id.get(reading["id"])
        if row is None:
            row = Row("up", {"device": reading["device"], **reading["radio"]}, reading["at"],
                      reading["name"])  # fmt: skip
            self._add(row)
            self._by_id[reading["id"]] = row
        row.reading = reading

    def _safe(self, reading_id: str) -> None:
        self.counts["safe"] += 1
        if row := self._by_id.get(reading_id):
            row.safe = True

    def _add(self, row: Row) -> None:
        if len(self.rows) == KEPT:
            self._forget(self.rows[0])
        self.rows.append(row)
        self.total += 1

    def _forget(self, row: Row) -> None:
        reading_id = (row.reading or row.told).get("id", "")
        if self._by_id.get(reading_id) is row:
            del self._by_id[reading_id]


def _kind(frame: Told) -> Kind:
    if frame["direction"] == "down":
        return "down"
    kinds: dict[str, Kind] = {"accepted": "up", "join": "join"}
    return kinds.get(frame["fate"], "drop")
