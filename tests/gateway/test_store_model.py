"""The buffer against a plain model, through any order of events, restarts and power cuts.

No record is lost that was reported safe, none is reported twice, none comes twice in one run, and
in the end all are delivered.
"""

import asyncio
import shutil

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from store_tools import World, event, in_memory, next_batch, number_of, reading

from gateway.lorawan.session import Changes
from gateway.records import Record
from gateway.store.buffer import Batch, Buffer
from gateway.store.database import Store

WINDOW = 10.0


class BufferMachine(RuleBasedStateMachine):
    """`undelivered` and `out` are the model; `ever` counts all records."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = in_memory()  # it syncs 2800 times, and the cuts are of copies
        self.world = World(self.directory / "kogge.db")
        self.ever = 0
        self.undelivered: set[int] = set()
        self.delivered_ever: set[int] = set()
        self.may_come_again: set[int] = set()
        self.out: list[Batch] = []
        self.last_batch = 0

    @initialize()
    def start(self) -> None:
        self.runner.run(self._open())

    async def _open(self) -> None:
        self.store = await Store.open(self.world.path)
        self.buffer = Buffer(self.store, WINDOW, self.world.say_safe, lambda: self.world.time)
        await self.buffer.open()

    def new(self, kinds: list[bool]) -> list[Record]:
        numbers = range(self.ever, self.ever + len(kinds))
        self.ever += len(kinds)
        self.undelivered |= set(numbers)
        return [
            event(n) if is_event else reading(n) for n, is_event in zip(numbers, kinds, strict=True)
        ]

    @rule(kinds=st.lists(st.booleans(), min_size=1, max_size=8))
    def add(self, kinds: list[bool]) -> None:
        async def go() -> None:
            for record in self.new(kinds):
                self.buffer.add(record)

        self.runner.run(go())

    @rule(kinds=st.lists(st.booleans(), max_size=4))
    def keep(self, kinds: list[bool]) -> None:
        records = self.new(kinds)
        self.runner.run(self.buffer.keep(records, Changes()))
        assert all(self.world.safe[number_of(record)] == 1 for record in records)

    def waiting(self) -> int:
        return len(self.undelivered) - sum(len(batch.records) for batch in self.out)

    @precondition(lambda self: self.waiting() > 0)
    @rule(limit=st.integers(1, 6))
    def next_batch(self, limit: int) -> None:
        batch = self.runner.run(next_batch(self.buffer, limit))
        numbers = {number_of(record) for record in batch.records}
        assert 0 < len(batch.records) == len(numbers) <= limit
        assert len({type(record) for record in batch.records}) == 1
        assert numbers <= self.undelivered
        assert not numbers & {number_of(r) for other in self.out for r in other.records}
        assert not numbers & (self.delivered_ever - self.may_come_again)
        assert batch.number > self.last_batch
        self.last_batch = batch.number
        self.out.append(batch)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def delivered(self, data: st.DataObject) -> None:
        self.deliver(self.pick(data))

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def returned(self, data: st.DataObject) -> None:
        self.buffer.returned(self.pick(data))

    def deliver(self, batch: Batch) -> None:
        numbers = {number_of(record) for record in batch.records}
        self.undelivered -= numbers
        self.delivered_ever |= numbers
        self.may_come_again -= numbers
        self.buffer.delivered(batch)
        assert all(self.world.safe[number] == 1 for number in numbers)

    def pick(self, data: st.DataObject) -> Batch:
        return self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))

    @rule(seconds=st.sampled_from([1.0, WINDOW, 60.0]), meanwhile=st.booleans())
    def time_goes_on(self, seconds: float, *, meanwhile: bool) -> None:
        """A round of `run`; `meanwhile` a batch is acknowledged while it is being written."""

        async def go() -> None:
            flush = asyncio.create_task(self.buffer.flush())
            await asyncio.sleep(0)
            if meanwhile and self.out:
                self.deliver(self.out.pop())
            await flush

        due = set(self.undelivered) if seconds >= WINDOW else set()
        self.world.time += seconds
        self.runner.run(go())
        assert all(self.world.safe[number] == 1 for number in due)

    @rule()
    def restart(self) -> None:
        async def go() -> set[int]:
            await self.buffer.close()
            await self.store.close()
            return await self.reopened()

        found = self.runner.run(go())
        assert self.undelivered <= found
        self.goes_on_with(found)

    @rule()
    def power_cut(self) -> None:
        async def go() -> set[int]:
            after = self.world.after_power_cut()
            await self.store.close()
            for file in self.directory.glob("kogge.db*"):
                file.unlink()
            shutil.copytree(after.path.parent, self.directory, dirs_exist_ok=True)
            return await self.reopened()

        found = self.runner.run(go())
        assert {n for n in self.undelivered if self.world.safe[n]} <= found
        self.goes_on_with(found)

    async def reopened(self) -> set[int]:
        """What the new run has to deliver, looked at in a copy: looking delivers it."""
        found = await self.world.after_power_cut().stored()
        assert len(found) == len(set(found))
        await self._open()
        return set(found)

    def goes_on_with(self, found: set[int]) -> None:
        """What was delivered out of a segment that is not yet deleted comes again."""
        assert found <= self.undelivered | self.delivered_ever
        self.may_come_again |= found & self.delivered_ever
        self.undelivered = found
        self.out.clear()

    @invariant()
    def backlog_is_what_is_not_delivered(self) -> None:
        if self.ever:
            assert self.buffer.backlog == len(self.undelivered)

    @invariant()
    def none_is_safe_twice(self) -> None:
        assert all(times == 1 for times in self.world.safe.values())

    def teardown(self) -> None:
        async def go() -> None:
            for batch in self.out:
                self.buffer.returned(batch)
            while self.buffer.backlog:
                batch = await next_batch(self.buffer, 5)
                self.deliver(batch)
            assert self.undelivered == set()
            await self.buffer.close()
            assert (await self.store.stock()).records == 0
            await self.store.close()

        try:
            if hasattr(self, "buffer"):
                self.runner.run(go())
        finally:
            self.runner.close()
            shutil.rmtree(self.directory)


TestBuffer = BufferMachine.TestCase
TestBuffer.settings = settings(max_examples=25, stateful_step_count=30)
