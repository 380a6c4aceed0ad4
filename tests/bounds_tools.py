"""What the tests of the bounds share: dated records, gaps, and what goes wrong on a card."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from patience import HUNG
from store_tools import MOMENT, World, number_of, reading

from gateway.lorawan.session import Changes
from gateway.records import Event, Moment, Reading, Record
from gateway.store.bounds import DAY, Bounds
from gateway.store.buffer import Batch, Buffer

START = MOMENT.at or 0.0
DISK = Bounds(min_free=1000)
MONTH = Bounds(max_age=30 * DAY)


def at(number: int, seconds: float | None, boot: str = "boot", quality: str = "ntp") -> Reading:
    """Takes some 80 bytes on disk, in company."""
    payload = random.Random(number).randbytes(50).hex()
    return reading(number, moment=Moment(seconds, quality, boot, 12.5), payload=payload)


def many(numbers: range) -> list[Record]:
    return [at(number, START + number) for number in numbers]


async def keep(buffer: Buffer, *records: Record) -> None:
    await buffer.keep(records, Changes())


async def batch_of(buffer: Buffer, limit: int = 1000) -> Batch:
    return await asyncio.wait_for(buffer.next_batch(limit, 0), HUNG)


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


def damage(world: World, firsts: Sequence[int]) -> None:
    """One bit of each of these rows (0: the oldest) flips on the card."""
    with closing(sqlite3.connect(world.path)) as card, card:
        rows = card.execute("SELECT first, records FROM segment ORDER BY first").fetchall()
        for first, blob in (rows[n] for n in firsts):
            flipped = bytearray(blob)
            flipped[len(blob) // 2] ^= 1
            card.execute("UPDATE segment SET records = ? WHERE first = ?", (flipped, first))
