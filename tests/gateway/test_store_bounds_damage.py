"""D3: what cannot be read back from the card is given up and told, and holds up nothing."""

import pytest
from bounds_tools import (
    DISK,
    START,
    at,
    batch_of,
    damage,
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
from gateway.store import tables
from native.rfc3339 import rfc3339


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
