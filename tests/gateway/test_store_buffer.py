"""The contracts D1, D1a, D1b, D2, D4, D5 on real files."""

import asyncio
import sqlite3

import pytest
from patience import HUNG
from store_tools import World, drain, event, next_batch, numbers_of, reading, session

from gateway.errors import StoreError
from gateway.lorawan.session import Changes, Join
from gateway.records import Record
from gateway.store import tables
from gateway.store.buffer import Buffer
from gateway.store.numbers import BLOCK


async def test_d1_unacknowledged_reading_is_on_disk_within_the_window(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.buffer.COMMIT_TAKES", 2.0)  # of any card and machine
    loop = asyncio.get_running_loop()
    async with world.store() as store:
        buffer = Buffer(store, 3.0, world.say_safe)
        await buffer.open()
        run = asyncio.create_task(buffer.run())
        await asyncio.sleep(0)  # it waits, with nothing to do
        added = loop.time()
        buffer.add(reading(1))
        await world.safe_changed.wait()
        assert 1.0 - 0.01 <= loop.time() - added <= 3.0
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
        assert numbers_of(await next_batch(buffer)) == [1]
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


def test_write_copies_session_values() -> None:
    changing = session(f_cnt_up=1)
    write = tables.Write.of(Changes(sessions=(changing,)))
    changing.f_cnt_up = 2
    assert write.sessions[0].f_cnt_up == 1


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
            faults = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), HUNG)
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
        await asyncio.wait_for(second.wait(), HUNG)
        run.cancel()
