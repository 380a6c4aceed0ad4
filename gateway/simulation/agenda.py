"""Virtual time: what is to happen, in its order. One moment is a whole number of µs."""

import heapq
from collections.abc import Callable
from itertools import count

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


class Agenda:
    """`now` moves from one appointment to the next; at the same µs the first made comes first."""

    def __init__(self) -> None:
        self.now = 0
        self._number = count()
        self._appointments: list[tuple[int, int, Callable[[], None]]] = []

    def at(self, when: int, do: Callable[[], None]) -> None:
        heapq.heappush(self._appointments, (max(when, self.now), next(self._number), do))

    def run(self, until: int) -> None:
        """Everything up to that moment."""
        while self._appointments and self._appointments[0][0] <= until:
            self.now, _, do = heapq.heappop(self._appointments)
            do()
        self.now = until
