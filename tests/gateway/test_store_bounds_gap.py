"""D3: what is told is told for ever: deletion and gap are on disk together, whatever cuts in."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bounds_tools import (
    DISK,
    START,
    at,
    batch_of,
    drained,
    gaps,
    keep,
    left_memory,
    many,
    missing,
    no_write,
)
from store_tools import World, number_of

from gateway.errors import StoreError
from gateway.lorawan.session import Changes
from gateway.store import tables
from gateway.store.database import Store

HOUSE = Path(__file__).parents[2]


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
