"""What the broker refuses is said, held and tried again, without a spin."""

import asyncio
import re
from pathlib import Path

import pytest
from broker import Wire, fake_broker, mosquitto
from forwarder_bench import CONNACK, MemoryBuffer, running
from messages import EUI

from gateway.records import Reading

pytestmark = pytest.mark.usefixtures("short_goodbyes")


async def test_refused_batch_is_returned_and_said(tmp_path: Path) -> None:
    buffer = MemoryBuffer(1)
    acl = f"topic write kogge/{EUI}/events\ntopic write kogge/{EUI}/status\n"
    async with mosquitto(tmp_path, acl=acl) as broker, running(broker.port, buffer) as gateway:
        text = await gateway.words.wait("refused")
        assert f"refused kogge/{EUI}/readings: Not authorized (0x87)" in text
        assert "Nothing is lost" in text
        assert (buffer.backlog, buffer.done) == (1, [])
        assert gateway.forwarder.state.refused == 1
        assert gateway.forwarder.state.connected


async def test_refusals_do_not_spin() -> None:
    buffer = MemoryBuffer(50)
    seen = 0

    async def serve(wire: Wire) -> None:
        nonlocal seen
        await wire.connect()
        wire.send(CONNACK)
        while True:
            mid = await wire.published()
            wire.puback(mid, "97")  # quota exceeded
            seen += 1

    async with fake_broker(serve) as port, running(port, buffer, batch_readings=1) as gateway:
        await gateway.words.wait("refused", 2)  # the status, and the first batch
        # nothing more may happen, so there is nothing to wait for: a spin would show in this time
        await asyncio.sleep(0.3)
        assert seen <= 1 + 2 * 20  # what was in flight when the first refusal came, not hundreds
        assert buffer.done == []


async def test_refused_batch_arrives_once_the_broker_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buffer = MemoryBuffer(3)
    codes = iter(["00", "97", "00"])  # status, batch, the batch again
    monkeypatch.setattr("gateway.northbound.backoff.QUICK_SECONDS", 0.01)

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        while True:
            mid = await wire.published()
            wire.puback(mid, next(codes, "00"))

    async with fake_broker(serve) as port, running(port, buffer):
        await buffer.until(lambda: len(buffer.done) == 3)
        assert [record.f_cnt for record in buffer.done if isinstance(record, Reading)] == [0, 1, 2]


async def test_record_that_is_too_large_for_the_broker_is_parked_and_said(tmp_path: Path) -> None:
    buffer = MemoryBuffer(2)
    async with (
        mosquitto(tmp_path, settings=["max_packet_size 400"]) as broker,
        running(broker.port, buffer) as gateway,
    ):
        text = await gateway.words.wait("parked", 2)
        assert re.search(r"is parked.*\d+ bytes, and the broker takes 400 \(0x95\)", text)
        assert "raise the broker's largest packet" in text
        assert "kogge forward retry" in text
        await buffer.until(lambda: len(buffer.done) == 2)  # the city is told of both
        assert {event.type for event in buffer.done} == {"parked"}  # type: ignore[union-attr]
        assert gateway.forwarder.state.connected
        assert (buffer.backlog, gateway.forwarder.state.parked) == (2, 2)
