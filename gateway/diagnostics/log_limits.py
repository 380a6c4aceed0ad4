"""How much the log may say: repetitions are told together, and a day has its bytes.

Pure: seconds of a monotonic clock come in as arguments.

- Of one place in the code with one reason `BURST` lines pass in `WINDOW` seconds. The others are
  counted; when the window ends one line says how many they were.
- What goes beyond a day's bytes is counted and not written, but for errors. A day begins with the
  daemon: no wall clock is asked.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

BURST: Final = 10
WINDOW: Final = 60.0  # seconds
MOST_PLACES: Final = 256  # that are remembered at a time
DAY: Final = 86_400.0  # seconds
USUAL_MIB_PER_DAY: Final = 10

Place: TypeAlias = tuple[str, int, str]


class Kept(NamedTuple):
    """So many lines like `last` were kept back in so many seconds."""

    lines: int
    seconds: float
    last: logging.LogRecord


@dataclass(slots=True)
class _Window:
    since: float
    passed: int = 0
    kept: int = 0
    last: logging.LogRecord | None = None


class Repetitions:
    """What each place has said lately."""

    def __init__(self) -> None:
        self._windows: dict[Place, _Window] = {}  # the oldest is the first

    def passes(self, record: logging.LogRecord, now: float) -> bool:
        """Whether it is to be written; call `ended` before."""
        place = record.name, record.lineno, str(getattr(record, "reason", ""))
        window = self._windows.setdefault(place, _Window(now))
        if window.passed < BURST:
            window.passed += 1
            return True
        window.kept, window.last = window.kept + 1, record
        return False

    def ended(self, now: float, *, all_of_them: bool = False) -> Iterator[Kept]:
        """Windows that are over; what they kept back is to be told."""
        while self._windows:
            place, window = next(iter(self._windows.items()))
            is_over = now - window.since >= WINDOW or len(self._windows) > MOST_PLACES
            if not (is_over or all_of_them):
                return
            del self._windows[place]
            if window.last is not None:
                yield Kept(window.kept, now - window.since, window.last)


class Volume:
    """Of a day; `kept` lines were not written in the one that runs."""

    def __init__(self, per_day: int) -> None:
        self.per_day = per_day
        self.kept = 0
        self._since: float | None = None
        self._spent = 0

    def passes(self, size: int, *, is_error: bool, now: float) -> bool:
        """Whether so many bytes may be written."""
        if self._since is None:
            self._since = now
        if self._spent + size > self.per_day and not is_error:
            self.kept += 1
            return False
        self._spent += size
        return True

    def day_ended(self, now: float) -> int | None:
        """How many lines the day that is over kept back; None: it goes on."""
        if self._since is None or now - self._since < DAY:
            return None
        kept, self.kept, self._since, self._spent = self.kept, 0, now, 0
        return kept

    def hours_left(self, now: float) -> float:
        return DAY / 3600 if self._since is None else (self._since + DAY - now) / 3600
