"""Some days of the simulated street over the real store: its SQL, its JSON, its sealed keys.

Each commit goes to SQLite too, and each life begins with what a reopened database gives. What the
modelled disk knows and what the real one has kept must be the same.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from _pytest.monkeypatch import MonkeyPatch

from gateway.lorawan.correlations import REMEMBERED
from gateway.lorawan.order import State
from gateway.lorawan.session import KnownState
from gateway.simulation import city, world
from gateway.simulation.agenda import DAY, HOUR
from gateway.simulation.disk import Disk, Write
from gateway.simulation.world import World
from gateway.store import tables
from gateway.store.database import Store

MEMORY = Path("/dev/shm")


class StoredDisk(Disk):
    """A modelled disk whose commits are done by `Store`."""

    path: Path
    loop: asyncio.AbstractEventLoop
    store: Store | None = None
    lives = 0

    def load(self) -> KnownState:
        found = self.loop.run_until_complete(self.reopened())
        expected = super().load()
        assert sorted(found.sessions, key=_id) == sorted(expected.sessions, key=_id)
        assert set(found.joins) == set(expected.joins)
        assert set(found.rejoins) == set(expected.rejoins)
        assert set(found.airtime) == set(expected.airtime)
        assert _open(found) == _open(expected)
        assert len(found.downlinks) <= REMEMBERED
        self.lives += 1
        return found

    def _apply(self, write: Write) -> None:
        super()._apply(write)
        assert self.store is not None
        airtime = () if write.airtime is None else (write.airtime,)
        kept = replace(tables.Write.of(write.changes), airtime=airtime)
        self.loop.run_until_complete(self.store.commit(kept, lambda fault: None))

    async def reopened(self) -> KnownState:
        if self.store is not None:
            await self.store.close()
        self.store = await Store.open(self.path)
        return await self.store.load()

    def close(self) -> None:
        if self.store is not None:
            self.loop.run_until_complete(self.store.close())


def _id(session: Any) -> tuple[int, bytes]:
    return session.dev_eui, session.id


def _open(known: KnownState) -> set[Any]:
    return {one for one in known.downlinks if one.state is not State.DONE}


@pytest.fixture
def stored(monkeypatch: MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as directory:
        StoredDisk.path = Path(directory) / "kogge.db"
        StoredDisk.loop = asyncio.new_event_loop()
        monkeypatch.setattr(world, "Disk", StoredDisk)
        yield
        StoredDisk.loop.close()


@pytest.mark.usefixtures("stored")
def test_nothing_happens_over_the_real_store_that_may_not(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.setattr(world, "KILLS_PER_DAY", 60)
    monkeypatch.setattr(city, "WEEK", 6 * HOUR)
    street = World(15, 1)
    disk = street._disk
    assert isinstance(disk, StoredDisk)
    street.run(DAY)
    street.close()
    disk.load()
    disk.close()
    assert street.judge.violations == []
    assert disk.lives > 20
    assert {"OK", "ACKED", "NOT_ACKED"} <= set(street.city.results)
    assert street.judge.joins > 15
