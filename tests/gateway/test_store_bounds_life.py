"""D3: a life at random, in which each record arrives once or is in a gap."""

import asyncio
import random
from collections import Counter

import pytest
from bounds_tools import at, batch_of, damage, gaps, keep, many, missing
from store_tools import World, number_of

from gateway.records import Record
from gateway.store.bounds import DAY, Bounds
from gateway.store.buffer import Batch, Buffer
from gateway.store.giving_up import AGE_CHECK


class Life:
    """Records that come, go, return and age, on a disk that others fill, all at random."""

    def __init__(self, world: World, buffer: Buffer, seed: int, sent: int) -> None:
        self.world, self.buffer, self.random, self.sent = world, buffer, random.Random(seed), sent
        self.arrived = Counter[int]()
        self.told = 0
        self.out: list[Batch] = []

    async def goes_on(self) -> None:
        acts = (self.add, self.keep, self.keep, self.take, self.end, self.time, self.disk)
        await self.random.choice(acts)()
        assert self.buffer.backlog >= sum(len(batch.records) for batch in self.out)

    async def ends(self) -> None:
        while self.buffer.backlog:
            while self.out:
                self.buffer.returned(self.out.pop())
            self.deliver(await batch_of(self.buffer))
        await self.buffer.close()

    def new(self) -> list[Record]:
        count = self.random.choice([1, 1, 3, 300])
        self.sent += count
        return [at(self.sent - count + n, self.world.wall) for n in range(count)]

    async def add(self) -> None:
        for record in self.new():
            self.buffer.add(record)

    async def keep(self) -> None:
        await keep(self.buffer, *self.new())

    async def take(self) -> None:
        if self.buffer.backlog > sum(len(batch.records) for batch in self.out):
            self.out.append(await batch_of(self.buffer, self.random.choice([1, 3, 300])))

    async def end(self) -> None:
        if self.out:
            batch = self.out.pop(self.random.randrange(len(self.out)))
            self.random.choice((self.deliver, self.buffer.returned))(batch)

    async def time(self) -> None:
        self.world.time += self.random.choice([1, AGE_CHECK])
        self.world.wall = (self.world.wall or 0) + self.random.choice([1, 10 * DAY])
        flush = asyncio.create_task(self.buffer.flush())
        await asyncio.sleep(0)
        await self.end()
        await flush

    async def disk(self) -> None:
        self.world.free = self.random.choice([0, 1 << 40])

    def deliver(self, batch: Batch) -> None:
        self.told += missing(gaps(batch.records))
        self.arrived.update(n for n in map(number_of, batch.records) if n >= 0)
        self.buffer.delivered(batch)


@pytest.mark.parametrize("seed", range(8))
async def test_d3_whatever_happens_each_record_arrives_once_or_is_in_a_gap(
    world: World, seed: int
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(700)))
        await keep(buffer, *many(range(700, 1000)))
    damage(world, [1])
    async with world.buffer(bounds=Bounds(max_age=30 * DAY, min_free=1000)) as buffer:
        life = Life(world, buffer, seed, 1000)
        for _ in range(150):
            await life.goes_on()
        await life.ends()
        assert max(life.arrived.values()) == 1
        assert len(life.arrived) + life.told == life.sent
        assert life.told == buffer.lost_records > 0
        assert not buffer._lanes._segments
    assert await world.stored() == []
