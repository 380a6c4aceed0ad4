"""A disk that refuses, lies and forgets, at random: what is lost is told, and nothing else is.

Of each record that was taken in: it is delivered, once, or one of those that gap events count.
"""

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import AbstractContextManager, closing, suppress

import pytest
from bounds_tools import gaps, missing
from sick_disk import doubted, sick
from store_tools import World, next_batch, number_of, reading

from gateway.errors import DiskFault
from gateway.lorawan.session import Changes
from gateway.records import Record
from gateway.store import handing_out
from gateway.store.buffer import Batch, Buffer
from gateway.store.segments import unpack

GAP = -1  # as `number_of` has it


class Trial:
    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)
        self.made = 0
        self.taken_in: set[int] = set()
        self.delivered: Counter[int] = Counter()
        self.told: list[Record] = []
        self.out: list[Batch] = []

    def new(self) -> list[Record]:
        count = self.chance.randrange(1, 6)
        self.made += count
        return [reading(number) for number in range(self.made - count, self.made)]

    async def step(self, buffer: Buffer) -> None:
        await self.chance.choice(
            [self.adds, self.adds, self.keeps, self.goes_on, self.sends, self.answers, self.purges]
        )(buffer)

    async def adds(self, buffer: Buffer) -> None:
        for record in self.new():
            buffer.add(record)
            self.taken_in.add(number_of(record))

    async def keeps(self, buffer: Buffer) -> None:
        records = self.new()
        await buffer.keep(records, Changes())
        self.taken_in.update(map(number_of, records))

    async def goes_on(self, buffer: Buffer) -> None:
        self.world.time += self.chance.choice([0.3, 1.0, 60.0])
        with suppress(DiskFault):
            await buffer.flush()

    async def sends(self, buffer: Buffer) -> None:
        if buffer.backlog > buffer.parked + sum(len(each.records) for each in self.out):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    self.out.append(await buffer.next_batch(self.chance.randrange(1, 8), 0))

    async def answers(self, buffer: Buffer) -> None:
        if self.out:
            batch = self.out.pop(self.chance.randrange(len(self.out)))
            self.chance.choice([self.has_delivered, Buffer.returned, Buffer.park])(buffer, batch)

    def has_delivered(self, buffer: Buffer, batch: Batch) -> None:
        buffer.delivered(batch)
        self.told += gaps(batch.records)
        self.delivered.update(map(number_of, batch.records))

    async def purges(self, buffer: Buffer) -> None:
        with suppress(DiskFault):
            await buffer.purge(lambda record: number_of(record) in range(3, self.made, 7))

    def fault(self) -> AbstractContextManager[None]:
        return doubted() if self.chance.random() < 0.6 else sick()

    def loses(self) -> None:
        """A segment of readings, maybe none."""
        found = [first for first, has in stored(self.world).items() if GAP not in has]
        if found and self.chance.random() < 0.5:
            with closing(sqlite3.connect(self.world.path)) as card, card:
                card.execute("DELETE FROM segment WHERE first = ?", (self.chance.choice(found),))

    async def ends(self, buffer: Buffer) -> None:
        for batch in self.out:
            buffer.returned(batch)
        buffer.retry_parked()
        while buffer.backlog:
            self.has_delivered(buffer, await next_batch(buffer))


def stored(world: World) -> dict[int, set[int]]:
    with closing(sqlite3.connect(world.path)) as card:
        rows = card.execute("SELECT first, records FROM segment").fetchall()
    return {first: set(map(number_of, unpack(blob))) for first, blob in rows}


@pytest.mark.parametrize("seed", range(15))
async def test_each_record_is_delivered_or_told_as_lost_once(
    world: World, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # in parts as small as a trial: what goes wrong finds the next one under way
    monkeypatch.setattr(handing_out, "READ_AHEAD", 1 + seed % 5)
    trial = Trial(world, seed)
    async with world.buffer() as buffer:
        for _ in range(6):
            for _ in range(trial.chance.randrange(12)):
                await trial.step(buffer)
            with trial.fault():
                while not buffer.failing:
                    await trial.step(buffer)
                for _ in range(trial.chance.randrange(6)):
                    await trial.step(buffer)
            trial.loses()
            await buffer.restore(Changes)
        await trial.ends(buffer)
        await buffer.close()
    assert missing(gaps(trial.told)) == len(trial.taken_in - set(trial.delivered))
    del trial.delivered[GAP]
    assert set(trial.delivered.values()) <= {1}
    assert await world.stored() == []
