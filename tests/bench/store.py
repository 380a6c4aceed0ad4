"""The buffer with the broker away: readings to disk, and back out when it returns.

The limit is the same work without the buffer: the same blobs through bare sqlite3, in one thread.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path

from gateway.records import Moment, Radio, Reading
from gateway.store.buffer import Buffer
from gateway.store.database import Store
from gateway.store.migrations import schema
from gateway.store.opening import PRAGMAS
from gateway.store.sealing import Keyring
from gateway.store.segments import pack, slices, unpack

from .row import Row

RECORDS = 50_000
ON_THE_AIR = 259  # readings/s that 16 demodulators can deliver at SF7 (docs/performance.md)
BATCH = 100


def readings() -> list[Reading]:
    radio = Radio(-80.0, 7.5, 7, 125_000, 868_100_000)
    return [
        Reading(
            f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128:032x}",
            f"70b3d57ed{number % 1000:07x}",
            "0000010002",
            f"parking-{number % 1000}",
            Moment(1_790_000_000 + number / 7, "ntp", "3b0f", number / 7),
            2,
            number,
            False,
            {"temperature": number % 400 / 10, "occupied": number % 3 == 0},
            {"temperature": "Cel"},
            radio,
        )
        for number in range(RECORDS)
    ]


def to_disk() -> Row:
    """From `add` to the fsync of the last, in rounds of what one window holds at full air."""
    measured, limit = _in_a_directory(_add_all), RECORDS / _bare_sqlite(_insert)
    return Row(
        "store: add to disk, broker away",
        f"{RECORDS / measured:.0f} readings/s",
        f"{limit:.0f} readings/s",
        f">= {ON_THE_AIR} readings/s",
        RECORDS / measured >= ON_THE_AIR,
    )


def back_out() -> Row:
    """From disk to the forwarder in batches, each delivered, their segments deleted."""
    measured, limit = _in_a_directory(_drain_all), RECORDS / _bare_sqlite(_select)
    return Row(
        "store: backlog to forwarder",
        f"{RECORDS / measured:.0f} readings/s",
        f"{limit:.0f} readings/s",
        f">= {ON_THE_AIR} readings/s",
        RECORDS / measured >= ON_THE_AIR,
    )


BENCHES: tuple[Callable[[], Row], ...] = (to_disk, back_out)


def _in_a_directory(measure: Callable[[Path], Coroutine[None, None, float]]) -> float:
    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(measure(Path(directory) / "kogge.db"))


async def _add_all(path: Path) -> float:
    store = await Store.open(path)
    buffer = Buffer(store, 0.0, lambda _: None)
    await buffer.open()
    records = readings()
    started = time.perf_counter()
    for part in slices(records):
        for record in part:
            buffer.add(record)
        await buffer.flush()
    seconds = time.perf_counter() - started
    await store.close()
    return seconds


async def _drain_all(path: Path) -> float:
    await _add_all(path)
    store = await Store.open(path)
    buffer = Buffer(store, 1.0, lambda _: None)
    await buffer.open()
    run = asyncio.create_task(buffer.run())
    started = time.perf_counter()
    while buffer.backlog:
        buffer.delivered(await buffer.next_batch(BATCH, 0))
    await buffer.close()
    seconds = time.perf_counter() - started
    run.cancel()
    await store.close()
    return seconds


def _bare_sqlite(measure: Callable[[sqlite3.Connection], float]) -> float:
    with (
        tempfile.TemporaryDirectory() as directory,
        closing(sqlite3.connect(Path(directory) / "bare.db", isolation_level=None)) as connection,
    ):
        for pragma in PRAGMAS:
            connection.execute(pragma)
        Keyring([]).serve(connection)  # the schema's later steps speak of its functions
        connection.executescript("\n".join(schema()))
        return measure(connection)


def _insert(connection: sqlite3.Connection) -> float:
    records = readings()
    started = time.perf_counter()
    for first, part in enumerate(slices(records)):
        connection.execute(
            "INSERT INTO segment (first, count, records) VALUES (?, ?, ?)",
            (first, len(part), pack(part)),
        )
    return time.perf_counter() - started


def _select(connection: sqlite3.Connection) -> float:
    _insert(connection)
    started = time.perf_counter()
    for (blob,) in connection.execute("SELECT records FROM segment ORDER BY first"):
        unpack(blob)
    return time.perf_counter() - started
