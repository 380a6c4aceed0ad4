"""Which records go in which batch: the two lanes, lingering, what is returned."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from patience import HUNG, until
from store_tools import World, event, next_batch, numbers_of, reading

from gateway.errors import StoreError
from gateway.lorawan.session import Changes
from gateway.records import Event
from gateway.store.buffer import Buffer
from gateway.store.segments import SEGMENT_RECORDS


async def test_live_goes_first_and_backlog_oldest_first(world: World) -> None:
    async with world.buffer() as buffer:
        for number in range(6):
            await buffer.keep([reading(number)], Changes())
    async with world.buffer() as buffer:
        buffer.add(reading(99))
        batches = [await next_batch(buffer, limit=4) for _ in range(3)]
        assert [numbers_of(batch) for batch in batches] == [[99], [0, 1, 2, 3], [4, 5]]
        assert [batch.historical for batch in batches] == [False, True, True]


@asynccontextmanager
async def with_backlog(world: World, segments: int) -> AsyncIterator[Buffer]:
    """A buffer that finds so many on disk, full ones."""
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(segments * SEGMENT_RECORDS)], Changes())
    async with world.buffer() as buffer:
        yield buffer


async def test_backlog_is_read_while_a_part_of_it_goes_out(world: World) -> None:
    async with with_backlog(world, 3) as buffer:
        await next_batch(buffer, SEGMENT_RECORDS)
        await until(lambda: buffer._lanes.late)
        assert len(buffer._lanes.late) == SEGMENT_RECORDS
        assert numbers_of(await next_batch(buffer, 2)) == [SEGMENT_RECORDS, SEGMENT_RECORDS + 1]


async def reads_ahead_in_vain(buffer: Buffer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first part is read, and handed out; the next fails, for a fault of ours."""
    read = iter([buffer._store.read_segments])

    async def read_once(*of: Any) -> None:
        for first in read:
            return await first(*of)
        raise StoreError("ours")

    monkeypatch.setattr(buffer._store, "read_segments", read_once)
    await next_batch(buffer, SEGMENT_RECORDS)
    await until(lambda: (reading := buffer._handing_out._reading) and reading.done())


async def test_reading_ahead_that_fails_ends_run_though_no_next_batch_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_backlog(world, 2) as buffer:
        await reads_ahead_in_vain(buffer, monkeypatch)
        with pytest.raises(StoreError, match="ours"):
            await asyncio.wait_for(buffer.run(), HUNG)


async def test_close_writes_all_and_tells_that_reading_ahead_has_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with with_backlog(world, 2) as buffer:
        await reads_ahead_in_vain(buffer, monkeypatch)
        buffer.add(reading(999))
        with pytest.raises(StoreError, match="ours"):
            await buffer.close()
    assert 999 in await world.stored()


async def test_what_is_purged_while_it_is_read_ahead_is_told_and_not_handed_out(
    world: World,
) -> None:
    async with with_backlog(world, 3) as buffer:
        batch = await next_batch(buffer, SEGMENT_RECORDS)
        assert await buffer.purge(lambda _: True) == 2 * SEGMENT_RECORDS
        buffer.delivered(batch)
        told = await next_batch(buffer, SEGMENT_RECORDS)
        (gap,) = told.records
        assert isinstance(gap, Event)
        assert gap.detail["count"] == 2 * SEGMENT_RECORDS
        buffer.delivered(told)
        assert buffer.backlog == 0


async def test_backlog_does_not_starve_while_live_readings_linger(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(1)], Changes())
    async with world.buffer(window=10) as buffer:
        buffer.add(reading(2))
        assert numbers_of(await next_batch(buffer, limit=10, linger=1)) == [1]
        world.time += 1
        assert numbers_of(await next_batch(buffer, limit=10, linger=1)) == [2]


async def test_batch_goes_when_it_is_full_or_its_oldest_has_lingered(world: World) -> None:
    async with world.buffer(window=10) as buffer:
        buffer.add(reading(1))
        waiting = asyncio.create_task(buffer.next_batch(2, 3600))
        await asyncio.sleep(0)
        buffer.add(reading(2))
        assert numbers_of(await asyncio.wait_for(waiting, HUNG)) == [1, 2]
    async with world.store() as store:
        buffer = Buffer(store, 10, world.say_safe)
        await buffer.open()
        buffer.add(reading(3))
        assert numbers_of(await next_batch(buffer, 2, linger=0.02)) == [3]


async def test_lingering_leaves_the_broker_time_before_the_window_ends(world: World) -> None:
    async with world.store() as store:
        buffer = Buffer(store, 0.4, world.say_safe)
        await buffer.open()
        run = asyncio.create_task(buffer.run())
        buffer.add(reading(1))
        buffer.delivered(await next_batch(buffer, 100, linger=3600))
        assert "sequence" not in (await store.stock()).reserved
        run.cancel()


async def test_readings_and_events_go_in_batches_of_their_own(world: World) -> None:
    async with world.buffer() as buffer:
        for record in (reading(1), event(2), reading(3), event(4)):
            buffer.add(record)
        assert numbers_of(await next_batch(buffer)) == [1, 3]
        assert numbers_of(await next_batch(buffer)) == [2, 4]


async def test_returned_live_batch_goes_out_again_in_front(world: World) -> None:
    async with world.buffer() as buffer:
        for number in range(3):
            buffer.add(reading(number))
        first, second = await next_batch(buffer, 1), await next_batch(buffer, 1)
        buffer.returned(second)
        buffer.returned(first)
        again = await next_batch(buffer)
        assert (numbers_of(again), again.historical) == ([0, 1, 2], False)
        assert again.number > second.number


async def test_returned_batch_that_is_on_disk_is_left_to_the_backlog(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1))
        batch = await next_batch(buffer)
        world.time += 1
        await buffer.flush()
        buffer.returned(batch)
        again = await next_batch(buffer)
        assert (numbers_of(again), again.historical) == ([1], True)
        buffer.delivered(again)
        assert (buffer.backlog, world.safe) == (0, {1: 1})
