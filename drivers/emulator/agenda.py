"""What will happen on the board, and when.

Times are absolute nanoseconds of the board's clock. Nothing here waits: whoever owns the clock,
real or virtual, asks for `next_ns` and calls `run` with the time it is. Things due at the same
time happen in the order in which they were entered.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

Action = Callable[[int], None]


@dataclass(order=True, slots=True)
class Entry:
    """One thing to happen; its action gets the time at which it was due."""

    at_ns: int
    order: int
    action: Action | None = field(compare=False)


class Agenda:
    """A queue of actions by time."""

    def __init__(self) -> None:
        self.on_sooner: Callable[[], None] = lambda: None  # something is due sooner than before
        self._heap: list[Entry] = []
        self._order = 0

    def at(self, at_ns: int, action: Action) -> Entry:
        """Enter an action; one whose time has passed happens at the next `run`."""
        self._order += 1
        entry = Entry(at_ns, self._order, action)
        heapq.heappush(self._heap, entry)
        if self._heap[0] is entry:
            self.on_sooner()
        return entry

    def cancel(self, entry: Entry | None) -> None:
        """Make an entry, if there is one, not happen."""
        if entry is not None:
            entry.action = None

    @property
    def next_ns(self) -> int | None:
        """When the next thing is due; None while nothing is."""
        while self._heap and self._heap[0].action is None:
            heapq.heappop(self._heap)
        return self._heap[0].at_ns if self._heap else None

    def run(self, now_ns: int) -> None:
        """Do everything that is due by now, also what those actions enter."""
        while (due := self.next_ns) is not None and due <= now_ns:
            action = heapq.heappop(self._heap).action
            assert action is not None
            action(due)
