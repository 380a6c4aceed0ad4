"""What is refused for good is kept and out of the way; whose turn the backlog's is."""

import asyncio
import math

from bounds_tools import MONTH, START, at, keep
from patience import HUNG
from store_tools import World, drain, next_batch, numbers_of, reading

from gateway.lorawan.session import Changes
from gateway.store.bounds import DAY
from gateway.store.buffer import Buffer
from gateway.store.giving_up import AGE_CHECK


async def parked(buffer: Buffer, count: int = 1) -> None:
    for _ in range(count):
        buffer.park(await next_batch(buffer, 1))


async def test_parked_record_holds_nobody_up_and_is_handed_out_by_the_next_run(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(3)], Changes())
        await parked(buffer)
        assert (buffer.parked, buffer.backlog) == (1, 3)
        assert numbers_of(await next_batch(buffer)) == [1, 2]
    assert 0 in await world.after_power_cut().stored()
    assert await world.stored() == [0, 1, 2]


async def test_parked_live_record_is_written_within_its_window(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1))
        await parked(buffer)
        assert world.safe == {}
        world.time += 0.5
        await buffer.flush()
        assert world.safe == {1: 1}
        world.time += 60
        await buffer.flush()
        assert (buffer.parked, buffer.backlog) == (1, 1)
    assert await world.stored() == [1]


async def test_parked_records_are_given_up_like_all_others(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, at(1, START), at(2, START))
    async with world.buffer(bounds=MONTH) as buffer:
        await parked(buffer, 2)
        world.wall, world.time = START + 31 * DAY, world.time + AGE_CHECK
        await buffer.flush()
        assert (buffer.lost_records, buffer.parked) == (2, 0)


async def test_parked_records_go_out_again_when_asked_to(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(4)], Changes())
        await parked(buffer, 2)
        buffer.add(reading(4))
        assert buffer.retry_parked() == 2
        assert buffer.parked == 0
        assert sorted(await drain(buffer)) == [0, 1, 2, 3, 4]


# turns


async def late(world: World, count: int) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([reading(n) for n in range(count)], Changes())


async def test_backlog_waits_its_turn_and_live_records_do_not(world: World) -> None:
    await late(world, 3)
    turn = math.inf
    async with world.buffer() as buffer:
        asking = asyncio.create_task(buffer.next_batch(1, 0, backlog_wait=lambda: turn))
        for number in (10, 11):
            buffer.add(reading(number))
            batch = await asyncio.wait_for(asking, HUNG)
            assert (numbers_of(batch), batch.historical) == ([number], False)
            asking = asyncio.create_task(buffer.next_batch(1, 0, backlog_wait=lambda: turn))
        await asyncio.sleep(0)
        turn = 0.0
        buffer.delivered(batch)  # what comes back may give the backlog its turn
        found = await asyncio.wait_for(asking, HUNG)
        assert (numbers_of(found), found.historical) == ([0], True)


async def test_in_order_live_records_wait_for_the_backlog(world: World) -> None:
    await late(world, 3)
    async with world.buffer() as buffer:
        buffer.add(reading(10))
        found: list[int] = []
        while len(found) < 4:
            batch = await asyncio.wait_for(buffer.next_batch(2, 0, in_order=True), HUNG)
            found += numbers_of(batch)
            buffer.delivered(batch)
        assert found == [0, 1, 2, 10]
