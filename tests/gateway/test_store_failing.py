"""D1c: the disk refuses, what comes in goes on from memory, and the disk has it when it is back."""

import asyncio
import sqlite3
import threading
from contextlib import closing, suppress

import pytest
from bounds_tools import drained
from patience import HUNG
from sick_disk import doubted, sick
from store_tools import World, drain, event, next_batch, numbers_of, reading, session

from gateway.errors import DiskFault, StoreError
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.order import Order, Queued
from gateway.lorawan.session import Changes, Join
from gateway.records import Reading
from gateway.replay import Command, Span
from gateway.store import tables, unwritten
from gateway.store.buffer import Buffer
from gateway.store.numbers import BLOCK

FAULTS = [
    (sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error", "see dmesg"),
    (sqlite3.SQLITE_FULL, "database or disk is full", "make room"),
    (sqlite3.SQLITE_READONLY, "attempt to write a readonly database", "remount,rw"),
    (sqlite3.SQLITE_CANTOPEN, "unable to open database file", "see dmesg"),
    (sqlite3.SQLITE_CORRUPT, "database disk image is malformed", "see dmesg"),
]


async def fail(buffer: Buffer, world: World) -> None:
    """The disk is found to be sick."""
    world.time += 1
    with suppress(DiskFault):
        await buffer.flush()
    assert not await buffer.keep([], Changes())
    assert buffer.failing


@pytest.mark.parametrize(("code", "words", "advice"), FAULTS)
async def test_d1c_readings_go_on_from_memory_and_are_on_the_disk_when_it_is_back(
    world: World, code: int, words: str, advice: str
) -> None:
    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        buffer.add(reading(1))
        with sick(code, words):
            await fail(buffer, world)
            assert words in str(store.fault)
            assert advice in str(store.fault)
            buffer.add(reading(2))
            buffer.delivered(await next_batch(buffer, limit=1))
            assert (world.safe, buffer.backlog, buffer.memory_records) == ({2: 1}, 1, 1)
            with pytest.raises(DiskFault):
                await buffer.restore(Changes)
        await buffer.restore(Changes)
        assert not buffer.failing
        assert await world.after_power_cut().stored() == [1]
        assert world.safe == {1: 1, 2: 1}


async def test_d1c_what_was_on_the_disk_before_waits_for_it(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(5)], Changes())
    async with world.buffer() as buffer:
        with sick():
            await fail(buffer, world)
            assert (buffer.backlog, buffer.rests) == (5, True)
            waiting = asyncio.create_task(buffer.next_batch(10, 0))
            await asyncio.sleep(0)
            buffer.add(reading(9))
            assert not buffer.rests
            batch = await waiting
            assert numbers_of(batch) == [9]
            buffer.delivered(batch)
        await buffer.restore(Changes)
        assert await drain(buffer) == [0, 1, 2, 3, 4]


async def test_d1c_a_waiting_forwarder_goes_on_with_the_backlog_when_the_disk_is_back(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(1)], Changes())
    async with world.buffer() as buffer:
        with sick():
            await fail(buffer, world)
            waiting = asyncio.create_task(next_batch(buffer))
            await asyncio.sleep(0)
        await buffer.restore(Changes)
        assert numbers_of(await waiting) == [1]


async def test_d1c_what_is_answered_is_owed_to_the_disk_with_all_its_changes(world: World) -> None:
    joined, downlink = session(f_cnt_up=7), Queued(1, Order("c", 1, 1, b"x"))
    join, first, rejoined = Join(1, 2, 3, 4), session(2), session(3)
    async with world.buffer() as buffer:
        assert await buffer.keep([], Changes((first,)))
        with sick():
            assert not await buffer.keep([reading(1)], Changes((joined,), joins=(join,)))
            assert not await buffer.keep([], Changes(downlinks=(downlink,)))
            assert not await buffer.keep([], Changes((rejoined,), ended=((2, first.id),)))
            joined.f_cnt_up = 8
        await buffer.restore(Changes)
        async with world.after_power_cut().store() as store:
            known = await store.load()
    assert known.sessions == (session(f_cnt_up=8), rejoined)
    assert (known.joins, known.downlinks) == ((join,), (downlink,))


async def test_d1c_a_session_that_ended_while_the_disk_was_dead_does_not_come_back(
    world: World,
) -> None:
    gone = session(1)
    async with world.buffer() as buffer:
        with sick():
            await buffer.keep([], Changes((gone,)))
            buffer.touch(gone)
            await buffer.keep([], Changes(ended=((1, gone.id),)))
        await buffer.restore(Changes)
        async with world.after_power_cut().store() as store:
            assert (await store.load()).sessions == ()


async def test_d1c_what_tells_of_a_change_is_told_with_it_and_not_before(world: World) -> None:
    async with world.buffer() as buffer:
        with sick():
            await buffer.keep([reading(1), event(2)], Changes((session(),)))
            await buffer.keep([event(3)], Changes())
            assert [numbers_of(await next_batch(buffer)), numbers_of(await next_batch(buffer))] == [
                [1],
                [3],
            ]
            assert (buffer.backlog, buffer.memory_records) == (2, 3)
        await buffer.restore(Changes)
        assert sorted(await world.after_power_cut().stored()) == [1, 2, 3]
        assert numbers_of(await next_batch(buffer)) == [2]


async def test_d1c_a_command_that_has_to_be_remembered_is_refused(world: World) -> None:
    replay = Command("c", "replay", Span(0, 1), done=False)
    async with world.buffer() as buffer:
        with sick():
            with pytest.raises(DiskFault):
                await buffer.keep([], Changes(), [replay])
            assert not await buffer.keep([event(1)], Changes(), [Command("d", "config")])
            assert numbers_of(await next_batch(buffer)) == [1]
            assert not buffer.replays.knows("c")
        await buffer.restore(Changes)


async def test_d1c_an_answer_waits_for_the_broker_s_word_on_its_reading(world: World) -> None:
    async with world.buffer() as buffer:
        with sick():
            await buffer.keep([reading(1)], Changes((session(),)))
            waiting = asyncio.create_task(buffer.safe(lambda record: record == reading(1)))
            batch = await next_batch(buffer)
            await asyncio.sleep(0)
            assert not waiting.done()
            buffer.delivered(batch)
            assert await waiting
            assert await buffer.safe(lambda record: record == reading(1))  # it is, by now
        await buffer.restore(Changes)


async def test_d1c_an_answer_may_leave_when_the_disk_was_faster_than_the_broker(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        with sick():
            await buffer.keep([reading(1)], Changes((session(),)))
            waiting = asyncio.create_task(buffer.safe(lambda record: record == reading(1)))
            await asyncio.sleep(0)
        await buffer.restore(Changes)
        assert await asyncio.wait_for(waiting, HUNG)


async def test_d1c_no_downlink_counter_counts_as_reserved_before_it_is_on_disk(
    world: World,
) -> None:
    one = session()
    async with world.buffer() as buffer:
        one.take_f_cnt_down()
        assert await buffer.keep([], Changes((one,)))
        assert one.is_within_reserved
        with sick():
            while one.f_cnt_down < one.reserved_on_disk[0]:
                one.take_f_cnt_down()
                assert not await buffer.keep([], Changes((one,)))
                assert one.is_within_reserved
            one.take_f_cnt_down()
            assert not await buffer.keep([], Changes((one,)))
            assert not one.is_within_reserved
        await buffer.restore(Changes)
        assert one.is_within_reserved
        async with world.after_power_cut().store() as store:
            (found,) = (await store.load()).sessions
        assert found.f_cnt_down_reserved >= one.f_cnt_down
        assert found.reserved_on_disk == (found.f_cnt_down_reserved, 0)


async def test_d1c_memory_is_bounded_and_what_it_has_no_room_for_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwritten, "MOST", 100)
    monkeypatch.setattr("gateway.store.taking_in.GIVEN_UP", 10)
    async with world.buffer() as buffer:
        with sick():
            await fail(buffer, world)
            batch = None
            for number in range(1000):
                buffer.add(reading(number))
                assert buffer.memory_records <= 101
                if number == 50:
                    batch = await next_batch(buffer, limit=5)
            assert batch is not None
            buffer.returned(batch)
        await buffer.restore(Changes)
        lost = buffer.lost_records
        numbers, told = await drained(buffer)
    assert numbers[:5] == numbers_of(batch)
    assert numbers[5:] == list(range(1000 - len(numbers) + 5, 1000))
    assert lost == 1000 - len(numbers)
    assert sum(int(gap.detail["count"] or 0) for gap in told) == lost
    assert {gap.detail["reason"] for gap in told} == {"disk"}
    assert len(told) <= 11


async def test_d1c_batch_numbers_go_on_in_memory_and_are_reserved_when_the_disk_is_back(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        with sick():
            await fail(buffer, world)
            numbers = []
            for number in range(2 * BLOCK):
                buffer.add(reading(number))
                batch = await next_batch(buffer)
                numbers.append(batch.number)
                buffer.delivered(batch)
        assert numbers == sorted(set(numbers))
        await buffer.restore(Changes)
        async with world.after_power_cut().store() as store:
            assert (await store.stock()).reserved["batch"] > numbers[-1]


async def test_d1c_airtime_and_notes_are_kept_in_memory_and_written_first(world: World) -> None:
    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        with sick():
            await store.spend(Spent(868_000_000, 100, 1.0))
            await store.spend(Spent(868_000_000, 200, 2.0))
            await store.spend(Spent(869_400_000, 5, None))
            await store.remember("eui", "1")
        await buffer.restore(Changes)
        async with world.after_power_cut().store() as found:
            assert set((await found.load()).airtime) == {
                Spent(868_000_000, 200, 2.0),
                Spent(869_400_000, 5, None),
            }
            assert await found.recall("eui") == "1"


async def test_d1c_what_comes_while_the_disk_is_being_opened_anew_is_written_with_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = Spent(868_000_000, 100, 1.0), Spent(869_400_000, 5, 1.0)
    begun, may_go_on, write = threading.Event(), threading.Event(), tables.write

    def slow(connection: sqlite3.Connection, writes: list[tables.Write]) -> None:
        begun.set()
        assert may_go_on.wait(30)
        write(connection, writes)

    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        with sick():
            await store.spend(early)
        monkeypatch.setattr(tables, "write", slow)
        restoring = asyncio.create_task(buffer.restore(Changes))
        await asyncio.to_thread(begun.wait, 30)
        await store.spend(late)
        may_go_on.set()
        await restoring
        await store.remember("eui", "1")
        async with world.after_power_cut().store() as found:
            assert set((await found.load()).airtime) == {early, late}


async def test_d1c_a_commit_that_was_not_believed_but_stands_loses_and_hides_nothing(
    world: World,
) -> None:
    """After an fsync that failed nobody knows: here it did reach the disk."""
    async with world.buffer() as buffer:
        await buffer.keep([reading(1)], Changes())
        buffer.add(reading(2))
        world.time += 1
        with doubted(), pytest.raises(DiskFault):
            await buffer.flush()
        await buffer.restore(Changes)
        numbers = await drain(buffer)
        assert sorted(numbers) == [1, 2]
        await buffer.close()
    assert await world.stored() == []


async def test_d1c_what_is_parked_is_not_told_to_be_lost(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(3)], Changes())
        buffer.park(await next_batch(buffer, limit=1))
        with sick():
            await fail(buffer, world)
        await buffer.restore(Changes)
        assert (buffer.lost_records, buffer.backlog, buffer.parked) == (0, 3, 1)


async def test_d1c_what_is_parked_is_written_again_where_the_disk_has_lost_it(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(1)], Changes())
        buffer.park(await next_batch(buffer))
        with sick():
            await fail(buffer, world)
        with closing(sqlite3.connect(world.path)) as connection:
            connection.execute("DELETE FROM segment")
            connection.commit()
        await buffer.restore(Changes)
        assert (buffer.lost_records, buffer.backlog, buffer.parked) == (0, 1, 1)
        assert await world.after_power_cut().stored() == [1]


async def test_d1c_run_goes_on_over_a_fault_and_beats(world: World) -> None:
    async with world.buffer(window=0.2) as buffer:
        beats = []
        run = asyncio.create_task(buffer.run(lambda: beats.append(1)))
        with sick():
            buffer.add(reading(1))
            world.time += 1
            buffer.add(reading(2))
            while not buffer.failing:
                await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert not run.done()
        await buffer.restore(Changes)
        world.safe_changed.clear()
        buffer.add(reading(3))
        world.time += 1
        buffer.add(reading(4))
        await asyncio.wait_for(world.safe_changed.wait(), HUNG)
        assert beats
        run.cancel()


async def test_faults_of_our_own_are_no_disk_that_refuses(world: World) -> None:
    bad = Join(1, 2, object(), 4)  # type: ignore[arg-type]  # no column takes it
    async with world.buffer() as buffer:
        with pytest.raises(StoreError) as raised:
            await buffer.keep([], Changes(joins=(bad,)))
        assert not isinstance(raised.value, DiskFault)
        assert not buffer.failing


async def test_close_says_that_what_memory_had_is_lost(world: World) -> None:
    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        with sick():
            await buffer.keep([reading(1), reading(2)], Changes())
            with pytest.raises(StoreError, match=r"2 records .* are lost"):
                await buffer.close()
        await buffer.restore(Changes)


async def test_undecoded_reading_that_memory_has_can_still_be_replaced(world: World) -> None:
    raw = reading(1, undecoded=True)
    async with world.buffer() as buffer:
        with sick():
            await buffer.keep([raw], Changes((session(),)))
            buffer.replace(reading(1))
            (record,) = (await next_batch(buffer)).records
            assert isinstance(record, Reading)
            assert not record.undecoded
        await buffer.restore(Changes)
