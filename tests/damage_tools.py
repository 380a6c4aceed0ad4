"""A database with something of everything, to be damaged."""

import asyncio
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from store_tools import MOMENT, World, reading, session

from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.order import Order, Queued
from gateway.lorawan.session import Changes, Join, Rejoin

PAGE = 1024
DEVICES = 60
RECORDS = 3000
BATCHES = 3
WHOLE = [
    replace(session(n, bytes((0, 0, n, 0, 2)), f_cnt_up=n), f_cnt_down_reserved=20)
    for n in range(1, DEVICES)
]
JOINS = [Join(n, 1, n, n) for n in range(1, DEVICES)]
DOWNLINKS = tuple(Queued(n, Order(f"order {n}", 1, 1, b"x" * 40)) for n in range(1, 20))
SPENT = Spent(868_000_000, 100, MOMENT.at)

Hurt: TypeAlias = Callable[[bytearray], bytearray]


def fill(path: Path) -> Path:
    """A database with something of everything, closed or killed (its log is there)."""
    asyncio.run(_fill(World(path)))
    return path


async def _fill(world: World) -> None:
    async with world.store() as store:
        buffer = world.on(store)
        await buffer.open()
        changes = Changes(
            tuple(WHOLE), (), tuple(JOINS), (Rejoin(200, 1, 4, 9),), downlinks=DOWNLINKS
        )
        await buffer.keep([], changes)
        await store.spend(SPENT)
        await store.remember("gateway_eui", "0016c001ff10a235")
        for first in range(0, RECORDS, 250):
            records = [
                reading(n, payload=random.Random(n).randbytes(40).hex(), error="e")
                for n in range(first, first + 250)
            ]
            await buffer.keep(records, Changes())
        for _ in range(BATCHES):
            buffer.returned(await buffer.next_batch(1, 0))


def taken(filled: Path, tmp_path: Path) -> World:
    for file in (filled, filled.with_name("kogge.key")):
        shutil.copy(file, tmp_path)
    return World(tmp_path / "kogge.db")


def hurt(path: Path, how: Hurt) -> None:
    path.write_bytes(how(bytearray(path.read_bytes())))
