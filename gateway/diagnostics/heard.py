"""How many packets the radio has heard in the last minutes. Pure: seconds come in as arguments."""

from collections import deque
from typing import Any, Final

MINUTES: Final = 5


class Heard:
    """A count for each of the last minutes; seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._minutes: deque[list[int]] = deque(maxlen=MINUTES + 1)  # [minute, packets]
        self._last: float | None = None
        self.total = 0

    def note(self, packets: int, now: float) -> None:
        minute = int(now // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0])
        self._minutes[-1][1] += packets
        self.total += packets
        self._last = now

    def told(self, now: float) -> dict[str, Any]:
        """For `kogge status`: `packets` in the last `minutes`, the one that runs included."""
        oldest = int(now // 60) - MINUTES
        return {
            "minutes": MINUTES,
            "packets": sum(count for minute, count in self._minutes if minute > oldest),
            "seconds": None if self._last is None else round(now - self._last, 1),
        }
