"""What a technician purges is given up, told, and nothing beside it is touched."""

import asyncio
import random
import sqlite3
from collections import Counter

import pytest
from archive_tools import WEEK, deliver, timed
from bounds_tools import START, gaps, missing, no_write
from sick_disk import sick
from store_tools import World, event, next_batch, number_of, reading

from gateway.errors import DiskFault, GatewayError
from gateway.lorawan.session import Changes
from gateway.records import Event, Reading, Record
from gateway.store import tables
from gateway.store.buffer import Buffer

OTHER = "70b3d57ed0000002"


def is_other(record: Record) -> bool:
    return isinstance(record, Reading) and record.device == OTHER


def mixed(count: int) -> list[Record]:
    """Every third of another device, every tenth an event."""
    return [
        event(n) if n % 10 == 9 else reading(n, **({"device": OTHER} if n % 3 == 0 else {}))
        for n in range(count)
    ]


async def on_disk(world: World, buffer: Buffer, records: list[Record]) -> None:
    for start in range(0, len(records), 300):
        await buffer.keep(records[start : start + 300], Changes())
    world.time += 1
    await buffer.flush()


async def all_of(buffer: Buffer) -> list[Record]:
    records: list[Record] = []
    while buffer.backlog:
        batch = await next_batch(buffer)
        records += batch.records
        buffer.delivered(batch)
    return records


async def test_one_device_goes_and_the_others_stay_in_their_order(world: World) -> None:
    records = mixed(2500)
    unwanted = [number_of(one) for one in records if is_other(one)]
    staying = [number_of(one) for one in records if isinstance(one, Reading) and not is_other(one)]
    async with world.buffer() as buffer:
        await on_disk(world, buffer, records)
        assert await buffer.purge(is_other) == len(unwanted)
        assert await buffer.purge(is_other) == 0
        assert buffer.backlog <= len(records) - len(unwanted) + 5  # with a few gaps
        await buffer.close()
    async with world.buffer() as buffer:  # it is so on disk
        found = await all_of(buffer)
    assert [number_of(one) for one in found if isinstance(one, Reading)] == staying
    assert missing(gaps(found)) == len(unwanted)
    assert {gap.detail["reason"] for gap in gaps(found)} == {"purged"}
    assert sum(isinstance(one, Event) and one.type == "join" for one in found) == 250


@pytest.mark.parametrize("seed", range(10))
async def test_every_reading_is_delivered_or_told_whatever_is_under_way(
    world: World, seed: int
) -> None:
    chance = random.Random(seed)
    records = mixed(1500)
    seen: Counter[int] = Counter()
    told: list[Record] = []
    async with world.buffer() as buffer:
        await on_disk(world, buffer, records)
        batches = []
        for _ in range(8):
            batches.append(await next_batch(buffer, chance.randrange(1, 120)))
            match chance.randrange(4):
                case 0:
                    batch = batches.pop(chance.randrange(len(batches)))
                    seen.update(map(number_of, batch.records))
                    told += gaps(batch.records)
                    buffer.delivered(batch)
                case 1:
                    buffer.returned(batches.pop())
                case 2:
                    buffer.park(batches.pop())
        purged = await buffer.purge(is_other)
        for batch in batches:
            buffer.returned(batch)
        buffer.retry_parked()
        found = await all_of(buffer)
    seen.update(map(number_of, found))
    told += gaps(found)
    del seen[-1]
    assert max(seen.values()) == 1
    assert missing(gaps(told)) == purged == 1500 - len(seen)
    assert {number_of(one) for one in records if not is_other(one)} <= set(seen)


async def test_a_purge_that_the_disk_refuses_has_not_been(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = mixed(600)
    async with world.buffer() as buffer:
        await on_disk(world, buffer, records)
        with monkeypatch.context() as broken:
            broken.setattr(tables, "write", no_write)
            with pytest.raises((GatewayError, sqlite3.Error)):
                await buffer.purge(is_other)
        assert buffer.backlog == 600
    assert sorted(await world.stored()) == list(range(600))


async def test_the_archive_goes_by_time_and_whole(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, *(timed(number) for number in range(1024)))
        await buffer.flush()
        await deliver(buffer, timed(2000))
        begins = timed(600).moment.at or 0.0
        assert buffer.purge_archive(begins) == 512
        await buffer.flush()
        assert buffer.archive.archived().readings == 512
        assert buffer.purge_archive(float("inf")) == 513
        await buffer.flush()
        assert buffer.archive.contents() == ((), [])
        await buffer.close()
    async with world.buffer(archive=WEEK) as buffer:
        assert buffer.archive.archived().readings == 0


@pytest.mark.parametrize(("before", "going"), [(float("inf"), 1025), (START + 512, 512)])
async def test_block_that_is_being_written_goes_from_the_archive_too(
    world: World, before: float, going: int
) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, *(timed(number) for number in range(1025)))
        writing = asyncio.create_task(buffer.flush())
        await asyncio.sleep(0)
        assert buffer.purge_archive(before) == going
        assert buffer.purge_archive(before) == 0
        await writing
        await buffer.flush()
        await buffer.close()
    async with world.buffer(archive=WEEK) as buffer:
        assert buffer.archive.archived().readings == 1025 - going


async def test_block_whose_writing_failed_goes_from_the_archive_if_it_was_purged(
    world: World,
) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, *(timed(number) for number in range(512)))
        with sick():
            writing = asyncio.create_task(buffer.flush())
            await asyncio.sleep(0)
            assert buffer.purge_archive(float("inf")) == 512
            with pytest.raises(DiskFault):
                await writing
        assert buffer.archive.contents() == ((), [])
        await buffer.restore(Changes)
