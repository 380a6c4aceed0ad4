"""The archive against a plain model, through any order of deliveries, hours, stops and power cuts.

What was delivered within the days can be replayed, once each and by its span, but for what a power
cut took of the block in memory; nothing else can.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

from archive_tools import START, deliver, order, timed, until_answered
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from store_tools import World, next_batch, numbers_of

from gateway.replay import Span
from gateway.store import archive
from gateway.store.archive import BLOCK_SECONDS, PRUNING_WAITS
from gateway.store.bounds import DAY, MARK, NO_BOUNDS
from gateway.store.buffer import Buffer
from gateway.store.database import Store

DAYS = 2 * DAY
HOUR = 3600.0
LATE = MARK + HOUR + BLOCK_SECONDS + PRUNING_WAITS  # a round comes every hour


class ArchiveMachine(RuleBasedStateMachine):
    """`delivered` is the model: when, by number; `in_memory` may be taken by a power cut."""

    def __init__(self) -> None:
        super().__init__()
        self.small = patch.object(archive, "BLOCK_READINGS", 8)
        self.small.start()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.world = World(self.directory / "kogge.db")
        self.made = 0
        self.replays = 0
        self.delivered: dict[int, float] = {}
        self.in_memory: dict[int, float] = {}
        self.taken: set[int] = set()

    @initialize()
    def start(self) -> None:
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.store = await Store.open(self.world.path)
        self.buffer = Buffer(
            self.store,
            1.0,
            self.world.say_safe,
            lambda: self.world.time,
            bounds=NO_BOUNDS,
            clock=self.world.clock(),
            archive=DAYS,
        )
        await self.buffer.open()

    def _heard(self, numbers: range) -> None:
        for number in numbers:
            self.delivered[number] = self.in_memory[number] = self.world.time
            self.taken.discard(number)

    def _new(self, count: int) -> range:
        self.made += count
        return range(self.made - count, self.made)

    @rule(count=st.integers(1, 30))
    def delivers(self, count: int) -> None:
        numbers = self._new(count)
        self.runner.run(deliver(self.buffer, *(timed(n, n % 3) for n in numbers)))
        self._heard(numbers)

    @rule(count=st.integers(1, 5))
    def publishes_in_vain(self, count: int) -> None:
        """They come again at once, and are delivered then."""

        async def go() -> None:
            for number in numbers:
                self.buffer.add(timed(number, number % 3))
            self.buffer.returned(await next_batch(self.buffer))
            await deliver(self.buffer)

        numbers = self._new(count)
        self.runner.run(go())
        self._heard(numbers)

    @rule(hours=st.sampled_from([1, 5, 24]))
    def hours_go_by(self, hours: int) -> None:
        async def go() -> None:
            for _ in range(hours):
                self.world.time += HOUR
                self.world.wall = (self.world.wall or 0.0) + HOUR
                await self.buffer.flush()

        self.runner.run(go())
        self.in_memory.clear()

    @rule()
    def stops_and_starts(self) -> None:
        async def go() -> None:
            await self.buffer.close()
            await self.store.close()
            await self._open()

        self.runner.run(go())
        self.in_memory.clear()

    @rule()
    def loses_its_power(self) -> None:
        async def go() -> None:
            after = self.world.after_power_cut()
            after.time, after.wall = self.world.time, self.world.wall
            await self.store.close()
            self.world = after
            await self._open()

        self.runner.run(go())
        self.taken |= set(self.in_memory)
        self.in_memory.clear()

    @precondition(lambda self: self.made)
    @rule(data=st.data(), device=st.sampled_from([None, 0, 1, 2]))
    def city_asks(self, data: st.DataObject, device: int | None) -> None:
        begin = data.draw(st.integers(0, self.made - 1))
        end = data.draw(st.integers(begin + 1, self.made))
        span = Span(START + begin, START + end, None if device is None else f"{device:016x}")

        async def go() -> list[int]:
            await order(self.buffer, correlation, span)
            numbers, told = await until_answered(self.buffer)
            (count,) = {e.detail["count"] for e in told if e.detail["correlation"] == correlation}
            assert count == len(numbers)
            return numbers

        self.replays += 1
        correlation = str(self.replays)
        found = self.runner.run(go())
        self.in_memory.clear()
        self._is_right(found, {n for n in range(begin, end) if device in (None, n % 3)})

    def _is_right(self, found: list[int], wanted: set[int]) -> None:
        now = self.world.time
        young = {n for n, at in self.delivered.items() if at > now - DAYS}
        not_gone = {n for n, at in self.delivered.items() if at >= now - DAYS - LATE}
        assert len(found) == len(set(found))
        assert wanted & young - self.taken <= set(found) <= wanted & not_gone

    def teardown(self) -> None:
        async def go() -> None:
            while self.buffer.backlog:
                batch = await next_batch(self.buffer)
                assert numbers_of(batch)
                self.buffer.delivered(batch)
            await self.buffer.close()
            await self.store.close()

        try:
            if hasattr(self, "buffer"):
                self.runner.run(go())
        finally:
            self.small.stop()
            self.runner.close()
            shutil.rmtree(self.directory)


TestArchive = ArchiveMachine.TestCase
TestArchive.settings = settings(max_examples=20, stateful_step_count=20)
