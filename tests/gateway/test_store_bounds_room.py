"""D3: a bound of the disk or of the file's size takes the oldest, but for what is in memory."""

import asyncio

from bounds_tools import DISK, START, at, batch_of, drained, keep, left_memory, many, missing
from store_tools import World

from gateway.lorawan.session import Changes
from gateway.records import Record
from gateway.store.bounds import MIB, Bounds
from gateway.store.database import Store
from gateway.store.giving_up import AGE_CHECK, GIVE_UP_STEPS, READ_RECORDS
from gateway.store.migrations import backup_path
from native.rfc3339 import rfc3339


def file_bytes(world: World) -> int:
    return sum(file.stat().st_size for file in world.path.parent.glob("kogge.db*"))


async def test_d3_disk_oldest_goes_first_is_counted_and_told(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(2000)))
    async with world.buffer(bounds=DISK) as buffer:
        world.free = 0
        await keep(buffer, at(5000, START))  # the disk was not known to be full
        await keep(buffer, at(5001, START))
        assert buffer.lost_records == 1024  # four segments: READ_RECORDS or a little more
        assert buffer.backlog == 2000 - 1024 + 1 + 2
        numbers, (told,) = await drained(buffer)
        assert numbers == [*range(1024, 2000), 5000, 5001]
        assert told.detail == {
            "from": rfc3339(START),
            "to": rfc3339(START + 1023),
            "count": 1024,
            "reason": "disk",
        }
        assert told.moment.at == world.wall


async def test_d3_disk_copies_of_before_an_upgrade_go_before_readings(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(2000)))
    copy = backup_path(world.path, 1)
    copy.touch()
    store = await Store.open(world.path, lambda _: 0 if copy.exists() else MIB + DISK.min_free)
    buffer = world.on(store, bounds=DISK)
    await buffer.open()
    await keep(buffer, at(5000, START))
    assert (copy.exists(), buffer.lost_records) == (False, 0)
    await store.close()


async def test_d3_disk_file_does_not_grow_while_others_fill_the_disk(world: World) -> None:
    async with world.buffer(bounds=DISK) as buffer:
        await keep(buffer, *many(range(10_000)))
        await left_memory(world, buffer)
        world.free = DISK.min_free
        room = buffer._store.room
        for number in range(10_000, 20_000, 250):
            await keep(buffer, *many(range(number, number + 250)))
            await left_memory(world, buffer)
    assert world.path.stat().st_size <= room.used + room.spare + 20_000
    async with world.buffer() as buffer:
        numbers, told = await drained(buffer)
    assert numbers[-1] == 19_999
    assert len(numbers) > 5000
    assert len(numbers) + missing(told) == 20_000


async def test_d3_disk_that_others_have_filled_is_seen_within_a_minute(world: World) -> None:
    async with world.buffer(bounds=DISK) as buffer:
        await keep(buffer, *many(range(1000)))
        await left_memory(world, buffer)
        world.free = 0
        world.time += AGE_CHECK
        await buffer.flush()
        await keep(buffer, at(1000, START))
        assert buffer.lost_records == 1000


async def test_d3_bytes_50_000_records_stay_below_the_bound(world: World) -> None:
    bounds = Bounds(max_bytes=3 * MIB)
    largest, commit = 0, 250
    async with world.buffer(bounds=bounds) as buffer:
        for number in range(0, 50_000, commit):
            for record in many(range(number, number + commit)):
                buffer.add(record)
            await left_memory(world, buffer)
            largest = max(largest, file_bytes(world))
        assert buffer.lost_records > 10_000
        numbers, told = await drained(buffer)
    assert largest <= bounds.max_bytes
    assert largest > 0.9 * bounds.max_bytes
    assert numbers[-1] == 49_999
    assert numbers == list(range(numbers[0], 50_000))
    assert len(numbers) + missing(told) == 50_000
    assert min(str(each.detail["from"]) for each in told) == rfc3339(START)
    assert max(str(each.detail["to"]) for each in told) == rfc3339(START + numbers[0] - 1)
    assert {each.detail["reason"] for each in told} == {"bytes"}


async def test_d3_newest_wins_even_if_the_bound_is_smaller_than_a_commit(world: World) -> None:
    async with world.buffer(bounds=Bounds(max_bytes=1)) as buffer:
        for number in range(5):
            await keep(buffer, at(number, START))
            assert world.safe[number] == 1
            await left_memory(world, buffer)
        assert (buffer.lost_records, buffer.backlog) == (4, 2)
        assert await world.after_power_cut().stored() == [-1, 4]
        numbers, told = await drained(buffer)
        assert (numbers, missing(told), len(told)) == ([4], 4, 1)


async def test_d3_bound_that_was_lowered_is_reached_in_steps(world: World) -> None:
    """No answer waits until a gigabyte has been deleted."""
    step = READ_RECORDS * GIVE_UP_STEPS
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(2 * step)))
    async with world.buffer(bounds=Bounds(max_bytes=1)) as buffer:
        await keep(buffer, at(99_999, START))
        assert step <= buffer.lost_records < 1.1 * step
        await keep(buffer, at(99_998, START))
        assert buffer.lost_records == 2 * step


async def test_d3_what_is_live_or_in_a_batch_is_not_given_up(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(500)))
    world.free = 0
    async with world.buffer(bounds=DISK) as buffer:
        out = await batch_of(buffer, 100)
        live = at(1000, START)
        buffer.add(live)
        await keep(buffer, at(1001, START))
        await keep(buffer, at(1002, START))
        assert buffer.lost_records == 500 - 256  # the first segment is out in part
        buffer.delivered(out)
        numbers, told = await drained(buffer)
        assert numbers == [*range(100, 256), 1000, 1001, 1002]
        assert missing(told) == 500 - 256
        await buffer.close()
    assert await world.stored() == []


async def test_d3_returned_batch_is_among_the_backlog_and_goes_when_its_turn_comes(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(500)))
    world.free = 0
    async with world.buffer(bounds=DISK) as buffer:
        out, more = await batch_of(buffer, 100), await batch_of(buffer, 300)
        await keep(buffer, at(1000, START))
        assert buffer.lost_records == 0
        buffer.delivered(more)
        buffer.returned(out)
        await left_memory(world, buffer)
        await keep(buffer, at(1001, START))
        assert buffer.lost_records == 500 - 300 + 1
        numbers, (told,) = await drained(buffer)
        assert numbers == [1001]
        assert missing([told]) == 500 - 300 + 1
        assert told.detail["to"] == rfc3339(START + 499)


async def test_d3_delivered_segment_makes_room_and_is_no_loss(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(2000)))
    async with world.buffer(bounds=DISK) as buffer:
        for _ in range(3):
            buffer.delivered(await batch_of(buffer, 256))
        world.free = 0
        await buffer.keep([], Changes())
        await keep(buffer, at(5000, START))
        assert buffer.lost_records == 0


async def test_d3_keep_that_needs_little_does_not_overtake_one_that_waits_for_room(
    world: World,
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(3000)))
    async with world.buffer() as buffer:
        room = buffer._store.room
        buffer._giving_up._bounds = Bounds(max_bytes=room.used + MIB + MIB // 4 + 30_000)
        assert buffer._giving_up._bounds.exceeded(room, 1) is None
        assert buffer._giving_up._bounds.exceeded(room, 600) == "bytes"
        ended: list[str] = []

        async def kept(name: str, *records: Record) -> None:
            await keep(buffer, *records)
            ended.append(name)

        await asyncio.gather(kept("much", *many(range(3000, 3600))), kept("nothing"))
        assert ended == ["much", "nothing"]
        assert buffer.lost_records > 0
