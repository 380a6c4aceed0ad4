"""How fast the backlog goes out, so that it leaves the line to the living, and the broker in peace.

The rules of this file:

- A rate has a burst of one second: what is below it is never held up.
- Of the window a quarter is never the backlog's. How much of the rest is follows from how long the
  broker takes for a batch of it: above `SLOW_SECONDS` half as much is on its way at once, else one
  more. So on a slow line a live reading stands behind little.

Times are seconds of any one clock.
"""

from typing import Final

BURST_SECONDS: Final = 1.0
SLOW_SECONDS: Final = 0.25


class Rate:
    """`per_second` of anything; 0 = unbounded."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._paid_until = 0.0

    def spend(self, amount: float, now: float) -> None:
        if self._per_second:
            self._paid_until = max(self._paid_until, now) + amount / self._per_second

    def wait(self, now: float) -> float:
        """Seconds until more may be spent."""
        return max(0.0, self._paid_until - BURST_SECONDS - now)


class Share:
    """Of a window of `window` messages: how many of the backlog may be on their way at once."""

    def __init__(self, window: int) -> None:
        self._most = max(1, window - (window + 3) // 4)
        self.size = self._most

    def answered(self, seconds: float) -> None:
        """A batch of the backlog was acknowledged so long after it was sent."""
        slow = seconds > SLOW_SECONDS
        self.size = max(1, self.size // 2) if slow else min(self._most, self.size + 1)
