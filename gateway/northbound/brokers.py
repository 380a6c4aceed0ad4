"""Several brokers in order: mqtt.url, then mqtt.fallback_urls. Which one is asked next.

The rules of this file:

- One is asked until it has failed `FAILURES` times in a row, or says itself that the server is
  elsewhere; then the next, after the last the first again. A connection on which nothing was
  acknowledged is a failure too.
- On a fallback it is looked every few minutes whether the first listens again. If so the
  connection is given up for it; if it then fails once, the fallback comes back.
- Each has a session of its own: what one has acknowledged is delivered; the others never see it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from gateway.northbound.broker import Broker

FAILURES: Final = 3
RETURN_SECONDS: Final = 600.0


class Brokers:
    """`random` gives 0 ≤ x < 1: thousands of gateways shall not return at once."""

    def __init__(self, brokers: Sequence[Broker], random: Callable[[], float]) -> None:
        self._brokers, self._random = brokers, random
        self._at = self._failures = 0
        self._tried_from: int | None = None  # the fallback that was left for the first

    @property
    def current(self) -> Broker:
        return self._brokers[self._at]

    @property
    def first_url(self) -> str:
        return self._brokers[0].url

    @property
    def is_fallback(self) -> bool:
        return self._at > 0

    def worked(self) -> None:
        self._failures, self._tried_from = 0, None

    def failed(self, elsewhere: bool = False) -> None:
        """`elsewhere`: it has said itself that it is not the server any more."""
        self._failures += 1
        if self._tried_from is not None:
            self._at, self._failures, self._tried_from = self._tried_from, 0, None
        elif elsewhere or self._failures >= FAILURES:
            self._at, self._failures = (self._at + 1) % len(self._brokers), 0

    def return_to_first(self) -> None:
        self._tried_from, self._at, self._failures = self._at, 0, 0

    def next_look(self) -> float:
        """Seconds until the first is looked at again."""
        return RETURN_SECONDS * (1 - self._random() / 2)

    async def first_listens(self) -> bool:
        return await self._brokers[0].listens()
