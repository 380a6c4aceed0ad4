"""The write-ahead log has its size before the first commit, and keeps it."""

from pathlib import Path

from store_tools import World, next_batch, reading

from gateway.store import wal

GROWN = 32 + 1000 * (24 + 1024)


def log_of(world: World) -> Path:
    return world.path.with_name(f"{world.path.name}-wal")


async def test_log_has_its_size_from_the_start_and_does_not_grow(world: World) -> None:
    async with world.buffer(window=1.0) as buffer:
        assert log_of(world).stat().st_size == GROWN
        for number in range(50):
            buffer.add(reading(number))
            world.time += 2
            await buffer.flush()
        assert log_of(world).stat().st_size == GROWN
        assert len((await next_batch(buffer)).records) == 50


async def test_zeros_behind_the_frames_are_no_records(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(reading(1))
        await buffer.close()
        assert await world.after_power_cut().stored() == [1]


def test_log_that_is_not_there_is_left_alone(tmp_path: Path) -> None:
    wal.grow(tmp_path / "kogge.db")
    assert list(tmp_path.iterdir()) == []
