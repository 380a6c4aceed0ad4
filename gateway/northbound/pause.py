"""Forwarding stops while a technician is at work, and goes on by itself.

A pause has an end from its beginning, so that a forgotten one heals; a restart ends it too.
"""

import asyncio
from contextlib import suppress
from typing import Final

USUAL_SECONDS: Final = 3600.0
LONGEST_SECONDS: Final = 86_400.0


class Pause:
    """On the loop's clock."""

    def __init__(self) -> None:
        self._until = 0.0
        self._changed = asyncio.Event()

    @property
    def seconds_left(self) -> float | None:
        """None while there is none."""
        left = self._until - asyncio.get_running_loop().time()
        return left if left > 0 else None

    def begin(self, seconds: float) -> None:
        """From now on, whatever was said before."""
        self._until = asyncio.get_running_loop().time() + seconds
        self._changed.set()

    def end(self) -> None:
        self._until = 0.0
        self._changed.set()

    async def begun(self) -> None:
        """Wait until there is one."""
        while self.seconds_left is None:
            self._changed.clear()
            await self._changed.wait()

    async def over(self) -> None:
        """Wait until there is none."""
        while (left := self.seconds_left) is not None:
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
