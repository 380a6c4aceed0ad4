"""One memory of commands, for downlinks and all others: what comes again is known."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from store_tools import World

from gateway.lorawan import correlations
from gateway.lorawan.correlations import Correlations
from gateway.lorawan.order import NOTHING, Order
from gateway.lorawan.queue import DownlinkQueue
from gateway.lorawan.session import Changes
from gateway.replay import Command, Span
from gateway.store import commands, downlinks
from gateway.store.buffer import Buffer

VALVE = Order("valve", 1, 10, b"open")


@dataclass(frozen=True)
class Run:
    """What one run of the daemon knows of commands."""

    queue: DownlinkQueue
    buffer: Buffer

    async def order(self, order: Order) -> None:
        step = self.queue.put(order, 0.0)
        await self.buffer.keep([], Changes(downlinks=step.downlinks))


@asynccontextmanager
async def daemon(world: World) -> AsyncIterator[Run]:
    async with world.store() as store:
        known = Correlations()
        queue = DownlinkQueue((await store.load()).downlinks, correlations=known)
        buffer = Buffer(store, 1.0, lambda _: None, correlations=known)
        await buffer.open()
        yield Run(queue, buffer)


async def test_command_of_either_kind_is_known_to_the_other_over_restarts(world: World) -> None:
    async with daemon(world) as run:
        await run.order(VALVE)
        assert run.buffer.replays.knows(VALVE.correlation)
        await run.buffer.keep([], Changes(), [Command("level", "log_level")])
        await run.buffer.keep([], Changes(), [Command("again", "replay", Span(0, 1), done=False)])
    async with daemon(world) as run:
        for name in ("valve", "level", "again"):
            assert run.buffer.replays.knows(name)
            assert run.queue.put(Order(name, 1, 10, b"open"), 0.0) == NOTHING
        assert not run.buffer.replays.knows("another")


async def test_last_of_either_kind_are_known_after_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (correlations, commands, downlinks):
        monkeypatch.setattr(module, "REMEMBERED", 4)
    async with daemon(world) as run:
        for number in range(12):
            if number % 3:
                await run.order(Order(str(number), number, 10, b"open", expires_at=-1.0))
            else:
                await run.buffer.keep([], Changes(), [Command(str(number), "config")])
    async with daemon(world) as run:
        assert all(run.buffer.replays.knows(str(number)) for number in range(8, 12))
        await run.order(Order("new", 1, 10, b"open"))
        assert all(run.buffer.replays.knows(str(number)) for number in (9, 10, 11, "new"))


def test_what_waits_is_known_however_many_came_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correlations, "REMEMBERED", 1)
    known = Correlations()
    known.came("waits")
    for name in "abcd":
        known.came(name)
        known.done(name)
    assert [known.knows(name) for name in ("waits", *"abcd")] == [True, False, False, True, True]
    known.done("waits")
    assert not known.knows("waits")


def test_what_was_not_kept_may_come_again() -> None:
    known = Correlations()
    known.came("a")
    known.forget("a")
    assert not known.knows("a")
