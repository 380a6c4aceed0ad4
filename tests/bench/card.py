"""Bytes that reach an SD card for each reading, at one reading a second in real time.

Each way of storing has a loop device with an ext4 of its own: what counts is what the kernel wrote
to the device (`/sys/dev/block/*/stat`), the file system's journal included, from an open database
that knows its devices until all is synced; then it closes. All run side by side.
Mounting needs root; without it there is nothing to measure.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import msgspec

from gateway.lorawan.session import Session
from gateway.records import Reading
from gateway.store.buffer import Buffer
from gateway.store.database import Store

from .row import Row
from .wire import readings

SECONDS = 60
DISK_MIB = 64
SECTOR = 512  # bytes; the unit of /sys/block/*/stat
WRITTEN = 6  # its column
INITIALISED = "lazy_itable_init=0,lazy_journal_init=0"  # or the kernel goes on writing for itself

Mark: TypeAlias = Callable[[], None]  # called when the counting begins, and when it ends
Life: TypeAlias = Callable[[Path, Mark], Coroutine[None, None, None]]


def rows() -> Iterator[Row]:
    """All at once; each against SQLite as it comes, a row of 200 bytes a commit."""
    if not _may_mount():
        yield Row("card: bytes a reading", "needs root to mount", "", "<= 500 bytes", None)
        return
    usual, there, away, patient = asyncio.run(_all(usual_sqlite, *OURS))
    limit = f"{usual:.0f} B SQLite as it comes"
    yield _row("card: broker there", there, limit, 500, "<= 500 bytes/reading")
    yield _row("card: broker away, W = 1 s", away, limit, 0.6 * usual, "<= 0.6 x SQLite")
    yield _row("card: broker away, W = 10 s", patient, limit, 0.25 * usual, "<= 0.25 x SQLite")


def _row(what: str, measured: float, limit: str, most: float, goal: str) -> Row:
    return Row(what, f"{measured:.0f} B/reading", limit, goal, measured <= most)


def _may_mount() -> bool:
    tools = all(shutil.which(tool) for tool in ("mkfs.ext4", "mount", "umount"))
    return os.geteuid() == 0 and tools and Path("/dev/loop-control").exists()


async def _all(*lives: Life) -> list[float]:
    """Bytes a reading of each."""
    return await asyncio.gather(*(asyncio.to_thread(_measured, life) for life in lives))


def _measured(life: Life) -> float:
    with tempfile.TemporaryDirectory() as directory, _disk(Path(directory)) as (place, written):
        marks: list[int] = []

        def mark() -> None:
            subprocess.run(["sync", "-f", str(place)], check=True)
            marks.append(written())

        asyncio.run(life(place, mark))
        return (marks[1] - marks[0]) / SECONDS


@contextmanager
def _disk(directory: Path) -> Iterator[tuple[Path, Callable[[], int]]]:
    """A mounted ext4, and how many bytes have been written to its device."""
    image, place = directory / "image", directory / "disk"
    with image.open("wb") as file:
        file.truncate(DISK_MIB << 20)
    place.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-E", INITIALISED, str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
    try:
        device = place.stat().st_dev
        stat = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
        yield place, lambda: int(stat.read_text(encoding="ascii").split()[WRITTEN]) * SECTOR
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


async def usual_sqlite(place: Path, mark: Mark) -> None:
    """As a careful program would: write-ahead log, synchronous, each reading its own commit."""
    with closing(sqlite3.connect(place / "usual.db", isolation_level=None)) as connection:
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE reading (number INTEGER PRIMARY KEY, record BLOB)")
        mark()
        async for reading in _street():
            record = msgspec.json.encode(reading)[:200]
            connection.execute("INSERT INTO reading (record) VALUES (?)", (record,))
        mark()


async def _ours(place: Path, mark: Mark, window: float, *, broker: bool) -> None:
    store = await Store.open(place / "kogge.db")
    buffer = Buffer(store, window, lambda _: None)
    await buffer.open()
    for reading in readings():
        buffer.touch(_session(reading))
    await buffer.close()
    mark()
    tasks = [asyncio.create_task(buffer.run())]
    if broker:
        tasks.append(asyncio.create_task(_broker(buffer)))
    async for reading in _street():
        buffer.add(reading, _session(reading))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await buffer.close()
    mark()
    await store.close()


async def _broker(buffer: Buffer) -> None:
    while True:
        buffer.delivered(await buffer.next_batch(100, 0.1))


async def _there(place: Path, mark: Mark) -> None:
    await _ours(place, mark, 1.0, broker=True)


async def _away(place: Path, mark: Mark) -> None:
    await _ours(place, mark, 1.0, broker=False)


async def _patient(place: Path, mark: Mark) -> None:
    await _ours(place, mark, 10.0, broker=False)


OURS: tuple[Life, ...] = (_there, _away, _patient)


async def _street() -> AsyncIterator[Reading]:
    """One reading a second, each of another device's next frame."""
    began = time.monotonic()
    for number, reading in zip(range(SECONDS), readings(), strict=False):
        await asyncio.sleep(max(0.0, began + number - time.monotonic()))
        yield reading


def _session(reading: Reading) -> Session:
    dev_eui, id_, key = int(reading.device, 16), bytes.fromhex(reading.session), bytes(16)
    return Session(dev_eui, id_, 0, key, key, key, key, f_cnt_up=reading.f_cnt)
