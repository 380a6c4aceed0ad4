"""What the tests of the archive share: readings at a time, replays, and what comes out of one."""

import asyncio

from store_tools import MOMENT, next_batch, number_of, reading

from gateway.lorawan.session import Changes
from gateway.records import Event, Moment, Reading
from gateway.replay import Command, Span
from gateway.store.bounds import DAY
from gateway.store.buffer import Buffer

WEEK = 7 * DAY
START = MOMENT.at or 0.0
ALL = Span(0.0, 4e9)


def timed(number: int, device: int = 1) -> Reading:
    """Received `number` seconds after START."""
    moment = Moment(START + number, "ntp", "boot", 12.5 + number)
    return reading(number, device=f"{device:016x}", moment=moment)


async def deliver(buffer: Buffer, *readings: Reading) -> None:
    for each in readings:
        buffer.add(each)
    while buffer.backlog:
        buffer.delivered(await next_batch(buffer, 1000))


async def order(buffer: Buffer, correlation: str, span: Span = ALL) -> None:
    await buffer.keep([], Changes(), [Command(correlation, "replay", span, done=False)])


async def until_answered(buffer: Buffer, limit: int = 100) -> tuple[list[int], list[Event]]:
    """Deliver until no replay waits and nothing is undelivered: readings that were replayed, and
    all events.
    """
    numbers: list[int] = []
    events: list[Event] = []
    running = asyncio.create_task(buffer.run())
    while len(buffer.replays) or buffer.backlog:
        batch = await next_batch(buffer, limit)
        if batch.replayed:
            assert batch.historical
            numbers += map(number_of, batch.records)
        events += [record for record in batch.records if isinstance(record, Event)]
        buffer.delivered(batch)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return numbers, events


async def replayed(buffer: Buffer, span: Span = ALL, correlation: str = "again") -> list[int]:
    """What comes of a replay; its answer has counted that."""
    await order(buffer, correlation, span)
    numbers, (answer,) = await until_answered(buffer)
    assert (answer.detail["status"], answer.detail["count"]) == ("OK", len(numbers))
    return numbers
