"""The buffer's third lane: what the city wants once more."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from archive_tools import ALL, START, WEEK, deliver, order, replayed, timed, until_answered
from messages import EUI, check
from sick_disk import sick
from store_tools import World, next_batch, number_of, numbers_of

from gateway.errors import DiskFault
from gateway.lorawan import correlations
from gateway.lorawan.session import Changes
from gateway.northbound.formats import json as wire
from gateway.replay import Command, Span
from gateway.store import commands
from gateway.store.archive import BLOCK_READINGS
from gateway.store.bounds import Bounds
from gateway.store.buffer import Buffer
from gateway.store.replays import SAVE_SECONDS

REMEMBERED = 10


async def in_blocks(buffer: Buffer, count: int, size: int = 10) -> None:
    """So many blocks of so many readings, on disk."""
    for first in range(0, count * size, size):
        await deliver(buffer, *map(timed, range(first, first + size)))
        buffer.archive.ripen()
        await buffer.flush()


async def read_all(buffer: Buffer) -> None:
    while buffer.replays.is_hungry(10_000):
        await buffer.replays.read()


async def test_replay_is_of_one_device_and_of_its_span(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, *(timed(n, device=n % 2) for n in range(20)))
        span = Span(START + 4, START + 10, f"{1:016x}")
        assert await replayed(buffer, span) == [5, 7, 9]
        assert await replayed(buffer, Span(START + 4, START + 6), "all") == [4, 5]
        assert await replayed(buffer, Span(START + 400, START + 600), "none") == []


async def test_live_and_backlog_go_before_what_is_replayed(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, timed(1))
        await order(buffer, "again")
        await buffer.keep([timed(2)], Changes())
        world.time += 10
        await buffer.flush()
        buffer.add(timed(3))
        batches = [await next_batch(buffer) for _ in range(3)]
        assert list(map(numbers_of, batches)) == [[3], [2], [1]]
        assert [batch.replayed for batch in batches] == [False, False, True]
        assert [batch.historical for batch in batches] == [False, True, True]
        assert batches[0].number < batches[1].number < batches[2].number
        for batch in batches:
            buffer.delivered(batch)


async def test_what_is_archived_after_a_replay_began_is_not_in_it(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 3)
        await order(buffer, "again")
        first = await next_batch(buffer, 5)
        await deliver(buffer, *map(timed, range(100, 120)))
        buffer.archive.ripen()
        await buffer.flush()
        buffer.delivered(first)
        numbers, _ = await until_answered(buffer)
        assert sorted(numbers_of(first) + numbers) == list(range(30))


async def test_replays_come_one_after_the_other_each_with_its_answer(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 2)
        await order(buffer, "a", Span(START, START + 3))
        await order(buffer, "b", Span(START + 12, START + 15))
        assert len(buffer.replays) == 2
        numbers, answers = await until_answered(buffer, 2)
        assert numbers == [0, 1, 2, 12, 13, 14]
        assert [answer.detail for answer in answers] == [
            {
                "command": "replay",
                "correlation": name,
                "status": "OK",
                "reason": "3 readings",
                "count": 3,
            }
            for name in "ab"
        ]


async def test_reading_that_is_refused_for_good_is_not_counted_as_replayed(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 2)
        await order(buffer, "again")
        buffer.delivered(await next_batch(buffer, 3))
        buffer.park(await next_batch(buffer, 1))
        buffer.delivered(await next_batch(buffer, 6))
        world.time += SAVE_SECONDS
        await buffer.flush()
        after = world.after_power_cut()
    async with after.buffer(archive=WEEK) as buffer:
        buffer.park(await next_batch(buffer, 1))
        numbers, (answer,) = await until_answered(buffer)
        assert (numbers, buffer.parked) == (list(range(11, 20)), 0)
        reason = "18 readings; 2 more the broker refused for good"
        assert {**answer.detail, "count": 18, "refused": 2, "reason": reason} == answer.detail
        check("events", wire.events(EUI, [answer], lambda moment: moment))
        assert await replayed(buffer, correlation="after a change") == list(range(20))


async def test_correlation_is_known_while_it_waits_and_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (correlations, commands):
        monkeypatch.setattr(module, "REMEMBERED", REMEMBERED)
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 1)
        assert not buffer.replays.knows("again")
        await order(buffer, "again")
        assert buffer.replays.knows("again")
        await until_answered(buffer)
        await buffer.close()
    async with world.buffer(archive=WEEK) as buffer:
        assert buffer.replays.knows("again")
        assert len(buffer.replays) == 0
        for number in range(2 * REMEMBERED):
            await buffer.keep([], Changes(), [Command(str(number), "log_level")])
        assert not buffer.replays.knows("again")
        assert buffer.replays.knows("0")
    async with world.buffer(archive=WEEK) as buffer:
        assert not buffer.replays.knows("0")
        assert buffer.replays.knows(str(REMEMBERED))


async def test_correlation_is_known_from_the_moment_its_commit_begins(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        taking = asyncio.create_task(order(buffer, "again"))
        await asyncio.sleep(0)
        assert buffer.replays.knows("again")
        assert len(buffer.replays) == 0
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await buffer.keep([], Changes())
        assert len(buffer.replays) == 1
        await until_answered(buffer)


async def test_replay_goes_on_after_a_power_cut_where_it_stood(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 5)
        await order(buffer, "again")
        for _ in range(3):
            buffer.delivered(await next_batch(buffer, 10))
        world.time += SAVE_SECONDS
        await buffer.flush()
        buffer.delivered(await next_batch(buffer, 10))
        after = world.after_power_cut()
    async with after.buffer(archive=WEEK) as buffer:
        assert len(buffer.replays) == 1
        numbers, (answer,) = await until_answered(buffer)
    assert numbers == list(range(30, 50))
    assert answer.detail["count"] == 50


async def test_replay_goes_on_after_a_stop_with_nothing_twice(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 3)
        await order(buffer, "again")
        buffer.delivered(await next_batch(buffer, 10))
        buffer.returned(await next_batch(buffer, 10))
        await buffer.close()
    async with world.buffer(archive=WEEK) as buffer:
        numbers, (answer,) = await until_answered(buffer)
    assert (numbers, answer.detail["count"]) == (list(range(10, 30)), 30)


async def test_returned_batch_goes_out_again_and_counts_once(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 2)
        await order(buffer, "again")
        first, second = await next_batch(buffer, 8), await next_batch(buffer, 8)
        buffer.returned(second)
        buffer.returned(first)
        numbers, (answer,) = await until_answered(buffer)
    assert numbers == list(range(20))
    assert answer.detail["count"] == 20


async def test_batches_may_be_acknowledged_in_any_order(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 3)
        await order(buffer, "again")
        batches = [await next_batch(buffer, 7) for _ in range(5)]
        await read_all(buffer)
        for batch in reversed(batches[1:]):
            buffer.delivered(batch)
        assert buffer.replays.news()[0].cursor == 0
        buffer.delivered(batches[0])
        numbers, (answer,) = await until_answered(buffer)
    assert (numbers, answer.detail["count"]) == ([], 30)


async def test_damaged_block_is_passed_over_counted_and_told(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 3)
        await buffer.close()
    with closing(sqlite3.connect(world.path)) as card, card:
        ((number, blob),) = card.execute(
            "SELECT number, readings FROM archive_block ORDER BY number LIMIT 1 OFFSET 1"
        ).fetchall()
        flipped = bytearray(blob)
        flipped[len(blob) // 2] ^= 1
        card.execute("UPDATE archive_block SET readings = ? WHERE number = ?", (flipped, number))
    async with world.buffer(archive=WEEK) as buffer:
        await order(buffer, "again")
        numbers, (answer,) = await until_answered(buffer)
        assert buffer.replays.damaged == 10
    assert numbers == [*range(10), *range(20, 30)]
    assert answer.detail["count"] == 20
    assert answer.detail["reason"] == (
        "20 readings; 10 more cannot be read: their part of the archive is damaged"
    )


async def test_block_that_is_pruned_meanwhile_is_left_out(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 12)
        await order(buffer, "again")
        first = await next_batch(buffer, 10)
        assert buffer.archive.give_up()
        buffer.delivered(first)
        numbers, (answer,) = await until_answered(buffer)
    assert numbers == list(range(40, 120))
    assert (answer.detail["count"], answer.detail["reason"]) == (90, "90 readings")


async def test_memory_holds_less_than_a_batch_and_a_block(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 4, BLOCK_READINGS)
        await order(buffer, "again")
        most = found = 0
        while found < 4 * BLOCK_READINGS:
            batch = await next_batch(buffer, 100)
            most = max(most, len(buffer.replays._lane) + len(batch.records))
            found += len(batch.records)
            buffer.delivered(batch)
        assert most < BLOCK_READINGS + 100
        await until_answered(buffer)


async def test_cancelled_reading_of_a_block_is_done_again(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 3)
        await order(buffer, "again")
        for steps in range(6):
            asking = asyncio.create_task(buffer.next_batch(100, 0))
            for _ in range(steps):
                await asyncio.sleep(0)
            asking.cancel()
            (result,) = await asyncio.gather(asking, return_exceptions=True)
            if not isinstance(result, BaseException):
                buffer.returned(result)
        numbers, _ = await until_answered(buffer)
    assert numbers == list(range(30))


@pytest.mark.parametrize("device", [None, f"{1:016x}"])
async def test_replay_of_an_empty_archive_is_answered(world: World, device: str | None) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        assert await replayed(buffer, Span(0.0, 1.0, device)) == []


async def test_answer_comes_from_a_running_buffer_alone(world: World) -> None:
    """`run` saves, nobody else has to ask for it."""
    async with world.buffer(archive=WEEK) as buffer:
        await in_blocks(buffer, 1)
        running = asyncio.create_task(buffer.run())
        await order(buffer, "again", ALL)
        batch = await next_batch(buffer)
        assert list(map(number_of, batch.records)) == list(range(10))
        buffer.delivered(batch)
        answer = await next_batch(buffer)
        assert answer.records[0].detail["count"] == 10  # type: ignore[union-attr]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_answer_comes_though_the_disk_refused_when_there_was_no_room_for_it(
    world: World,
) -> None:
    async with world.store() as store:
        buffer = world.on(store, bounds=Bounds(min_free=1000), archive=WEEK)
        await buffer.open()
        await in_blocks(buffer, 1)
        await order(buffer, "again")
        await buffer.flush()
        buffer.delivered(await next_batch(buffer))
        await read_all(buffer)
        world.free, world.time = 0, world.time + SAVE_SECONDS
        await store.measure()
        with sick(), pytest.raises(DiskFault):
            await buffer.flush()
        world.free = 1 << 40
        await buffer.restore(Changes)
        world.time += SAVE_SECONDS
        await buffer.flush()
        assert len(buffer.replays) == 0
