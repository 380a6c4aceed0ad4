"""A moment that has certainly passed: by it certificates are judged while the clock is wrong.

It is this release's, or the newest trusted time that an earlier run has noted in the store. A note
that is no time (the card has changed it) counts as none, and one that trusted time has not reached
by far is put right: it would lock the gateway out at the next start.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gateway import RELEASED
from gateway.gateway_eui import Memory
from gateway.records import Moment

NAME: Final = "newest_time"  # in the store: Unix seconds
NOTED_EVERY: Final = 6 * 3600.0
_TOLD_BY_OTHERS: Final = ("ntp", "gnss")  # a battery clock may be years ahead


class TimeFloor:
    """`at` is Unix seconds."""

    def __init__(self, memory: Memory, now: Callable[[], Moment]) -> None:
        self._memory, self._now = memory, now
        self.at = float(RELEASED)

    async def recall(self) -> None:
        noted = await self._memory.recall(NAME)
        with suppress(ValueError):
            self.at = max(self.at, float(noted or "nan"))

    async def look_again(self) -> None:
        """Note the time now and then; it never goes back, but for a note that was wrong."""
        now = self._now()
        if now.at is None or now.at < RELEASED or now.time_quality not in _TOLD_BY_OTHERS:
            return
        if abs(now.at - self.at) >= NOTED_EVERY:
            self.at = now.at
            await self._memory.remember(NAME, str(round(self.at)))
