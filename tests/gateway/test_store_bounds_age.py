"""D3: what is too old is given up, by no clock but one that can be trusted."""

import asyncio
from contextlib import suppress

import pytest
from bounds_tools import DISK, MONTH, START, at, drained, keep, left_memory, many, missing
from store_tools import MOMENT, World

from gateway.records import Moment
from gateway.store.bounds import DAY, MARK
from gateway.store.giving_up import AGE_CHECK, GIVE_UP_STEPS, READ_RECORDS
from native.rfc3339 import rfc3339


async def test_d3_age_what_is_older_is_given_up_and_the_younger_stays(world: World) -> None:
    async with world.buffer(bounds=MONTH) as buffer:
        await keep(buffer, at(1, START), at(2, START + 60))
        await keep(buffer, at(3, START + 2 * DAY))
    async with world.buffer(bounds=MONTH) as buffer:
        await left_memory(world, buffer)
        assert buffer.lost_records == 0
        world.wall, world.time = START + 31 * DAY, world.time + AGE_CHECK
        await buffer.flush()
        assert (buffer.lost_records, buffer.backlog) == (2, 2)
        numbers, (told,) = await drained(buffer)
        assert numbers == [3]
        assert told.detail == {
            "from": rfc3339(START),
            "to": rfc3339(START + 60),
            "count": 2,
            "reason": "age",
        }


async def test_d3_age_is_judged_soon_after_the_start_and_all_that_is_aged_goes(
    world: World,
) -> None:
    aged = 2 * READ_RECORDS * GIVE_UP_STEPS
    async with world.buffer() as buffer:
        await keep(buffer, *[at(number, START) for number in range(aged)])
    world.wall = START + 31 * DAY
    async with world.buffer(bounds=MONTH) as buffer:
        run = asyncio.create_task(buffer.run())
        while buffer.lost_records < aged:
            await world.safe_changed.wait()  # the next gap event is on disk
            world.safe_changed.clear()
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def test_d3_age_of_unknown_time_is_not_judged(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, at(1, None))
        await keep(buffer, at(2, START))
    async with world.buffer(bounds=MONTH) as buffer:
        world.time += AGE_CHECK
        world.wall = None
        await buffer.flush()
        assert buffer.lost_records == 0
        world.time += AGE_CHECK
        world.wall = START + 29 * DAY
        await buffer.flush()
        assert buffer.lost_records == 0


async def test_d3_age_clock_that_steps_ahead_gives_up_nothing_of_this_run(world: World) -> None:
    async with world.buffer(bounds=MONTH) as buffer:
        await keep(buffer, *many(range(10)))
        await left_memory(world, buffer)
        world.wall, world.time = START + 3650 * DAY, world.time + AGE_CHECK
        await buffer.flush()
        assert (buffer.lost_records, buffer.backlog) == (0, 10)


@pytest.mark.parametrize("wall", [START, None])
async def test_d3_age_of_what_this_run_has_stored_is_monotonic(
    world: World, wall: float | None
) -> None:
    world.wall = wall
    async with world.buffer(bounds=MONTH) as buffer:
        begin = world.time
        await keep(buffer, at(1, wall))
        await left_memory(world, buffer)
        world.time = begin + MARK
        await buffer.flush()
        await keep(buffer, at(2, wall))
        world.time = begin + MARK + 30 * DAY - 1
        await buffer.flush()
        await buffer.flush()
        assert (buffer.lost_records, buffer.backlog) == (0, 2)
        world.time = begin + MARK + 30 * DAY + AGE_CHECK
        await buffer.flush()
        numbers, (told,) = await drained(buffer)
        assert (numbers, told.detail["count"], told.detail["reason"]) == ([2], 1, "age")


async def test_d3_age_of_a_battery_backed_clock_is_not_judged(world: World) -> None:
    """Its battery is dead: it begins in 1970, and one day the network tells the time."""
    async with world.buffer() as buffer:
        await keep(buffer, at(1, 60.0, quality="rtc"))
    async with world.buffer(bounds=MONTH) as buffer:
        world.time += AGE_CHECK
        await buffer.flush()
        assert (buffer.lost_records, buffer.backlog) == (0, 1)


def test_d3_age_is_not_judged_by_a_battery_backed_clock() -> None:
    assert MONTH.aged(MOMENT) == START - 30 * DAY
    assert MONTH.aged(Moment(START, "rtc", "boot", 0.0)) is None


async def test_d3_age_what_came_before_an_aged_one_is_aged_and_dated_if_it_can_be(
    world: World,
) -> None:
    async with world.buffer(bounds=MONTH) as buffer:
        await keep(buffer, at(1, None, boot="before"))
        await keep(buffer, at(2, START))
        await keep(buffer, at(3, None, boot="before"))
    async with world.buffer(bounds=MONTH) as buffer:
        world.time += AGE_CHECK
        world.wall = START + 31 * DAY
        await buffer.flush()
        numbers, (told,) = await drained(buffer)
        await buffer.close()
    assert (numbers, missing([told])) == ([3], 2)
    assert (told.detail["from"], told.detail["to"]) == (rfc3339(START), rfc3339(START))
    async with world.buffer(bounds=DISK) as buffer:
        world.free = 0
        world.time = 112.5
        await keep(buffer, at(4, None))
        await left_memory(world, buffer)
        await keep(buffer, at(5, None))
        numbers, (told,) = await drained(buffer)
    assert (numbers, told.detail["from"]) == ([5], rfc3339(world.wall - 101))
