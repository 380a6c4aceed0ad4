"""Records that memory alone has: at most W long, or as long as the disk refuses (D1c).

- `MOST` of them are kept. Beyond that the oldest are given up, GIVEN_UP at a time, and told.
- What tells of a change that the disk did not take is held back with it: told before, it would be
  told again, and otherwise, by a run that begins with what the disk has.
- One is safe when it is acknowledged or written, whichever is first; that is told once.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final

from gateway.records import Record
from gateway.store.lanes import Entry

MOST: Final = 20_000
GIVEN_UP: Final = 1000


class Unwritten:
    """`told` hears of records that are safe."""

    def __init__(self, told: Callable[[Sequence[Record]], None]) -> None:
        self._told = told
        self._waiting: deque[Entry] = deque()
        self._held: list[Entry] = []
        self._writing: list[Entry] = []
        self._news = asyncio.Event()

    def __len__(self) -> int:
        """At least so many as still matter."""
        return len(self._waiting) + len(self._held) + len(self._writing)

    def count(self) -> int:
        """Exactly."""
        return sum(not e.delivered for e in chain(self._held, self._writing, self._waiting))

    def add(self, entries: Iterable[Entry]) -> None:
        self._waiting.extend(entries)

    def hold(self, entries: Iterable[Entry]) -> None:
        """Not to be told before they are on disk."""
        self._held.extend(entries)

    @property
    def oldest(self) -> float:
        """When it came in; infinity when there is none."""
        while self._waiting and self._waiting[0].delivered:
            self._waiting.popleft()
        held = min((entry.at for entry in self._held), default=math.inf)
        return min(held, self._waiting[0].at if self._waiting else math.inf)

    def take(self) -> tuple[list[Entry], list[Entry]]:
        """For a commit, which ends in `written` or `put_back`: those that are held, and others."""
        held, self._held = self._held, []
        waiting = [entry for entry in self._waiting if not entry.delivered]
        self._waiting.clear()
        self._writing += waiting
        return held, waiting

    def written(self, entries: Iterable[Entry]) -> None:
        done = set(map(id, entries))
        self._writing = [entry for entry in self._writing if id(entry) not in done]

    def put_back(self, held: Sequence[Entry], waiting: Sequence[Entry]) -> None:
        self.written(waiting)
        self._held[:0] = held
        self._waiting.extendleft(reversed(waiting))

    def too_many(self) -> bool:
        """Whether some have to be given up."""
        if len(self) > MOST:
            self._waiting = deque(entry for entry in self._waiting if not entry.delivered)
        return len(self) > MOST

    def say_safe(self, entries: Sequence[Entry]) -> None:
        """Also wakes those that wait for it."""
        news = [entry for entry in entries if not entry.safe]
        for entry in news:
            entry.safe = True
        if news:
            self._told([entry.record for entry in news])
            self.wake()

    def wake(self) -> None:
        self._news.set()
        self._news.clear()

    async def safe(self, wanted: Callable[[Record], bool]) -> bool:
        """Returns when all that are wanted are safe; False when one was given up."""
        entries = [
            entry
            for entry in chain(self._writing, self._waiting)
            if not entry.safe and wanted(entry.record)
        ]
        while any(not (entry.safe or entry.delivered) for entry in entries):
            await self._news.wait()
        return all(entry.safe for entry in entries)
