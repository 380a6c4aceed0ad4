"""The disk is back: what it has is not always what was believed, and the city hears of it once."""

import sqlite3
from contextlib import closing

import pytest
from archive_tools import WEEK, deliver, order, timed, until_answered
from bounds_tools import MONTH, START, at, drained, gaps, keep, left_memory, missing
from sick_disk import doubted, sick
from store_tools import World, next_batch, numbers_of, reading

from gateway.errors import DiskFault
from gateway.lorawan.session import Changes
from gateway.replay import Command, Span
from gateway.store.bounds import DAY
from gateway.store.buffer import Buffer


def behind_its_back(world: World, sql: str) -> None:
    with closing(sqlite3.connect(world.path)) as card, card:
        card.execute(sql)


def lose_the_oldest(world: World) -> None:
    behind_its_back(world, "DELETE FROM segment WHERE first = (SELECT min(first) FROM segment)")


async def write_in_doubt(buffer: Buffer, world: World, numbers: range) -> None:
    """These stand on the disk, and in memory too: that is not known."""
    for number in numbers:
        buffer.add(reading(number))
    world.time += 1
    with doubted(), pytest.raises(DiskFault):
        await buffer.flush()


async def keep_for_sure(buffer: Buffer) -> None:
    """What a disk that refuses does not get."""
    await buffer.keep([], Changes(), [Command("x", "replay", Span(0, 1), done=False)])


async def test_a_doubted_commit_that_stands_hides_no_loss(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *map(reading, range(5)))
        await left_memory(world, buffer)
        await write_in_doubt(buffer, world, range(5, 10))
        lose_the_oldest(world)
        await buffer.restore(Changes)
        assert buffer.lost_records == 5
        numbers, told = await drained(buffer)
    assert set(numbers) == set(range(5, 10))
    assert [(gap.detail["count"], gap.detail["reason"]) for gap in told] == [(5, "damaged")]


async def test_doubted_commits_one_after_the_other_lose_nothing(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, reading(0))
        await write_in_doubt(buffer, world, range(1, 4))
        with doubted(), pytest.raises(DiskFault):
            await buffer.restore(Changes)
        with doubted(), pytest.raises(DiskFault):
            await buffer.restore(Changes)
        await buffer.restore(Changes)
        assert buffer.lost_records == 0
        numbers, told = await drained(buffer)
        await buffer.close()
    assert (set(numbers), told) == (set(range(4)), [])
    assert await world.stored() == []


async def test_doubted_commit_of_what_has_been_delivered_since_hides_no_loss(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *map(reading, range(5)))
        await left_memory(world, buffer)
        await write_in_doubt(buffer, world, range(5, 10))
        batch = await next_batch(buffer)
        assert numbers_of(batch) == [5, 6, 7, 8, 9]
        buffer.delivered(batch)
        lose_the_oldest(world)
        await buffer.restore(Changes)
        assert buffer.lost_records == 5


async def test_what_a_doubted_commit_gave_up_is_told_once(world: World) -> None:
    async with world.buffer(bounds=MONTH) as buffer:
        await keep(buffer, *(at(n, START + n) for n in range(5)))
        await keep(buffer, at(5, START + 60 * DAY))
    world.wall = START + 60 * DAY
    async with world.buffer(bounds=MONTH) as buffer:
        with doubted(), pytest.raises(DiskFault):
            await buffer.flush()
        await buffer.restore(Changes)
        assert buffer.lost_records == 5
        with sick(), pytest.raises(DiskFault):
            await keep_for_sure(buffer)
        await buffer.restore(Changes)
        assert buffer.lost_records == 5
        numbers, told = await drained(buffer)
    assert numbers == [5]
    assert [(gap.detail["count"], gap.detail["reason"]) for gap in told] == [(5, "age")]


@pytest.mark.parametrize("stands", [False, True])
async def test_what_a_doubted_purge_gave_up_is_told_once(world: World, *, stands: bool) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *map(reading, range(10)))
        buffer.delivered(await next_batch(buffer, 2))
        await left_memory(world, buffer)
        with doubted() if stands else sick(), pytest.raises(DiskFault):
            await buffer.purge(lambda record: int(record.f_cnt) % 2 == 1)  # type: ignore[union-attr]
        await buffer.restore(Changes)
        assert buffer.lost_records == 0
        numbers, told = await drained(buffer)
    assert numbers == ([2, 4, 6, 8] if stands else list(range(2, 10)))
    assert missing(gaps(told)) == (4 if stands else 0)


async def test_gap_of_a_doubted_commit_that_the_disk_has_lost_is_told_anew(world: World) -> None:
    async with world.buffer(bounds=MONTH) as buffer:
        await keep(buffer, *(at(n, START + n) for n in range(5)))
    world.wall = START + 60 * DAY
    async with world.buffer(bounds=MONTH) as buffer:
        with doubted(), pytest.raises(DiskFault):
            await buffer.flush()
        behind_its_back(world, "DELETE FROM segment")
        await buffer.restore(Changes)
        assert buffer.lost_records == 5
        _, told = await drained(buffer)
    assert missing(told) == 5


async def archived(buffer: Buffer, world: World, *blocks: range) -> None:
    """Each of them delivered, and archived as one block."""
    for numbers in blocks:
        await deliver(buffer, *map(timed, numbers))
        buffer.archive.ripen()
        world.time += 60
        await buffer.flush()


async def archived_in_doubt(buffer: Buffer, world: World, numbers: range) -> None:
    await deliver(buffer, *map(timed, numbers))
    buffer.archive.ripen()
    world.time += 60
    with doubted(), pytest.raises(DiskFault):
        await buffer.flush()


async def test_doubted_archive_block_that_stands_is_replayed_once(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await archived_in_doubt(buffer, world, range(5))
        await buffer.restore(Changes)
        assert buffer.archive.archived().readings == 5
        await order(buffer, "again")
        numbers, _ = await until_answered(buffer)
        await buffer.close()
    assert numbers == [0, 1, 2, 3, 4]
    async with world.buffer(archive=WEEK) as buffer:
        await order(buffer, "once more")
        assert (await until_answered(buffer))[0] == [0, 1, 2, 3, 4]


async def test_archive_block_that_the_disk_did_not_take_is_written_and_replayed_once(
    world: World,
) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, *map(timed, range(5)))
        buffer.archive.ripen()
        world.time += 60
        with sick(), pytest.raises(DiskFault):
            await buffer.flush()
        await buffer.restore(Changes)
        await order(buffer, "again")
        assert (await until_answered(buffer))[0] == [0, 1, 2, 3, 4]


async def test_doubted_archive_block_that_is_purged_meanwhile_goes_from_the_disk(
    world: World,
) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await archived_in_doubt(buffer, world, range(5))
        assert buffer.purge_archive(float("inf")) == 5
        await buffer.restore(Changes)
        await buffer.flush()
        await buffer.close()
    async with world.buffer(archive=WEEK) as buffer:
        assert buffer.archive.archived().readings == 0


async def test_blocks_that_a_deletion_in_doubt_took_are_gone(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await archived(buffer, world, range(5), range(5, 10))
        assert buffer.purge_archive(timed(7).moment.at or 0.0) == 5
        with doubted(), pytest.raises(DiskFault):
            await buffer.flush()
        await buffer.restore(Changes)
        await order(buffer, "again")
        numbers, (told,) = await until_answered(buffer)
    assert (numbers, told.detail["reason"]) == ([5, 6, 7, 8, 9], "5 readings")


@pytest.mark.parametrize("begun", [False, True])
async def test_archive_blocks_that_the_disk_has_lost_are_damaged_to_a_replay(
    world: World, *, begun: bool
) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await archived(buffer, world, range(5), range(5, 12), range(12, 20))
        await order(buffer, "again")
        await order(buffer, "these", Span(START, START + 7))
        batch = await next_batch(buffer, 2) if begun else None
        with sick(), pytest.raises(DiskFault):
            await keep_for_sure(buffer)
        behind_its_back(world, "DELETE FROM archive WHERE count <> 8")
        behind_its_back(
            world, "DELETE FROM archive_block WHERE number NOT IN (SELECT number FROM archive)"
        )
        await buffer.restore(Changes)
        if batch is not None:
            buffer.returned(batch)
        numbers, told = await until_answered(buffer)
        assert buffer.archive.archived().readings == 8
    lost, readings = (7, [*range(5), *range(12, 20)]) if begun else (12, list(range(12, 20)))
    assert numbers == readings
    assert [str(event.detail["reason"]).split(":")[0] for event in told] == [
        f"{len(readings)} readings; {lost} more cannot be read",
        "0 readings; 12 more cannot be read",
    ]


async def test_archive_block_without_its_readings_is_damaged(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await archived(buffer, world, range(5))
    behind_its_back(world, "DELETE FROM archive_block")
    async with world.buffer(archive=WEEK) as buffer:
        await order(buffer, "again")
        _, (told,) = await until_answered(buffer)
    assert "5 more cannot be read" in str(told.detail["reason"])
