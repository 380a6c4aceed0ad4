"""What happens in the daemon, as a stream for whoever watches.

An onlooker that does not read never holds up the daemon: its queue is bounded, what does not fit
is left out, and the next line it gets says how many were.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

Happening: TypeAlias = Mapping[str, Any]

_QUEUE = 10_000


class Onlooker:
    """One stream; `next` gives its happenings in order."""

    def __init__(self, limit: int = _QUEUE) -> None:
        self._queue: asyncio.Queue[Happening] = asyncio.Queue(limit)
        self._left_out = 0

    def put(self, happening: Happening) -> None:
        if self._left_out and not self._queue.full():
            self._queue.put_nowait({"event": "left_out", "count": self._left_out})
            self._left_out = 0
        if self._queue.full():
            self._left_out += 1
        else:
            self._queue.put_nowait(happening)

    async def next(self) -> Happening:
        return await self._queue.get()


class Watch:
    """The place where the daemon's parts tell what happens."""

    def __init__(self) -> None:
        self._onlookers: set[Onlooker] = set()

    def tell(self, event: str, **detail: Any) -> None:
        """Tell all onlookers; costs nothing while there are none."""
        for onlooker in self._onlookers:
            onlooker.put({"event": event, **detail})

    @property
    def watched(self) -> bool:
        return bool(self._onlookers)

    @contextmanager
    def onlooker(self) -> Iterator[Onlooker]:
        one = Onlooker()
        self._onlookers.add(one)
        try:
            yield one
        finally:
            self._onlookers.discard(one)
