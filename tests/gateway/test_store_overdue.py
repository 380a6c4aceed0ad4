"""What waited in memory for longer than W, behind a disk that refuses, is backlog: not live."""

import asyncio
from contextlib import suppress

import pytest
from bounds_tools import gaps
from patience import HUNG
from sick_disk import sick
from store_tools import World, drain, event, next_batch, number_of, numbers_of, reading

from gateway.errors import DiskFault
from gateway.lorawan.session import Changes
from gateway.store import unwritten
from gateway.store.buffer import Batch, Buffer


async def heard(buffer: Buffer, world: World, numbers: range) -> None:
    """One after the other, and the disk refuses; the last of them a little longer ago than W."""
    for number in numbers:
        world.time += 1
        buffer.add(reading(number))
        with suppress(DiskFault):
            await buffer.flush()
    world.time += 1.1
    assert buffer.failing


def told(batch: Batch) -> tuple[list[int], bool]:
    return numbers_of(batch), batch.historical


async def test_what_waited_long_behind_a_dead_disk_is_historical_and_goes_after_what_is_live(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        with sick():
            await heard(buffer, world, range(5))
            buffer.add(reading(5))
            assert told(await next_batch(buffer)) == ([5], False)
            assert told(await next_batch(buffer, 3)) == ([0, 1, 2], True)
            assert told(await next_batch(buffer, 3)) == ([3, 4], True)
            assert buffer.rests
        await buffer.restore(Changes)


async def test_what_waited_long_behind_a_dead_disk_is_the_oldest_that_waits(world: World) -> None:
    async with world.buffer() as buffer:
        with sick():
            await heard(buffer, world, range(2))
            buffer.add(reading(2, moment=world.clock().now()))
            buffer.delivered(await next_batch(buffer))
            assert await buffer.waits_for() == world.time - 12.5
            buffer.delivered(await next_batch(buffer))
            assert await buffer.waits_for() == 0.0
        await buffer.restore(Changes)


async def test_what_waited_long_in_memory_keeps_the_backlog_s_pace(world: World) -> None:
    async with world.buffer() as buffer:
        with sick():
            await heard(buffer, world, range(3))
            assert not buffer.rests
            closed = asyncio.create_task(buffer.next_batch(9, 0, backlog_wait=lambda: 1e9))
            await asyncio.sleep(0)
            buffer.add(reading(3))
            assert told(await closed) == ([3], False)
        await buffer.restore(Changes)


async def test_strictly_in_order_what_waited_long_in_memory_goes_first(world: World) -> None:
    async with world.buffer() as buffer:
        with sick():
            await heard(buffer, world, range(3))
            buffer.add(reading(3))
            async with asyncio.timeout(HUNG):
                batches = [await buffer.next_batch(9, 0, in_order=True) for _ in range(2)]
            assert list(map(told, batches)) == [([0, 1, 2], True), ([3], False)]
        await buffer.restore(Changes)


async def test_returned_in_any_order_what_waited_long_keeps_its_own(world: World) -> None:
    async with world.buffer() as buffer:
        with sick():
            await heard(buffer, world, range(4))
            buffer.add(reading(4))
            batches = [await next_batch(buffer, 2) for _ in range(3)]
            world.time += 2
            for batch in batches[::-1]:
                buffer.returned(batch)
            assert told(await next_batch(buffer)) == ([0, 1, 2, 3, 4], True)
        await buffer.restore(Changes)


async def test_what_waited_long_goes_to_the_disk_behind_what_is_there(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(300)], Changes())
        with sick():
            await heard(buffer, world, range(300, 310))
            out = await next_batch(buffer, 5)
            assert told(out) == ([300, 301, 302, 303, 304], True)
        await buffer.restore(Changes)
        assert (buffer.memory_records, buffer.backlog) == (0, 310)
        buffer.returned(out)
        first = await next_batch(buffer)
        assert (numbers_of(first), first.historical) == (list(range(100)), True)
        buffer.delivered(first)
        assert await drain(buffer) == list(range(100, 310))
        await buffer.close()
    assert await world.stored() == []


async def test_of_what_waited_long_the_oldest_are_given_up_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwritten, "MOST", 100)
    monkeypatch.setattr("gateway.store.taking_in.GIVEN_UP", 10)
    async with world.buffer() as buffer:
        with sick():
            await heard(buffer, world, range(100))
            assert numbers_of(await next_batch(buffer, 5)) == [0, 1, 2, 3, 4]
            buffer.add(reading(100))
            records = (await next_batch(buffer)).records
            assert number_of(records[0]) == 100
            assert [gap.detail["count"] for gap in gaps((await next_batch(buffer)).records)] == [10]
            assert numbers_of(await next_batch(buffer, 3)) == [15, 16, 17]
        await buffer.restore(Changes)


async def test_a_walk_passes_what_waited_long_in_memory(world: World) -> None:
    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        with sick():
            await heard(buffer, world, range(3))
            buffer.add(event(3))
            assert numbers_of(await next_batch(buffer)) == [3]
            newest = buffer.walks.newest
            assert newest is not None
            assert number_of(newest) == 2
        await buffer.restore(Changes)
        with buffer.walks.begin() as walk:
            passed = [number_of(one) async for some in walk.slices() for one in some]
        assert sorted(passed) == [0, 1, 2, 3]
        assert walk.tally.gone == 0
