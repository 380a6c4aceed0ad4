"""D3: what is given up, in what order, what the city is told, and that everything adds up."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from store_tools import MOMENT, World, event, number_of, reading

from gateway import config
from gateway.clock import rfc3339
from gateway.errors import StoreError
from gateway.lorawan.session import Changes
from gateway.records import Event, Moment, Reading, Record
from gateway.store import tables
from gateway.store.bounds import DAY, MARK, MIB, NO_BOUNDS, Bounds, Room, gap
from gateway.store.buffer import Batch, Buffer
from gateway.store.database import Store, free_disk
from gateway.store.giving_up import AGE_CHECK, GIVE_UP_STEPS, READ_RECORDS

HOUSE = Path(__file__).parents[2]
START = MOMENT.at or 0.0
DISK = Bounds(min_free=1000)
MONTH = Bounds(max_age=30 * DAY)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "kogge.db")


def at(number: int, seconds: float | None, boot: str = "boot", quality: str = "ntp") -> Reading:
    """Takes some 80 bytes on disk, in company."""
    payload = random.Random(number).randbytes(50).hex()
    return reading(number, moment=Moment(seconds, quality, boot, 12.5), payload=payload)


def many(numbers: range) -> list[Record]:
    return [at(number, START + number) for number in numbers]


async def keep(buffer: Buffer, *records: Record) -> None:
    await buffer.keep(records, Changes())


async def batch_of(buffer: Buffer, limit: int = 1000) -> Batch:
    return await asyncio.wait_for(buffer.next_batch(limit, 0), 20)


async def drained(buffer: Buffer) -> tuple[list[int], list[Event]]:
    """Everything that comes out of it, delivered: numbers, and gaps."""
    records: list[Record] = []
    while buffer.backlog:
        batch = await batch_of(buffer)
        records += batch.records
        buffer.delivered(batch)
    return sorted(number_of(r) for r in records if number_of(r) >= 0), gaps(records)


def gaps(records: Sequence[Record]) -> list[Event]:
    return [r for r in records if isinstance(r, Event) and r.type == "gap"]


def missing(found: Sequence[Event]) -> int:
    return sum(int(each.detail["count"] or 0) for each in found)


def no_write(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")


async def left_memory(world: World, buffer: Buffer) -> None:
    world.time += 1
    await buffer.flush()


def file_bytes(world: World) -> int:
    return sum(file.stat().st_size for file in world.path.parent.glob("kogge.db*"))


# the pure part


def test_d3_bounds_are_those_of_the_configuration() -> None:
    assert Bounds.of(config.Store()) == Bounds(30 * 86_400, 1024 * MIB, 256 * MIB)


@pytest.mark.parametrize(
    ("room", "records", "broken"),
    [
        (Room(0, 0, 0, 10 * MIB), 1, None),
        (Room(3 * MIB, 0, 0, 10 * MIB), 1, "bytes"),  # the log is still to grow
        (Room(2 * MIB, 0, 0, 10 * MIB), 256, None),
        (Room(2 * MIB, 0, 0, 10 * MIB), 25_600, "bytes"),
        (Room(2 * MIB, 2 * MIB, 0, 10 * MIB), 1, "bytes"),
        (Room(0, 0, 0, 2 * MIB), 1, "disk"),  # the log is still to grow
        (Room(0, 2 * MIB, 0, 2 * MIB), 1, None),
        (Room(0, 2 * MIB, 0, MIB), 1, "disk"),
        (Room(0, 0, 0, 0), 1, "disk"),
        (Room(0, 0, MIB, 0), 1, None),
    ],
)
def test_d3_bound_that_a_commit_would_break(room: Room, records: int, broken: str | None) -> None:
    assert Bounds(max_bytes=4 * MIB, min_free=MIB).exceeded(room, records) == broken
    assert NO_BOUNDS.exceeded(room, 1) in {None, "disk" if room.free == 0 else None}


def undated(moment: Moment) -> Moment:
    return moment


def test_d3_gap_says_from_when_to_when_how_many_and_why() -> None:
    told = gap([at(1, START), event(2), at(3, START + 60)], "bytes", MOMENT, undated)
    assert told == Event(
        "gap",
        MOMENT,
        {"from": rfc3339(START), "to": rfc3339(START + 60), "count": 3, "reason": "bytes"},
    )


def test_d3_gap_of_records_without_time_is_from_null_to_null() -> None:
    told = gap([at(1, None), at(2, None)], "disk", MOMENT, undated)
    assert told.detail == {"from": None, "to": None, "count": 2, "reason": "disk"}


def test_d3_gap_that_was_lost_goes_on_in_the_next() -> None:
    first = gap([at(1, START), at(2, START + 1)], "bytes", MOMENT, undated)
    unknown = gap([at(3, None)], "bytes", MOMENT, undated)
    told = gap([first, unknown, at(4, START + 9)], "age", MOMENT, undated)
    assert told.detail == {
        "from": rfc3339(START),
        "to": rfc3339(START + 9),
        "count": 4,
        "reason": "age",
    }


def test_free_disk_is_asked_of_the_system(tmp_path: Path) -> None:
    assert 0 < free_disk(tmp_path / "kogge.db") < 1 << 60


# which record goes


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


# what is in memory


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


# what cannot be read


def damage(world: World, firsts: Sequence[int]) -> None:
    """One bit of each of these rows (0: the oldest) flips on the card."""
    with closing(sqlite3.connect(world.path)) as card, card:
        rows = card.execute("SELECT first, records FROM segment ORDER BY first").fetchall()
        for first, blob in (rows[n] for n in firsts):
            flipped = bytearray(blob)
            flipped[len(blob) // 2] ^= 1
            card.execute("UPDATE segment SET records = ? WHERE first = ?", (flipped, first))


def damaged(count: int) -> dict[str, object]:
    return {"from": None, "to": None, "count": count, "reason": "damaged"}


async def test_d3_damaged_segment_is_given_up_and_told_and_holds_up_nothing(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(1000)))
    damage(world, [1, 3])
    async with world.buffer() as buffer:
        assert buffer.backlog == 1000
        buffer.add(at(1000, START))
        live = await batch_of(buffer, 1)
        assert [number_of(record) for record in live.records] == [1000]
        buffer.delivered(live)
        numbers, told = await drained(buffer)
        assert numbers == [*range(256), *range(512, 768)]
        assert [gap.detail for gap in told] == [damaged(256 + 1000 - 768)]
        assert told[0].moment.at == world.wall
        assert buffer.lost_records == 256 + 1000 - 768
        await buffer.close()
    assert await world.stored() == []


async def test_d3_damaged_segment_is_gone_and_told_in_one_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(600)))
    damage(world, [0])
    async with world.buffer() as buffer:
        with monkeypatch.context() as patch:
            patch.setattr(tables, "write", no_write)
            with pytest.raises(StoreError):
                await batch_of(buffer)
        assert (buffer.lost_records, buffer.backlog) == (0, 600)
        await batch_of(buffer)  # is not delivered
        async with world.after_power_cut().buffer() as after:
            numbers, told = await drained(after)
            assert (numbers, [gap.detail for gap in told]) == ([*range(256, 600)], [damaged(256)])
            assert after.lost_records == 0


async def test_d3_damaged_segment_among_those_given_up_is_told_apart(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(2000)))
    damage(world, [2])
    async with world.buffer(bounds=DISK) as buffer:
        world.free = 0
        await buffer._store.measure()
        await keep(buffer, at(5000, START))
        assert buffer.lost_records == 1024
        numbers, told = await drained(buffer)
        assert numbers == [*range(1024, 2000), 5000]
        assert [gap.detail for gap in told] == [
            damaged(256),
            {
                "from": rfc3339(START),
                "to": rfc3339(START + 1023),
                "count": 768,
                "reason": "disk",
            },
        ]


async def test_d3_damaged_segment_of_which_some_is_in_a_batch_is_told_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(200)))
        out = await batch_of(buffer, 50)
        await left_memory(world, buffer)
        with monkeypatch.context() as patch:
            patch.setattr(tables, "unpack", lambda _: [])  # fewer than the row says
            rest = await batch_of(buffer)
        assert (len(rest.records), missing(gaps(rest.records))) == (150, 150)
        buffer.delivered(rest)
        buffer.delivered(out)
        assert buffer.backlog == 0
        await buffer.close()
    assert await world.stored() == []


# what is told is told for ever


async def test_d3_gap_is_on_disk_together_with_the_deletion(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each transaction the power is cut: what is stored and what is told add up."""
    after: list[tuple[list[int], int]] = []
    write = tables.write

    def look(connection: sqlite3.Connection, writes: list[tables.Write]) -> None:
        write(connection, writes)
        rows = tables.read_segments(connection, 0, 1_000_000)
        records = [record for row in rows for record in row.records]
        numbers = [number_of(record) for record in records if number_of(record) >= 0]
        after.append((numbers, missing(gaps(records))))

    async with world.buffer() as buffer:
        await keep(buffer, *many(range(1000)))
    world.free = 0
    monkeypatch.setattr(tables, "write", look)
    async with world.buffer(bounds=DISK) as buffer:
        for number in range(1000, 1300):
            await keep(buffer, at(number, START))
            await left_memory(world, buffer)
    monkeypatch.undo()
    assert after[-1][1] > 1000
    for numbers, told in after:
        assert numbers == list(range(told, told + len(numbers)))


async def test_d3_gap_survives_kill_and_goes_to_the_city(world: World) -> None:
    async with world.buffer(bounds=DISK) as buffer:
        await keep(buffer, *many(range(1000)))
        await left_memory(world, buffer)
        world.free = 0
        await buffer._store.measure()
        await keep(buffer, at(1000, START))
        async with world.after_power_cut().buffer() as after:
            numbers, told = await drained(after)
    assert (numbers, missing(told)) == ([1000], 1000)


CHILD = """
import asyncio, os, sys
from pathlib import Path
sys.path.insert(0, "tests")
from gateway.lorawan.session import Changes
from gateway.store.bounds import Bounds
from gateway.store.buffer import Buffer
from gateway.store.database import Store
from store_tools import reading

async def main(path, first):
    store = await Store.open(path, lambda _: 0)
    buffer = Buffer(store, 0.02, lambda _: None, bounds=Bounds(min_free=1))
    await buffer.open()
    asyncio.create_task(buffer.run())
    for number in range(first, 10**9, 100):
        await buffer.keep([reading(n) for n in range(number, number + 100)], Changes())
        os.write(1, f"{number + 100}\\n".encode())

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def kept_until_killed(path: Path, first: int, lines: int) -> int:
    """Up to which number the child had kept before SIGKILL."""
    arguments = [sys.executable, "-c", CHILD, str(path), str(first)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=HOUSE) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        said += [line for line in child.stdout if line.endswith(b"\n")]
    assert child.returncode == -signal.SIGKILL
    return int(said[-1])


async def test_d3_stored_and_told_add_up_after_each_kill(world: World) -> None:
    first = 0
    for turn in range(4):
        kept = await asyncio.to_thread(kept_until_killed, world.path, first, 40 + 17 * turn)
        async with world.after_power_cut().buffer() as after:
            numbers, told = await drained(after)
        assert numbers == list(range(missing(told), numbers[-1] + 1))
        assert kept - 1 <= numbers[-1]
        first = numbers[-1] + 1
    assert missing(told) > 5000


async def test_d3_failed_deletion_gives_up_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(300)))
    world.free = 0
    async with world.buffer(bounds=DISK) as buffer:
        half = await batch_of(buffer, 100)
        rest = await batch_of(buffer, 100)
        buffer.delivered(half)
        buffer.returned(rest)
        with monkeypatch.context() as patch:
            patch.setattr(tables, "write", no_write)
            with pytest.raises(StoreError):
                await keep(buffer, at(1000, START))
        assert (buffer.lost_records, buffer.backlog) == (0, 200)
        numbers, told = await drained(buffer)
        assert (numbers, told) == (list(range(100, 300)), [])


@pytest.mark.parametrize("suspension", range(5))
async def test_d3_keep_cancelled_while_it_makes_room_leaves_everything_adding_up(
    world: World, suspension: int
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(3000)))
    world.free = 0
    async with world.buffer(bounds=DISK) as buffer:
        keeping = asyncio.create_task(keep(buffer, at(5000, START)))
        for _ in range(suspension):
            await asyncio.sleep(0)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
        await keep(buffer, at(5001, START))
        numbers, told = await drained(buffer)
        assert 1024 <= missing(told) == buffer.lost_records <= 2048
        assert numbers[: -1 if 5000 not in numbers else -2] == list(range(missing(told), 3000))


async def test_d3_segment_that_was_deleted_while_the_oldest_were_read_is_not_lost_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(1000)))
    world.free = 0
    async with world.buffer(bounds=DISK) as buffer:
        batches = [await batch_of(buffer, 256)]
        read = Store.read_segments

        async def read_and_wait(*arguments: Any) -> None:
            await read(*arguments)
            if batches:
                buffer.delivered(batches.pop())
                await buffer.keep([], Changes())

        # the segment is deleted between the answer of the disk and the decision
        world.free = 1 << 40
        await buffer._store.measure()
        monkeypatch.setattr(Store, "read_segments", read_and_wait)
        await buffer._giving_up._give_up(lambda: "bytes", 10**9)
        numbers, told = await drained(buffer)
        assert (numbers, missing(told), buffer.backlog) == ([], 1000 - 256, 0)


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


class Life:
    """Records that come, go, return and age, on a disk that others fill, all at random."""

    def __init__(self, world: World, buffer: Buffer, seed: int, sent: int) -> None:
        self.world, self.buffer, self.random, self.sent = world, buffer, random.Random(seed), sent
        self.arrived = Counter[int]()
        self.told = 0
        self.out: list[Batch] = []

    async def goes_on(self) -> None:
        acts = (self.add, self.keep, self.keep, self.take, self.end, self.time, self.disk)
        await self.random.choice(acts)()
        assert self.buffer.backlog >= sum(len(batch.records) for batch in self.out)

    async def ends(self) -> None:
        while self.buffer.backlog:
            while self.out:
                self.buffer.returned(self.out.pop())
            self.deliver(await batch_of(self.buffer))
        await self.buffer.close()

    def new(self) -> list[Record]:
        count = self.random.choice([1, 1, 3, 300])
        self.sent += count
        return [at(self.sent - count + n, self.world.wall) for n in range(count)]

    async def add(self) -> None:
        for record in self.new():
            self.buffer.add(record)

    async def keep(self) -> None:
        await keep(self.buffer, *self.new())

    async def take(self) -> None:
        if self.buffer.backlog > sum(len(batch.records) for batch in self.out):
            self.out.append(await batch_of(self.buffer, self.random.choice([1, 3, 300])))

    async def end(self) -> None:
        if self.out:
            batch = self.out.pop(self.random.randrange(len(self.out)))
            self.random.choice((self.deliver, self.buffer.returned))(batch)

    async def time(self) -> None:
        self.world.time += self.random.choice([1, AGE_CHECK])
        self.world.wall = (self.world.wall or 0) + self.random.choice([1, 10 * DAY])
        flush = asyncio.create_task(self.buffer.flush())
        await asyncio.sleep(0)
        await self.end()
        await flush

    async def disk(self) -> None:
        self.world.free = self.random.choice([0, 1 << 40])

    def deliver(self, batch: Batch) -> None:
        self.told += missing(gaps(batch.records))
        self.arrived.update(n for n in map(number_of, batch.records) if n >= 0)
        self.buffer.delivered(batch)


@pytest.mark.parametrize("seed", range(8))
async def test_d3_whatever_happens_each_record_arrives_once_or_is_in_a_gap(
    world: World, seed: int
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(700)))
        await keep(buffer, *many(range(700, 1000)))
    damage(world, [1])
    async with world.buffer(bounds=Bounds(max_age=30 * DAY, min_free=1000)) as buffer:
        life = Life(world, buffer, seed, 1000)
        for _ in range(150):
            await life.goes_on()
        await life.ends()
        assert max(life.arrived.values()) == 1
        assert len(life.arrived) + life.told == life.sent
        assert life.told == buffer.lost_records > 0
        assert not buffer._lanes._segments
    assert await world.stored() == []
