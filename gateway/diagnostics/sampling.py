"""Keeps the history (gateway.history): looks every few seconds, takes a sample every five minutes.

- Samples whose time nobody knows yet wait until the clock is set; a run that never learns the time
  leaves no history.
- The disk gets an hour when it is over, and what there is at each start and stop.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Final, NamedTuple

from gateway.errors import DiskFault
from gateway.history import EVERY, HOUR, HOURS, History, Sample
from gateway.records import Moment

LOOK_EVERY: Final = 10.0  # seconds
AT_ONCE: Final = 288  # samples in a line
UNDATED: Final = HOURS * HOUR // int(EVERY)


class Now(NamedTuple):
    """`readings` and `drops` since the start; `oldest` in seconds; `disk` is a share."""

    readings: int
    drops: int
    waiting: int
    oldest: float
    board: float | None
    concentrator: float | None
    disk: float | None


class Line(NamedTuple):
    """Whether the broker is there, and whether the radio receives."""

    connected: bool
    receiving: bool


class Sampling:
    """`look` says how things are, `line` the same of what is asked often; `recall` and `keep` are
    the store's.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[Now]],
        line: Callable[[], Line],
        now: Callable[[], Moment],
        dated: Callable[[Moment], Moment],
        recall: Callable[[], Awaitable[dict[int, bytes]]],
        keep: Callable[[Mapping[int, bytes]], Awaitable[None]],
    ) -> None:
        self._look, self._line, self._now, self._dated = look, line, now, dated
        self._recall, self._keep = recall, keep
        self._history = History()
        self._undated: deque[tuple[Moment, Sample]] = deque(maxlen=UNDATED)
        self._seen: list[Line] = []
        self._readings = self._drops = 0
        self._sampled_at: float | None = None
        self._hour = 0

    async def run(self, beat: Callable[[], None]) -> None:
        with suppress(DiskFault):
            self._history.load(await self._recall())
        try:
            while True:
                beat()
                await self.tick()
                await asyncio.sleep(LOOK_EVERY)
        finally:
            self._date()

    async def tick(self) -> None:
        """One look, and a sample if one is due."""
        self._seen.append(self._line())
        now = self._now()
        if self._sampled_at is None or now.monotonic_s - self._sampled_at >= EVERY:
            await self._sample(now)
        hours = self._date()
        if hours and (hours[-1].began or hours[-1].hour != self._hour):
            self._hour = hours[-1].hour
            await self.save()

    async def save(self) -> None:
        """What the disk does not have."""
        rows = self._history.unsaved()
        if rows:
            await self._keep(rows)

    async def _sample(self, now: Moment) -> None:
        found = await self._look()
        began, self._sampled_at = self._sampled_at is None, now.monotonic_s
        self._undated.append((now, self._as_sample(found, now, began)))
        self._readings, self._drops = found.readings, found.drops
        self._seen.clear()

    def _as_sample(self, found: Now, now: Moment, began: bool) -> Sample:
        return Sample(
            at=0,
            up=round(now.monotonic_s),
            began=began,
            readings=found.readings - self._readings,
            drops=found.drops - self._drops,
            waiting=found.waiting,
            oldest=round(found.oldest),
            board=found.board,
            concentrator=found.concentrator,
            disk=found.disk,
            connected=sum(line.connected for line in self._seen) / len(self._seen),
            receiving=sum(line.receiving for line in self._seen) / len(self._seen),
        )

    def _date(self) -> list[Sample]:
        """Those whose time is known by now; they stand in the history."""
        found: list[Sample] = []
        while self._undated:
            at = self._dated(self._undated[0][0]).at
            if at is None:
                break
            sample = self._undated.popleft()[1]._replace(at=round(at))
            self._history.add(sample)
            found.append(sample)
        return found

    async def answer(self, _: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """`{"op":"history"}` on the control socket: lines of samples, oldest first; a last one that
        says what the figures of a sample are.
        """
        samples = self._history.samples()
        while some := list(islice(samples, AT_ONCE)):
            yield {"samples": some}
        yield {"done": {"fields": list(Sample._fields), "undated": len(self._undated)}}
