"""D1d in the buffer: a reading that is decoded while it waits is kept and handed out decoded."""

import msgspec
from store_tools import World, next_batch, reading

from gateway.lorawan.session import Changes
from gateway.records import Reading
from gateway.store.buffer import Batch
from gateway.store.segments import pack, unpack

RAW = reading(1, measurements={}, units={}, payload="0102", undecoded=True)
DECODED = reading(1)


def records(*batches: Batch) -> list[object]:
    return [record for batch in batches for record in batch.records]


async def test_reading_decoded_in_time_is_handed_out_decoded(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(RAW)
        buffer.replace(DECODED)
        assert records(await next_batch(buffer)) == [DECODED]


async def test_reading_decoded_in_time_is_stored_decoded(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(RAW)
        buffer.replace(DECODED)
        await buffer.close()
    async with world.buffer() as buffer:
        assert records(await next_batch(buffer)) == [DECODED]


async def test_d1d_reading_not_decoded_in_time_is_stored_raw(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(RAW)
        await buffer.close()
    async with world.buffer() as buffer:
        assert records(await next_batch(buffer)) == [RAW]


async def test_reading_decoded_on_its_way_comes_back_decoded(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(RAW)
        batch = await next_batch(buffer)
        buffer.replace(DECODED)
        buffer.returned(batch)
        assert records(await next_batch(buffer)) == [DECODED]


async def test_answered_reading_is_handed_out_decoded_too(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([RAW], Changes())
        buffer.replace(DECODED)
        assert records(await next_batch(buffer)) == [DECODED]


async def test_decoded_reading_that_has_left_memory_does_no_harm(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.add(RAW)
        buffer.delivered(await next_batch(buffer))
        buffer.replace(DECODED)
        assert buffer.backlog == 0


def test_reading_of_an_older_version_is_read_as_decoded() -> None:
    old = msgspec.to_builtins(DECODED)
    assert "undecoded" not in old
    assert unpack(pack([DECODED, RAW])) == [DECODED, RAW]
    assert msgspec.convert({**old, "payload": None, "error": None}, Reading) == DECODED
