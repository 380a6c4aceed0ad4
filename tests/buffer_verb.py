"""`kogge buffer` on a daemon that has a buffer and answers, and on what one has left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from socket_daemon import answering
from store_tools import World, event, reading

from gateway.cli import main
from gateway.diagnostics import buffering
from gateway.diagnostics.control import Control
from gateway.diagnostics.watch import Watch
from gateway.lorawan.session import Changes
from gateway.records import Record
from gateway.store.bounds import DAY, Bounds
from gateway.store.buffer import Buffer

OTHER = "70b3d57ed0000002"
BOUNDS = Bounds(30 * DAY, 2**30, 2**28)


def write_config(world: World) -> Path:
    """A kogge.toml whose database is the world's."""
    file = world.path.with_name("kogge.toml")
    file.write_text(
        '[gateway]\nstate_dir = "."\ncontrol_socket = "kogge.sock"\n'
        '[mqtt]\nurl = "mqtt://127.0.0.1"\nplain_is_ok = true\n',
        encoding="utf-8",
    )
    (world.path.parent / "devices.toml").write_text("", encoding="utf-8")
    return file


@asynccontextmanager
async def daemon(world: World) -> AsyncIterator[Buffer]:
    """As much of one as has a buffer and answers."""
    async with world.store() as store:
        buffer = Buffer(
            store, 1.0, world.say_safe, now=lambda: world.time, clock=world.clock(), archive=1e6
        )
        await buffer.open()
        control = Control(
            world.path.with_name("kogge.sock"),
            dict,
            Watch(),
            {
                "buffer": lambda request: buffering.answer(
                    request, buffer=buffer, store=store, bounds=BOUNDS, clock=world.clock()
                )
            },
        )
        async with answering(control):
            yield buffer
        await buffer.close()


async def kogge(config: Path, *words: str) -> int:
    words = (words[0], "--config", str(config), *words[1:])
    return await asyncio.to_thread(main, ["buffer", *words])


async def fill(buffer: Buffer, *records: Record) -> None:
    await buffer.keep(records, Changes())


RECORDS: list[Record] = [
    reading(1, measurements={"temperature": -3.5, "state": "=1+2"}, name="@home"),
    event(2),
    reading(3, device=OTHER, measurements={"=distance": 4, "occupied": True}, units={}),
    reading(4, measurements={}, payload="00ff", error="-no codec"),
]


@asynccontextmanager
async def filled(world: World, *, running: bool) -> AsyncIterator[Buffer]:
    async with daemon(world) as buffer:
        await fill(buffer, *RECORDS)
        if running:
            yield buffer
    if not running:
        yield buffer


BOTH = pytest.mark.parametrize("running", [True, False], ids=["daemon", "at rest"])
