"""The lanes, with the real buffer: live readings beside a drain, its rates, and strict order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from broker import Wire, fake_broker
from forwarder_bench import CONNACK, Gateway
from patience import HUNG, until
from store_tools import reading

from gateway.lorawan.session import Changes
from gateway.store.buffer import Buffer
from gateway.store.database import Store

pytestmark = pytest.mark.usefixtures("short_goodbyes")


@asynccontextmanager
async def draining(
    path: Path, port: int, backlog: int, **settings: Any
) -> AsyncIterator[tuple[Buffer, Gateway]]:
    """A forwarder whose buffer has so many on disk, from a run before."""
    store = await Store.open(path)
    before = Buffer(store, 1.0, lambda _: None)
    await before.open()
    await before.keep([reading(n) for n in range(backlog)], Changes())
    buffer = Buffer(store, 1.0, lambda _: None)
    await buffer.open()
    gateway = Gateway(port, buffer, **settings)  # type: ignore[arg-type]
    tasks = [
        asyncio.create_task(gateway.forwarder.run(gateway.beat)),
        asyncio.create_task(buffer.run()),
    ]
    try:
        yield buffer, gateway
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        await buffer.close()
        await store.close()


class Line:
    """A broker that takes one message after the other, each `seconds` long, and notes them."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.heard: list[tuple[float, list[dict[str, Any]]]] = []
        self.news = asyncio.Event()

    async def __call__(self, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        await wire.connect()
        wire.send(CONNACK)
        while True:
            message = await wire.message()
            if message.topic.endswith("/readings"):
                await asyncio.sleep(self.seconds)
                self.heard.append((loop.time(), message.readings()))
                self.news.set()
            wire.puback(message.mid)

    @property
    def readings(self) -> list[dict[str, Any]]:
        return [one for _, readings in self.heard for one in readings]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(HUNG):
            while len(self.readings) < count:
                self.news.clear()
                await self.news.wait()


async def test_backlog_is_historical_and_live_readings_are_not(tmp_path: Path) -> None:
    line = Line()
    async with fake_broker(line) as port, draining(tmp_path / "db", port, 20) as (buffer, _):
        buffer.add(reading(100))
        await line.until(21)
    assert {one["f_cnt"]: one["historical"] for one in line.readings} == {
        **dict.fromkeys(range(20), True), 100: False,
    }  # fmt: skip


async def test_live_readings_stand_behind_little_on_a_slow_line(tmp_path: Path) -> None:
    """Each message takes 0.3 s: with the whole window in the backlog's hands it were 20 of them."""
    line = Line(0.3)
    settings = {"batch_readings": 5, "backlog_messages_per_s": 0, "backlog_kib_per_s": 0}
    async with (
        fake_broker(line) as port,
        draining(tmp_path / "db", port, 2000, **settings) as (buffer, _),
    ):
        await line.until(16 * 5)  # what was sent before anybody knew how slow it is
        for number in range(5000, 5006):
            before = len(line.heard)
            buffer.add(reading(number))
            await until(lambda n=number: n in {one["f_cnt"] for one in line.readings})  # type: ignore[misc]
            assert len(line.heard) - before - 1 <= 3


async def test_backlog_keeps_to_its_rate(tmp_path: Path) -> None:
    line = Line()
    settings = {"batch_readings": 1, "backlog_messages_per_s": 50, "backlog_kib_per_s": 0}
    async with (
        fake_broker(line) as port,
        draining(tmp_path / "db", port, 500, **settings),
    ):
        await line.until(100)
    seconds = line.heard[99][0] - line.heard[0][0]
    assert seconds >= (100 - 50 - 2) / 50  # a burst of one second, then 50 a second


async def test_backlog_keeps_to_its_bytes(tmp_path: Path) -> None:
    line = Line()
    settings = {"batch_readings": 10, "backlog_messages_per_s": 0, "backlog_kib_per_s": 20}
    async with (
        fake_broker(line) as port,
        draining(tmp_path / "db", port, 500, **settings),
    ):
        await line.until(80)
    sizes = [len(msgspec.json.encode(readings)) for _, readings in line.heard[:8]]
    seconds = line.heard[7][0] - line.heard[0][0]
    assert seconds >= sum(sizes[1:-1]) / 20_480 - 1.0 - 0.2
    assert sum(sizes) > 20_480 * 1.2  # else nothing would have been held up


async def test_strict_order_is_kept_over_a_refusal_and_beside_live_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.northbound.backoff.QUICK_SECONDS", 0.01)
    heard: list[int] = []
    number = 0

    async def serve(wire: Wire) -> None:
        nonlocal number
        await wire.connect()
        wire.send(CONNACK)
        while True:
            message = await wire.message()
            number += 1
            if number % 5 == 3:
                wire.puback(message.mid, "97")
                continue
            if message.topic.endswith("/readings"):
                heard.extend(one["f_cnt"] for one in message.readings())
            wire.puback(message.mid)

    settings = {"batch_readings": 3, "order": "strict", "backlog_messages_per_s": 0}
    async with (
        fake_broker(serve) as port,
        draining(tmp_path / "db", port, 40, **settings) as (buffer, _),
    ):
        for live in range(40, 50):
            buffer.add(reading(live))
        await until(lambda: not buffer.backlog)
    assert heard == list(range(50))
