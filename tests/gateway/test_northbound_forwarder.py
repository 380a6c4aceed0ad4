"""From a buffer to the broker: nothing delivered that was not acknowledged, nothing kept back."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import MessagesIterator
from broker import Wire, fake_broker, mosquitto, subscriber
from forwarder_bench import CONNACK, MemoryBuffer, reading, running
from messages import EUI, MOMENT, check
from patience import HUNG

from gateway.records import Event, Reading, Record

pytestmark = pytest.mark.usefixtures("short_goodbyes")


def ids(messages: list[Any]) -> list[int]:
    return [int(r["id"], 16) for message in messages for r in message["readings"]]


async def received(messages: MessagesIterator, count: int) -> list[int]:
    """The readings of the next messages, until there are `count` different ones."""
    found: list[int] = []
    async for message in messages:
        found += ids([check("readings", str(message.payload, "utf-8"))])
        if len(set(found)) >= count:
            return found
    raise AssertionError("the subscription ended")


async def test_readings_and_events_arrive_and_are_delivered(tmp_path: Path) -> None:
    buffer = MemoryBuffer(250)
    buffer.add(Event("join", MOMENT, {"device": "70b3d57ed0000001"}))
    async with (
        mosquitto(tmp_path) as broker,
        subscriber(broker.port, f"kogge/{EUI}/readings") as readings,
        subscriber(broker.port, f"kogge/{EUI}/events") as events,
        running(broker.port, buffer) as gateway,
    ):
        assert await received(readings, 250) == list(range(250))
        check("events", str((await anext(aiter(events))).payload, "utf-8"))
        await buffer.until(lambda: len(buffer.done) == 251)
        state = gateway.forwarder.state
        assert (state.connected, state.protocol, state.published) == (True, "5", 4)
        assert (state.in_flight, state.refused, state.connections) == (0, 0, 1)


async def test_batches_fill_up_only_while_half_the_window_is_in_flight() -> None:
    buffer = MemoryBuffer(6)

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        await wire.reader.read()

    async with (
        fake_broker(serve) as port,
        running(port, buffer, in_flight=4, batch_readings=1, batch_seconds=3),
    ):
        await buffer.until(lambda: len(buffer.out) == 4)
    assert buffer.asked == [(1, 0.0), (1, 0.0), (1, 3.0), (1, 3.0)]  # and no more than four


async def test_batches_are_made_as_small_as_the_broker_wants_them(tmp_path: Path) -> None:
    buffer = MemoryBuffer(200)
    async with (
        mosquitto(tmp_path, settings=["max_packet_size 5000"]) as broker,
        subscriber(broker.port, f"kogge/{EUI}/readings") as readings,
        running(broker.port, buffer, batch_readings=50) as gateway,
    ):
        async with asyncio.timeout(HUNG):
            assert sorted(set(await received(readings, 200))) == list(range(200))
            await buffer.until(lambda: len(buffer.done) == 200)
        assert gateway.forwarder.state.connections == 1
        assert gateway.words.of("refused") == []


def id_of(record: Record) -> int:
    assert isinstance(record, Reading)
    return int(record.id, 16)


async def test_cut_in_mid_flight_returns_every_batch_in_order() -> None:
    buffer = MemoryBuffer(100)
    cuts = 0

    async def serve(wire: Wire) -> None:
        nonlocal cuts
        await wire.connect()
        wire.send(CONNACK)
        acknowledged = 0
        while cuts == 3 or acknowledged < 5:
            wire.puback(await wire.published())
            acknowledged += 1
        await wire.writer.drain()
        cuts += 1

    async with (
        fake_broker(serve) as port,
        running(port, buffer, batch_readings=1, in_flight=8) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 100)
        assert gateway.forwarder.state.connections == 4
        assert gateway.words.of("disconnected") == ["the connection to the broker broke"] * 3
    assert sorted(map(id_of, buffer.done)) == list(range(100))


async def test_nothing_is_lost_and_work_resumes_when_the_broker_comes_back(tmp_path: Path) -> None:
    buffer = MemoryBuffer()
    async with mosquitto(tmp_path) as broker, running(broker.port, buffer) as gateway:
        await gateway.words.wait("connected")
        for round_ in range(3):
            await broker.kill()
            await gateway.words.wait("disconnected", 2 * round_ + 2)  # lost, then nobody there
            for n in range(10):
                buffer.add(reading(round_ * 10 + n))
            await broker.start()
            async with asyncio.timeout(HUNG):
                await buffer.until(lambda n=round_: len(buffer.done) == 10 * n + 10)  # type: ignore[misc]
        assert gateway.forwarder.state.connections == 4
    assert [id_of(record) for record in buffer.done] == list(range(30))


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_batches_in_flight_come_back_when_it_is_stopped(protocol: str) -> None:
    buffer = MemoryBuffer(10)

    async def serve(wire: Wire) -> None:
        level = await wire.connect()
        wire.send(CONNACK if level == 5 else "20 02 00 00")
        await wire.reader.read()

    async with (
        asyncio.timeout(HUNG),
        fake_broker(serve) as port,
        running(port, buffer, batch_readings=1, in_flight=3, protocol=protocol),
    ):
        await buffer.until(lambda: len(buffer.out) == 3)
    assert [id_of(record) for record in buffer.waiting] == list(range(10))
