"""The archive: what is delivered is kept for its days, in bounds, and before nothing else."""

import pytest
from archive_tools import WEEK, deliver, replayed, timed
from bounds_tools import drained, no_write
from store_tools import MOMENT, World, event, next_batch, reading

from gateway.errors import StoreError
from gateway.lorawan.session import Changes
from gateway.records import Moment, Reading
from gateway.replay import Span
from gateway.store import archive_tables
from gateway.store.archive import (
    BLOCK_READINGS,
    BLOCK_SECONDS,
    PRUNING_WAITS,
    WAITING_BLOCKS,
)
from gateway.store.blocks import Block
from gateway.store.bounds import DAY, MARK, Bounds
from gateway.store.buffer import Buffer


async def goes_by(world: World, buffer: Buffer, seconds: float) -> None:
    world.time += seconds
    world.wall = None if world.wall is None else world.wall + seconds
    await buffer.flush()


async def written(buffer: Buffer) -> None:
    """What is archived so far is on disk."""
    buffer.archive.ripen()
    await buffer.flush()


def sizes(buffer: Buffer) -> list[int]:
    return [block.count for block in buffer.archive._blocks]


async def test_what_was_delivered_is_replayed_in_a_later_run(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, *map(timed, range(5)))
        await buffer.close()
    async with world.buffer(archive=WEEK) as buffer:
        assert buffer.backlog == 0
        assert await replayed(buffer) == [0, 1, 2, 3, 4]


async def test_archived_readings_are_the_same_to_the_last_field(world: World) -> None:
    sent = [reading(1, payload="00ff", error="?"), reading(2, measurements={"t": 1.5})]
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, *sent)
        await written(buffer)
        (block,) = buffer.archive._blocks
        assert await buffer._store.read_archived(block.number) == sent


async def test_what_was_delivered_from_the_backlog_is_archived_too(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([timed(number) for number in range(300)], Changes())
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer)
        assert await replayed(buffer) == list(range(300))


async def test_neither_events_nor_what_is_replayed_are_archived(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        buffer.add(event(7))
        await deliver(buffer, timed(1))
        assert await replayed(buffer, correlation="a") == [1]
        assert await replayed(buffer, correlation="b") == [1]
        assert buffer.archive.archived().readings == 1


async def test_full_block_is_written_and_a_begun_one_waits(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, *map(timed, range(BLOCK_READINGS + 3)))
        await buffer.flush()
        assert sizes(buffer) == [BLOCK_READINGS]
        await goes_by(world, buffer, BLOCK_SECONDS)
        assert sizes(buffer) == [BLOCK_READINGS, 3]


async def test_commit_shortly_before_takes_the_block_along(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, timed(1))
        for seconds, there in ((0.8 * BLOCK_SECONDS, []), (0.15 * BLOCK_SECONDS, [1])):
            world.time += seconds
            await buffer.keep([], Changes())
            assert sizes(buffer) == there


async def test_power_cut_takes_of_the_archive_what_no_block_had_yet(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, timed(1))
        await written(buffer)
        await deliver(buffer, timed(2))
        after = world.after_power_cut()
    async with after.buffer(archive=WEEK) as buffer:
        assert await replayed(buffer) == [1]


async def test_without_days_nothing_is_kept_and_what_was_kept_goes(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, timed(1))
        await buffer.close()
    async with world.buffer() as buffer:
        await deliver(buffer, timed(2))
        await buffer.flush()
        await goes_by(world, buffer, PRUNING_WAITS)
        await buffer.close()
    async with world.buffer(archive=WEEK) as buffer:
        assert sizes(buffer) == []


# by age


@pytest.mark.parametrize("wall", [100 * 365 * DAY, -WEEK, None])
async def test_this_run_ages_by_monotonic_time_whatever_the_clock_does(
    world: World, wall: float | None
) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, timed(1))
        await written(buffer)
        world.wall = None if wall is None else (world.wall or 0) + wall
        for _ in range(7 * 24):
            await goes_by(world, buffer, 3600.0)
        assert sizes(buffer) == [1]
        for _ in range(2):
            await goes_by(world, buffer, MARK)
        assert sizes(buffer) == []
        assert buffer.archive.given_up == 0


async def archived_by_an_earlier_run(world: World, *walls: float | None) -> None:
    """One block at each of these times."""
    for number, wall in enumerate(walls):
        world.wall = wall
        async with world.buffer(archive=WEEK) as buffer:
            await deliver(buffer, timed(number))
            await buffer.close()


@pytest.mark.parametrize(
    ("stored", "now", "left"),
    [
        ([0.0, DAY], WEEK - 1, [0, 1]),
        ([0.0, DAY], WEEK + 1, [1]),
        ([0.0, DAY], None, [0, 1]),
        ([None, 0.0, DAY], WEEK + 1, [2]),
        ([0.0, None, DAY], WEEK + 1, [1, 2]),
    ],
)
async def test_earlier_runs_age_by_trusted_wall_time(
    world: World, stored: list[float | None], now: float | None, left: list[int]
) -> None:
    begin = MOMENT.at or 0.0
    await archived_by_an_earlier_run(
        world, *(None if wall is None else begin + wall for wall in stored)
    )
    world.wall = None if now is None else begin + now
    async with world.buffer(archive=WEEK) as buffer:
        await buffer.flush()
        world.time += PRUNING_WAITS
        await buffer.flush()
        assert await replayed(buffer) == left


# by room


async def test_archive_goes_before_anything_undelivered_and_is_no_gap(world: World) -> None:
    bounds = Bounds(min_free=1000)
    async with world.buffer(archive=WEEK, bounds=bounds) as buffer:
        for number in range(20):
            await deliver(buffer, timed(number))
            await written(buffer)
        before = sum(sizes(buffer))
        world.free = 1000
        await buffer._store.measure()
        await buffer.keep([timed(number) for number in range(100, 200)], Changes())
        assert buffer.archive.given_up == before - sum(sizes(buffer)) > 0
        assert buffer.lost_records == 0
        assert await drained(buffer) == (list(range(100, 200)), [])


async def test_without_room_nothing_is_archived_and_nothing_else_goes(world: World) -> None:
    async with world.buffer(archive=WEEK, bounds=Bounds(min_free=1000)) as buffer:
        await buffer.keep([timed(1)], Changes())
        batch = await next_batch(buffer, 1)
        buffer.add(timed(2))
        world.free = 0
        await buffer._store.measure()
        buffer.delivered(batch)
        buffer.archive.ripen()
        await buffer._commits.commit([], Changes(), lambda _: None)
        assert (buffer.archive.given_up, sizes(buffer)) == (1, [])
        assert (buffer.backlog, buffer.lost_records) == (1, 0)


async def test_database_stays_below_its_bound_with_an_archive(world: World) -> None:
    most = 2 << 20
    async with world.buffer(archive=WEEK, bounds=Bounds(max_bytes=most)) as buffer:
        number = 0
        while not buffer.archive.given_up:
            noise = [
                reading(n, payload=f"{n * 7919:0400x}", id=f"{n * 104729:032x}")
                for n in range(number, number + BLOCK_READINGS)
            ]
            number += BLOCK_READINGS
            await deliver(buffer, *noise)
            await buffer.flush()
            assert buffer._store.room.used + buffer._store.room.wal <= most
        assert sum(sizes(buffer)) >= BLOCK_READINGS
        assert buffer.lost_records == 0


# the disk


async def test_block_that_could_not_be_written_is_written_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, timed(1))
        buffer.archive.ripen()
        with monkeypatch.context() as patch:
            patch.setattr(archive_tables, "write", no_write)
            with pytest.raises(StoreError):
                await buffer.flush()
        assert (sizes(buffer), buffer.archive.is_written) == ([], False)
        await buffer.flush()
        assert (sizes(buffer), buffer.archive.is_written) == ([1], True)


async def test_what_no_disk_takes_is_bounded(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        for number in range(WAITING_BLOCKS + 2):
            await deliver(buffer, timed(number))
            buffer.archive.ripen()
        assert buffer.archive.given_up == 2
        assert await replayed(buffer) == list(range(2, WAITING_BLOCKS + 2))


# time


def undated(number: int, boot: str = "boot") -> Reading:
    return reading(number, moment=Moment(None, "unsynchronised", boot, 900.0 + number))


async def test_reading_that_gets_its_time_later_is_replayed_by_it(world: World) -> None:
    world.wall = None
    async with world.buffer(archive=WEEK) as buffer:
        await deliver(buffer, undated(1), undated(2, "an earlier boot"), timed(3))
        await written(buffer)
        world.wall = 2_000_000_000.0  # at world.time
        received = world.wall - world.time + 901.0
        span = Span(received - 0.01, received + 0.01)
        assert await replayed(buffer, span) == [1]
        await deliver(buffer, undated(4))
        await written(buffer)
        assert buffer.archive._blocks[-1].begins == pytest.approx(received + 3)
        await buffer.close()


def test_block_knows_from_when_to_when_if_all_of_it_has_a_time() -> None:
    block = Block()
    for number in (5, 2, 9):
        block.add(timed(number))
    begins = MOMENT.at or 0.0
    assert (block.begins, block.ends) == (begins + 2, begins + 9)
    assert block.may_have(Span(begins + 9, begins + 10))
    assert block.may_have(Span(begins, begins + 2.1))
    assert not block.may_have(Span(begins, begins + 2))
    assert not block.may_have(Span(begins + 9.1, begins + 10))
    block.add(undated(3))
    block.add(timed(4))
    assert (block.begins, block.ends) == (None, None)
    assert block.may_have(Span(begins + 20, begins + 30))


async def test_status_of_the_archive(world: World) -> None:
    async with world.buffer(archive=WEEK) as buffer:
        assert buffer.archive.archived() == (0, 0, None, None)
        await deliver(buffer, timed(3), timed(8))
        await written(buffer)
        readings, size, begins, ends = buffer.archive.archived()
        start = MOMENT.at or 0.0
        assert (readings, begins, ends) == (2, start + 3, start + 8)
        assert 100 < size < 1000
        await buffer.close()
    async with world.buffer(archive=WEEK) as buffer:
        assert buffer.archive.archived() == (2, size, start + 3, start + 8)
