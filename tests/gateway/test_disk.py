"""The disk's retry: told at once, tried again and again, back when everything is on it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from patience import HUNG, until
from store_tools import MOMENT

from gateway import disk
from gateway.disk import Disk
from gateway.errors import DiskFault


class Bench:
    """A store that fails when told to."""

    def __init__(self) -> None:
        self.fault: DiskFault | None = None
        self.failed = asyncio.Event()
        self.healed = False
        self.salvages: list[str] = []
        self.tries = self.looks = self.beats = 0
        self.told: list[tuple[str, str]] = []
        self.news = asyncio.Event()
        self.disk = Disk(self, self.restore, self.look, self.hear, lambda: 0.0, lambda: MOMENT)

    def fail(self, words: str) -> None:
        self.fault = DiskFault(words)
        self.failed.set()

    async def restore(self) -> None:
        self.tries += 1
        self.failed.clear()
        self.news.set()
        if self.fault and not self.healed:
            raise self.fault
        self.fault = None

    async def look(self) -> None:
        self.looks += 1
        self.news.set()

    def hear(self, state: str, reason: str) -> None:
        self.told.append((state, reason))
        self.news.set()

    def beat(self) -> None:
        self.beats += 1

    async def until(self, tries: int) -> None:
        async with asyncio.timeout(HUNG):
            while self.tries < tries:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(disk, "PAUSES", (0.001, 0.002))
    one = Bench()
    task = asyncio.create_task(one.disk.run(one.beat))
    yield one
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def test_disk_that_refuses_is_told_once_and_tried_until_it_is_back(bench: Bench) -> None:
    bench.fail("disk I/O error")
    await bench.until(3)
    assert bench.told == [("failing", "disk I/O error")]
    assert bench.disk.state == "failing"
    bench.fail("database or disk is full")
    await bench.until(5)
    assert (bench.disk.state, bench.disk.reason) == ("failing", "database or disk is full")
    bench.healed = True
    await until(lambda: bench.disk.state != "failing")
    assert bench.told[1:] == [("back", "")]
    assert bench.disk.retries == bench.tries
    assert bench.beats > bench.tries


async def test_store_that_is_well_is_asked_now_and_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "ASKED_EVERY", 0.002)
    bench.failed.set()  # of a fault that is over
    await until(lambda: bench.looks >= 3)
    assert (bench.told, bench.disk.retries) == ([], 0)


async def test_damaged_database_is_told_when_it_is_back(bench: Bench) -> None:
    bench.fail("database disk image is malformed")
    await bench.until(1)
    bench.salvages.append("the database is damaged")
    bench.healed = True
    await until(lambda: len(bench.told) >= 3)
    assert bench.disk.damage == "the database is damaged"
    assert sorted(bench.told[1:]) == [("back", ""), ("damaged", "the database is damaged")]


async def test_disk_is_tried_once_more_before_the_last_commit() -> None:
    bench = Bench()
    await bench.disk.close()
    assert bench.tries == 0
    bench.fault = DiskFault("disk I/O error")
    await bench.disk.close()
    assert bench.tries == 1
