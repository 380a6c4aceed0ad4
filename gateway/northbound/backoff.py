"""How long to wait before the next try: soon after a short outage, late after a long one."""

from collections.abc import Callable
from typing import Final

QUICK_TRIES: Final = 30  # half a minute of being back within a second
FIRST_SECONDS: Final = 0.25
QUICK_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 60.0


class Backoff:
    """0.25, 0.5, 1, 1, … s, after `QUICK_TRIES` 2, 4, … 60 s; each cut by up to a half at random,
    so that thousands of gateways that lost one broker do not return to it together.

    `random` gives 0 ≤ x < 1.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._tries = 0

    def reset(self) -> None:
        """It worked: begin anew."""
        self._tries = 0

    def next(self, *, quick: bool = True) -> float:
        """Seconds; not `quick` goes straight to the long waits."""
        self._tries = max(self._tries + 1, 0 if quick else QUICK_TRIES + 1)
        if self._tries <= QUICK_TRIES:
            longest = min(QUICK_SECONDS, FIRST_SECONDS * 2.0 ** (self._tries - 1))
        else:
            late = min(self._tries - QUICK_TRIES, 10)  # 2**10 s is beyond the longest wait
            longest = min(LONGEST_SECONDS, QUICK_SECONDS * 2.0**late)
        return longest * (1 - self._random() / 2)
