"""Damage anywhere: never a start that fails, and a run goes on when it is found."""

import asyncio
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from bounds_tools import drained
from damage_tools import PAGE, RECORDS, Hurt, fill, hurt, taken
from patience import HUNG
from store_tools import World, drain, reading, session

from gateway.lorawan.session import Changes, Join
from gateway.store import tables


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("filled") / "kogge.db")


def flip(seed: int) -> Hurt:
    def hurt(content: bytearray) -> bytearray:
        lot = random.Random(seed)
        for _ in range(lot.choice((1, 3, 20))):
            content[lot.randrange(len(content))] ^= 1 << lot.randrange(8)
        return content

    return hurt


def tear(seed: int) -> Hurt:
    def hurt(content: bytearray) -> bytearray:
        lot = random.Random(seed)
        for _ in range(lot.choice((1, 2, 8))):
            at = lot.randrange(len(content) // PAGE) * PAGE
            content[at : at + PAGE] = lot.choice((bytes(PAGE), lot.randbytes(PAGE), b"\xff" * PAGE))
        return content

    return hurt


def cut(seed: int) -> Hurt:
    return lambda content: content[: random.Random(seed).randrange(1, len(content))]


def swap(seed: int) -> Hurt:
    def hurt(content: bytearray) -> bytearray:
        lot = random.Random(seed)
        one, other = (lot.randrange(len(content) // PAGE) * PAGE for _ in range(2))
        content[one : one + PAGE], content[other : other + PAGE] = (
            content[other : other + PAGE],
            content[one : one + PAGE],
        )
        return content

    return hurt


@pytest.mark.parametrize("way", [flip, tear, cut, swap])
@pytest.mark.parametrize("seed", range(12))
async def test_start_never_fails_however_it_is_damaged(
    filled: Path, tmp_path: Path, way: Callable[[int], Hurt], seed: int
) -> None:
    world = taken(filled, tmp_path)
    hurt(world.path, way(seed))
    await _live(world)
    await _live(world)


async def _live(world: World) -> None:
    """A start, and all that a run does; damage may be found at any time, and it goes on."""
    async with world.store() as store:
        await store.load()
        await store.locked()
        buffer = world.on(store)
        await buffer.open()
        numbers = []
        for _ in range(5):
            await buffer.keep([reading(9999)], Changes((session(1),)))
            numbers += await asyncio.wait_for(_drain_over_faults(buffer), HUNG)
            if not buffer.failing:
                break
        assert not buffer.failing
        assert set(numbers) <= {*range(RECORDS), 9999, -1}
        assert 9999 in numbers
        await buffer.close()


async def _drain_over_faults(buffer: object) -> list[int]:
    from gateway.store.buffer import Buffer

    assert isinstance(buffer, Buffer)
    if buffer.failing:
        await buffer.restore(Changes)
    numbers: list[int] = []
    while buffer.backlog and not buffer.rests:
        asking = asyncio.create_task(buffer.next_batch(1000, 0))
        while not asking.done() and not buffer.failing:
            await asyncio.wait({asking}, timeout=0.01)
        if not asking.done():
            asking.cancel()
            break
        batch = asking.result()
        numbers += [int(getattr(one, "id", "x")[-8:], 16) if hasattr(one, "f_cnt") else -1
                    for one in batch.records]  # fmt: skip
        buffer.delivered(batch)
    return numbers


@pytest.mark.parametrize("seed", range(12))
async def test_damaged_log_loses_what_stood_in_it_alone(
    filled: Path, tmp_path: Path, seed: int
) -> None:
    world = taken(filled, tmp_path)
    async with world.buffer() as buffer:
        await buffer.keep([reading(5000)], Changes())
        killed = world.after_power_cut()
    log = killed.path.with_name("kogge.db-wal")
    hurt(log, (flip, tear, cut, swap)[seed % 4](seed))
    async with killed.buffer() as buffer:
        numbers, _ = await drained(buffer)
    assert set(range(RECORDS)) <= {*numbers}
    assert set(numbers) <= {*range(RECORDS), 5000}


async def test_damage_that_is_found_while_it_runs_ends_in_the_same_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sick_disk import error

    def corrupt(*_: object, **__: object) -> None:
        raise error(sqlite3.SQLITE_CORRUPT, "database disk image is malformed")

    everything = Changes((session(1, f_cnt_up=5), session(2)), joins=(Join(1, 2, 3, 4),))
    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        await buffer.keep([reading(1)], Changes((session(1),)))
        write = tables.write
        for number in (2, 3):  # once may be a page that could not be read
            with monkeypatch.context() as patch:
                patch.setattr(tables, "write", corrupt)
                assert not await buffer.keep([reading(number)], Changes())
            assert tables.write is write
            await buffer.restore(lambda: everything)
            assert len(store.salvages) == number - 2
        assert store.quarantined == ["kogge.db.damaged-1"]
        async with world.after_power_cut().store() as after:
            known = await after.load()
        assert {(one.dev_eui, one.f_cnt_up) for one in known.sessions} == {(1, 5), (2, 0)}
        assert known.joins == everything.joins
        assert sorted(await drain(buffer)) == [1, 2, 3]
