"""By which a command that comes again is known: one memory for all kinds of commands.

A command is known while it waits, and as long as it is one of the last `REMEMBERED` that came, of
whatever kind. It lives on in the rows of the commands themselves: the tables of downlinks and of
all others keep their last `REMEMBERED` each, so at a start there may be twice as many.
"""

from typing import Final

REMEMBERED: Final = 5000  # a week of 700 a day: as long as a broker may keep one for us


class Correlations:
    """Of this gateway's commands."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()
        self._last: dict[str, None] = {}  # in the order in which they came

    def knows(self, correlation: str) -> bool:
        return correlation in self._waiting or correlation in self._last

    def came(self, correlation: str) -> None:
        """It waits, until it is `done`; or its commit is under way."""
        self._waiting.add(correlation)
        self._last[correlation] = None
        if len(self._last) > 2 * REMEMBERED:
            del self._last[next(iter(self._last))]

    def done(self, correlation: str) -> None:
        self._waiting.discard(correlation)

    def forget(self, correlation: str) -> None:
        """Nothing of it was kept: it may come again."""
        self._waiting.discard(correlation)
        self._last.pop(correlation, None)
