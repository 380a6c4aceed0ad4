"""A walk passes what the buffer had at its beginning once, whatever comes and goes meanwhile."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from archive_tools import WEEK
from bounds_tools import DISK
from store_tools import World, next_batch, number_of, reading

from gateway.errors import ControlError
from gateway.lorawan.session import Changes
from gateway.store import inspection, walks
from gateway.store.buffer import Buffer
from gateway.store.walks import Walk


async def keep(buffer: Buffer, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, 100):
        part = range(start, min(start + 100, numbers.stop))
        await buffer.keep([reading(number) for number in part], Changes())


async def settle(world: World, buffer: Buffer) -> None:
    """What came in leaves memory, and is the backlog."""
    world.time += 1
    await buffer.flush()


async def passed(walk: Walk) -> list[int]:
    return [number_of(one) async for records in walk.slices() for one in records]


async def test_all_is_passed_once_in_order(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, range(700))
        await settle(world, buffer)
        for number in range(700, 720):
            buffer.add(reading(number))  # in memory alone
        with buffer.walks.begin() as walk:
            assert await passed(walk) == list(range(720))
        with buffer.walks.begin(newest=True) as walk:
            assert await passed(walk) == list(reversed(range(720)))
        assert (walk.tally.passed, walk.tally.gone, walk.tally.damaged) == (720, 0, 0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("newest", [False, True])
async def test_deliveries_and_arrivals_meanwhile_change_nothing(
    world: World, seed: int, newest: bool
) -> None:
    """The archive too: what is delivered before is passed of it, and nothing twice."""
    chance = random.Random(seed)
    async with world.buffer(archive=WEEK) as buffer:
        await keep(buffer, range(2000))
        await settle(world, buffer)
        for _ in range(chance.randrange(6)):
            buffer.delivered(await next_batch(buffer, chance.randrange(1, 200)))
        for number in range(2000, 2050):
            buffer.add(reading(number))
        batches = [await next_batch(buffer, chance.randrange(1, 200)) for _ in range(5)]
        number = 5000
        found: Counter[int] = Counter()
        with buffer.walks.begin(newest=newest, archive=True) as walk:
            async for records in walk.slices():
                found.update(number_of(record) for record in records)
                match chance.randrange(4):
                    case 0 if batches:
                        buffer.delivered(batches.pop(chance.randrange(len(batches))))
                    case 1 if buffer.backlog - sum(len(b.records) for b in batches) > 100:
                        batches.append(await next_batch(buffer, chance.randrange(1, 300)))
                    case 2:
                        await keep(buffer, range(number, number + 7))
                        number += 7
                    case _:
                        await settle(world, buffer)
        assert found == Counter(range(2050))
        assert walk.tally.gone == 0
        for batch in batches:
            buffer.returned(batch)


async def test_no_slice_is_larger_than_a_segment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []

    def counted(*args: object, **more: object) -> Sequence[object]:
        rows = read(*args, **more)  # type: ignore[arg-type]
        taken.append(sum(len(row.records) for row in rows))
        return rows

    read = inspection.read_segments
    monkeypatch.setattr(inspection, "read_segments", counted)
    async with world.buffer() as buffer:
        await keep(buffer, range(30))
        await buffer.keep([reading(number) for number in range(1000)], Changes())
        await keep(buffer, range(3000, 4000))
        await settle(world, buffer)
        with buffer.walks.begin() as walk:
            assert len(await passed(walk)) == 2030
    assert max(taken) == inspection.SLICE_RECORDS
    assert len(taken) < 20


async def test_what_is_given_up_meanwhile_is_counted(world: World) -> None:
    async with world.buffer(bounds=DISK) as buffer:
        await keep(buffer, range(3000))
        await settle(world, buffer)
        with buffer.walks.begin(newest=True) as walk:
            slices = walk.slices()
            found = [*await anext(slices), *await anext(slices)]
            world.free = 0
            await keep(buffer, range(9000, 9300))
            while buffer.lost_records == 0:
                await keep(buffer, range(9300, 9600))
            found += [one async for records in slices for one in records]
        assert 0 < buffer.lost_records == 3000 - len(found)
        assert walk.tally.gone == buffer.lost_records


async def test_one_who_takes_too_slowly_is_let_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "MISSED", 50)
    async with world.buffer() as buffer:
        await keep(buffer, range(2000))
        await settle(world, buffer)
        with buffer.walks.begin(newest=True) as walk:
            slices = walk.slices()
            await anext(slices)
            for _ in range(3):
                buffer.delivered(await next_batch(buffer, 100))
            with pytest.raises(ControlError, match="too slowly"):
                _ = [one async for one in slices]
        assert len(walk._missed) <= 51


async def test_not_everybody_looks_at_once(world: World) -> None:
    async with world.buffer() as buffer:
        with buffer.walks.begin(), buffer.walks.begin(), buffer.walks.begin():
            refused = pytest.raises(ControlError, match="try again later")
            with buffer.walks.begin(), refused, buffer.walks.begin():
                pass
            with buffer.walks.begin() as walk:
                assert await passed(walk) == []
