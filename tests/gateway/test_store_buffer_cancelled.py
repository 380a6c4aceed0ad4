"""Closed or cancelled at any moment, the buffer loses and doubles nothing."""

import asyncio
import sqlite3
import threading
from collections.abc import Coroutine, Generator
from contextlib import suppress
from itertools import count
from typing import Any, TypeVar

import pytest
from patience import HUNG
from store_tools import FAR, World, drain, next_batch, numbers_of, reading, session

from gateway.errors import StoreError
from gateway.lorawan.session import Changes
from gateway.store import tables

T = TypeVar("T")


async def test_close_has_everything_on_disk(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1), session())
        buffer.add(reading(2))
        await next_batch(buffer, limit=1)
        await buffer.close()
        assert world.safe == {1: 1, 2: 1}
    assert await world.stored() == [1, 2]


async def test_close_after_run_was_cancelled_in_its_commit_writes_nothing_twice(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1))
        world.time += 1
        flush = asyncio.create_task(buffer.flush())
        await asyncio.sleep(0)
        flush.cancel()
        with suppress(asyncio.CancelledError):
            await flush
        await buffer.close()
    assert await world.stored() == [1]
    assert world.safe == {1: 1}


async def test_close_says_so_when_the_commit_that_run_was_cancelled_in_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def broken(*_: object) -> None:
        begun.set()
        go_on.wait(10)
        raise sqlite3.OperationalError("disk I/O error")

    async with world.buffer() as buffer:
        buffer.add(reading(1))
        world.time += 1
        monkeypatch.setattr(tables, "write", broken)
        flush = asyncio.create_task(buffer.flush())
        await asyncio.to_thread(begun.wait, 10)
        flush.cancel()
        with suppress(asyncio.CancelledError):
            await flush
        closing = asyncio.create_task(buffer.close())
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(StoreError, match="disk I/O error"):
            await closing


async def cancelled_at(suspension: int, coroutine: Coroutine[Any, Any, T]) -> T | None:
    """Run it, cancelled at its n-th suspension; None if it was, its result if it ended before."""

    class Steps:
        def __await__(self) -> Generator[Any, Any, T | None]:
            steps = coroutine.__await__()
            for n in count():
                try:
                    future = next(steps)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                if n == suspension:
                    future.cancel()
                    with suppress(asyncio.CancelledError):
                        steps.throw(asyncio.CancelledError())
                    return None
                yield future
            raise AssertionError

    return await Steps()


async def test_next_batch_cancelled_at_any_await_loses_and_doubles_nothing(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(5)], Changes())
    for suspension in count():
        again = world.after_power_cut()
        async with again.buffer() as buffer:
            batch = await cancelled_at(suspension, buffer.next_batch(3, 0))
            buffer.add(reading(5))
            drained = numbers_of(batch) if batch else []
            if batch:
                buffer.delivered(batch)
            assert sorted(drained + await drain(buffer, 3)) == list(range(6))
            if batch:
                break
    assert suspension >= 2  # the batch number's reservation and the reading of the backlog


async def test_waiting_for_a_live_reading_can_be_cancelled(world: World) -> None:
    async with world.buffer() as buffer:
        assert await cancelled_at(1, buffer.next_batch(3, 0)) is None
        buffer.add(reading(1))
        world.time -= FAR  # nothing is ripe
        assert await cancelled_at(0, buffer.next_batch(3, 3600)) is None
        world.time += FAR
        assert await drain(buffer) == [1]


async def test_backlog_read_again_after_a_live_record_has_left_memory(world: World) -> None:
    """The reading is under way while the record leaves: it is found, and found once."""
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(3)], Changes())
    async with world.buffer() as buffer:
        await buffer.keep([reading(3)], Changes())
        reading_back = asyncio.create_task(buffer.next_batch(100, 3600))
        await asyncio.sleep(0)
        world.time += 1
        await buffer.flush()
        batch = await asyncio.wait_for(reading_back, HUNG)
        buffer.delivered(batch)
        assert sorted(numbers_of(batch) + await drain(buffer)) == [0, 1, 2, 3]
