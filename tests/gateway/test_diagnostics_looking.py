"""What a sample of the history is made of: the oldest reading that waits, above all."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from store_tools import MOMENT, World, drain, reading

from drivers.concentrator import ConcentratorStatus
from gateway.diagnostics.looking import age, look
from gateway.diagnostics.sampling import Now
from gateway.lorawan.session import NO_CHANGES
from gateway.records import Moment
from gateway.store.buffer import Buffer
from gateway.store.database import Store

UPLINKS: Any = SimpleNamespace(counts=Counter(readings=7), drops=Counter(bad_mic=2, replay=1))
BOARD: Any = SimpleNamespace(status=lambda: ConcentratorStatus(temperature=38.5))


async def seen(world: World, buffer: Buffer, store: Store) -> Now:
    return await look(UPLINKS, buffer, store, BOARD, str(world.path.parent), world.clock())


async def test_what_waits_on_disk_is_older_than_what_memory_has(world: World) -> None:
    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        await buffer.keep([reading(1), reading(2)], NO_CHANGES)
        buffer.add(reading(3, moment=Moment(MOMENT.at, "ntp", MOMENT.boot_id, world.time)))
        found = await seen(world, buffer, store)
        assert (found.waiting, found.oldest) == (3, world.time - MOMENT.monotonic_s)
        assert (found.readings, found.drops, found.concentrator) == (7, 3, 38.5)
        assert found.disk is not None
        assert 0 < found.disk < 1
        await drain(buffer)
        assert (await seen(world, buffer, store)).oldest == 0


async def test_what_memory_alone_has_waits_too(world: World) -> None:
    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        buffer.add(reading(1))
        found = await seen(world, buffer, store)
        assert (found.waiting, found.oldest) == (1, world.time - MOMENT.monotonic_s)


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (Moment(None, "unsynchronised", MOMENT.boot_id, 900.0), 100.0),
        (Moment(None, "unsynchronised", "another boot", 900.0), 0.0),
        (Moment(1_790_000_000.125 - 3600, "ntp", "another boot", 5000.0), 3600.0),
        (Moment(1_790_000_000.125 + 3600, "ntp", "another boot", 5000.0), 0.0),
    ],
)
def test_age_is_told_as_far_as_it_can_be_known(
    world: World, moment: Moment, seconds: float
) -> None:
    assert age(moment, world.clock()) == seconds
