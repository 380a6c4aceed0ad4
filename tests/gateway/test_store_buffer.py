"""The contracts D1, D1a, D1b, D2, D4, D5 on real files, and the two lanes."""

import asyncio
import sqlite3
import threading
import tracemalloc
from collections.abc import Coroutine, Generator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from store_tools import FAR, World, drain, event, number_of, reading, session

from gateway.errors import StoreError
from gateway.lorawan.session import Changes, Join
from gateway.records import Record
from gateway.store import tables
from gateway.store.buffer import Batch, Buffer
from gateway.store.chores import DELETE_RECORDS
from gateway.store.numbers import BLOCK

T = TypeVar("T")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "kogge.db")


def numbers(batch: Batch) -> list[int]:
    return [number_of(record) for record in batch.records]


async def next_batch(buffer: Buffer, limit: int = 100, linger: float = 0) -> Batch:
    return await asyncio.wait_for(buffer.next_batch(limit, linger), 10)


async def test_d1_unacknowledged_reading_is_on_disk_within_the_window(world: World) -> None:
    loop = asyncio.get_running_loop()
    async with world.store() as store:
        buffer = Buffer(store, 0.5, world.say_safe)
        await buffer.open()
        run = asyncio.create_task(buffer.run())
        await asyncio.sleep(0)  # it waits, with nothing to do
        added = loop.time()
        buffer.add(reading(1))
        await world.safe_changed.wait()
        assert loop.time() - added + 0.01 >= 0.25
        assert loop.time() - added <= 0.5
        assert await world.after_power_cut().stored() == [1]
        run.cancel()


async def test_d1_reading_acknowledged_inside_the_window_is_never_written(world: World) -> None:
    async with world.store() as store:
        buffer = Buffer(store, 1.0, world.say_safe, lambda: world.time)
        await buffer.open()
        buffer.add(reading(1))
        buffer.delivered(await next_batch(buffer))
        world.time += 100
        await buffer.flush()
        assert world.safe == {1: 1}
        assert "sequence" not in (await store.stock()).reserved


async def test_d1_reading_in_flight_is_written_too_when_the_window_ends(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1))
        batch = await next_batch(buffer)
        world.time += 0.5
        await buffer.flush()
        assert world.safe == {1: 1}
        assert await world.after_power_cut().stored() == [1]
        buffer.delivered(batch)
        assert (buffer.backlog, world.safe) == (0, {1: 1})


async def test_d1_reading_acknowledged_while_it_is_written_is_safe_once_and_deleted(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1))
        batch = await next_batch(buffer)
        world.time += 1
        writing = asyncio.create_task(buffer.flush())
        await asyncio.sleep(0)
        buffer.delivered(batch)
        await writing
        assert (world.safe, buffer.backlog) == ({1: 1}, 0)
        await buffer.close()
    assert await world.stored() == []


async def test_d1a_keep_has_record_session_and_join_on_disk_when_it_returns(world: World) -> None:
    joined, join = session(), Join(1, 2, 3, 4)
    async with world.buffer() as buffer:
        await buffer.keep([reading(1), event(2)], Changes(sessions=(joined,), joins=(join,)))
        assert world.safe == {1: 1, 2: 1}
        after = world.after_power_cut()
        async with after.store() as store:
            known = await store.load()
        assert (known.sessions, known.joins) == ((joined,), (join,))
        assert sorted(await after.stored()) == [1, 2]
        assert not (await next_batch(buffer)).historical


async def test_d1a_keep_is_all_or_nothing(world: World) -> None:
    bad = Join(1, 2, object(), 4)  # type: ignore[arg-type]  # no column takes it
    async with world.buffer() as buffer:
        with pytest.raises(StoreError):
            await buffer.keep([reading(1)], Changes(sessions=(session(),), joins=(bad,)))
        assert (buffer.backlog, world.safe) == (0, {})
        after = world.after_power_cut()
        assert await after.stored() == []
        async with after.store() as store:
            assert (await store.load()).sessions == ()


async def test_d1a_kept_record_is_known_although_keep_was_cancelled(world: World) -> None:
    async with world.buffer() as buffer:
        keeping = asyncio.create_task(buffer.keep([reading(1)], Changes()))
        await asyncio.sleep(0)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
        assert numbers(await next_batch(buffer)) == [1]
        assert world.safe == {1: 1}


async def test_d1b_session_of_unanswered_uplink_rides_with_the_next_commit(world: World) -> None:
    async with world.buffer() as buffer:
        changed = session()
        buffer.add(reading(1), changed)
        changed.f_cnt_up = 7
        buffer.delivered(await next_batch(buffer))
        await buffer.keep([], Changes())
        async with world.after_power_cut().store() as store:
            assert (await store.load()).sessions == (session(f_cnt_up=7),)


async def test_d1b_session_of_unanswered_uplink_is_written_after_60_s(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1))
        buffer.delivered(await next_batch(buffer))
        buffer.add(reading(2), session())
        buffer.delivered(await next_batch(buffer))
        for seconds, expected in ((59, ()), (1, (session(),))):
            world.time += seconds
            await buffer.flush()
            async with world.after_power_cut().store() as store:
                assert (await store.load()).sessions == expected


async def test_d1b_session_without_a_record_is_written_too(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.touch(session(f_cnt_up=5))
        await buffer.close()
    async with world.store() as store:
        assert (await store.load()).sessions == (session(f_cnt_up=5),)


async def test_d1b_ended_session_does_not_come_back(world: World) -> None:
    old, new = session(id_=b"old"), session(id_=b"new")
    async with world.buffer() as buffer:
        buffer.add(reading(1), old)
        await buffer.keep([], Changes(sessions=(new,), ended=((old.dev_eui, old.id),)))
        await buffer.close()
    async with world.store() as store:
        assert (await store.load()).sessions == (new,)


async def test_d2_record_comes_back_from_disk_as_it_went_in(world: World) -> None:
    records: list[Record] = [reading(1), reading(2, f_port=None, units={}), event(3)]
    async with world.buffer() as buffer:
        await buffer.keep(records, Changes())
    async with world.buffer() as buffer:
        batches = [await next_batch(buffer), await next_batch(buffer)]
    assert [record for batch in batches for record in batch.records] == records
    assert all(batch.historical for batch in batches)


async def test_d2_batch_numbers_rise_over_restarts(world: World) -> None:
    seen = []
    for run in range(3):
        async with world.buffer() as buffer:
            for number in range(BLOCK + 2 if run == 1 else 2):
                buffer.add(reading(number))
                seen.append((batch := await next_batch(buffer)).number)
                buffer.delivered(batch)
    assert seen == sorted(set(seen))


async def test_d2_sequence_numbers_are_not_used_again_when_the_table_was_empty(
    world: World,
) -> None:
    used: list[int] = []
    for number in range(3):
        async with world.store() as store:
            buffer = Buffer(store, 1.0, world.say_safe, lambda: world.time)
            await buffer.open()
            await buffer.keep([reading(number)], Changes())
            await store.read_segments(0, 9, lambda found: used.extend(s.first for s in found))
            await drain(buffer)
            await buffer.close()
            assert (await store.stock()).records == 0
    assert used == sorted(set(used))


async def test_d4_disk_fault_reaches_everyone_who_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with world.buffer() as buffer:
        with monkeypatch.context() as patch:
            patch.setattr(tables, "write", broken)
            buffer.add(reading(1), session())
            world.time += 1
            tasks = (buffer.run(), buffer.keep([reading(2)], Changes()), buffer.next_batch(1, 0))
            faults = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
            assert [type(fault) for fault in faults] == [StoreError] * 3
            assert "disk I/O error" in str(faults[0])
            assert (world.safe, buffer.backlog) == ({}, 1)
        await buffer.close()
    assert await world.stored() == [1]
    async with world.store() as store:
        assert (await store.load()).sessions == (session(),)


async def test_d5_undecoded_reading_is_stored_as_any_other(world: World) -> None:
    undecoded = reading(1, measurements={}, units={}, payload="00ff", error="no codec")
    async with world.buffer() as buffer:
        await buffer.keep([undecoded], Changes())
    async with world.buffer() as buffer:
        assert (await next_batch(buffer)).records == (undecoded,)


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


async def test_every_round_of_run_is_a_beat(world: World) -> None:
    beats = 0
    second = asyncio.Event()

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 2:
            second.set()

    async with world.buffer() as buffer:
        run = asyncio.create_task(buffer.run(beat))
        await asyncio.wait_for(second.wait(), 10)
        run.cancel()


async def test_live_goes_first_and_backlog_oldest_first(world: World) -> None:
    async with world.buffer() as buffer:
        for number in range(6):
            await buffer.keep([reading(number)], Changes())
    async with world.buffer() as buffer:
        buffer.add(reading(99))
        batches = [await next_batch(buffer, limit=4) for _ in range(3)]
        assert [numbers(batch) for batch in batches] == [[99], [0, 1, 2, 3], [4, 5]]
        assert [batch.historical for batch in batches] == [False, True, True]


async def test_backlog_does_not_starve_while_live_readings_linger(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(1)], Changes())
    async with world.buffer(window=10) as buffer:
        buffer.add(reading(2))
        assert numbers(await next_batch(buffer, limit=10, linger=1)) == [1]
        world.time += 1
        assert numbers(await next_batch(buffer, limit=10, linger=1)) == [2]


async def test_batch_goes_when_it_is_full_or_its_oldest_has_lingered(world: World) -> None:
    async with world.buffer(window=10) as buffer:
        buffer.add(reading(1))
        waiting = asyncio.create_task(buffer.next_batch(2, 3600))
        await asyncio.sleep(0)
        buffer.add(reading(2))
        assert numbers(await asyncio.wait_for(waiting, 10)) == [1, 2]
    async with world.store() as store:
        buffer = Buffer(store, 10, world.say_safe)
        await buffer.open()
        buffer.add(reading(3))
        assert numbers(await next_batch(buffer, 2, linger=0.02)) == [3]


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
        assert numbers(await next_batch(buffer)) == [1, 3]
        assert numbers(await next_batch(buffer)) == [2, 4]


async def test_returned_live_batch_goes_out_again_in_front(world: World) -> None:
    async with world.buffer() as buffer:
        for number in range(3):
            buffer.add(reading(number))
        first, second = await next_batch(buffer, 1), await next_batch(buffer, 1)
        buffer.returned(second)
        buffer.returned(first)
        again = await next_batch(buffer)
        assert (numbers(again), again.historical) == ([0, 1, 2], False)
        assert again.number > second.number


async def test_returned_batch_that_is_on_disk_is_left_to_the_backlog(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1))
        batch = await next_batch(buffer)
        world.time += 1
        await buffer.flush()
        buffer.returned(batch)
        again = await next_batch(buffer)
        assert (numbers(again), again.historical) == ([1], True)
        buffer.delivered(again)
        assert (buffer.backlog, world.safe) == (0, {1: 1})


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
                drained += numbers(batch)
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
            drained = numbers(batch) if batch else []
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
        batch = await asyncio.wait_for(reading_back, 10)
        buffer.delivered(batch)
        assert sorted(numbers(batch) + await drain(buffer)) == [0, 1, 2, 3]


def test_write_copies_session_values() -> None:
    changing = session(f_cnt_up=1)
    write = tables.Write.of(Changes(sessions=(changing,)))
    changing.f_cnt_up = 2
    assert 1 in write.sessions[0]
    assert 2 not in write.sessions[0]
