"""What the buffer takes of memory, of the disk and of the card's life."""

import asyncio
import sqlite3
import tracemalloc

import pytest
from store_tools import World, drain, next_batch, numbers_of, reading

from gateway.lorawan.session import Changes
from gateway.store import tables
from gateway.store.buffer import Buffer
from gateway.store.chores import DELETE_RECORDS
from gateway.store.numbers import BLOCK


async def test_memory_holds_only_the_window_while_the_broker_is_away(world: World) -> None:
    async with world.buffer() as buffer:
        for number in range(500):
            buffer.add(reading(number))
            world.time += 0.01
            await buffer.flush()
            lanes = buffer._lanes
            assert len(lanes.live) <= 51
            assert len(lanes._segments) <= 51
        assert buffer.backlog == 500
        world.time += 1
        await buffer.flush()
        assert not lanes.live
        assert not lanes._segments
        assert await drain(buffer) == list(range(500))


async def test_backlog_of_50_000_drains_in_bounded_memory(world: World) -> None:
    async with world.buffer() as buffer:
        for start in range(0, 50_000, 2500):
            await buffer.keep([reading(n) for n in range(start, start + 2500)], Changes())
            world.time += 1
            await buffer.flush()
    async with world.store() as store:
        buffer = Buffer(store, 1.0, world.say_safe, lambda: world.time)
        await buffer.open()
        assert buffer.backlog == 50_000
        run = asyncio.create_task(buffer.run())
        drained: list[int] = []
        tracemalloc.start()
        try:
            while buffer.backlog:
                batch = await next_batch(buffer)
                drained += numbers_of(batch)
                buffer.delivered(batch)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert drained == list(range(50_000))
        assert peak < 16_000_000
        await buffer.close()
        assert (await store.stock()).records == 0
        run.cancel()


async def test_delivered_segment_is_deleted_with_the_next_commit(world: World) -> None:
    async with world.store() as store:
        buffer = Buffer(store, 1.0, world.say_safe, lambda: world.time)
        await buffer.open()
        await buffer.keep([reading(1), reading(2)], Changes())
        half, rest = await next_batch(buffer, 1), await next_batch(buffer, 1)
        buffer.delivered(half)
        await buffer.keep([], Changes())
        assert (await store.stock()).records == 2
        buffer.delivered(rest)
        await buffer.keep([], Changes())
        assert (await store.stock()).records == 0


async def test_many_delivered_records_are_deleted_at_once_though_nothing_comes_in(
    world: World,
) -> None:
    async with world.store() as store:
        buffer = Buffer(store, 1.0, world.say_safe, lambda: world.time)
        await buffer.open()
        await buffer.keep([reading(n) for n in range(DELETE_RECORDS)], Changes())
        await drain(buffer)
        await buffer.flush()
        assert (await store.stock()).records == 0
        assert not buffer._lanes._segments


async def test_sequence_numbers_are_reserved_rarely(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reservation costs the card a page."""
    reservations: list[dict[str, int]] = []

    def counted(connection: sqlite3.Connection, writes: list[tables.Write]) -> None:
        reservations.extend(write.reserved for write in writes if write.reserved)
        write(connection, writes)

    write = tables.write
    monkeypatch.setattr(tables, "write", counted)
    async with world.buffer() as buffer:
        for number in range(20):
            await buffer.keep([reading(number)], Changes())
    assert reservations == [{"sequence": 1 + 1 + BLOCK}]
