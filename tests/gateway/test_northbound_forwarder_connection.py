"""Connections refused, lost or taken over: what is said, and when the next one is tried."""

import asyncio

import pytest
from broker import Wire, fake_broker
from forwarder_bench import CONNACK, Gateway, MemoryBuffer, running
from messages import EUI
from patience import HUNG

from gateway.northbound import forwarder
from gateway.northbound.backoff import Backoff
from gateway.northbound.client import Client
from gateway.northbound.connection import Lost

pytestmark = pytest.mark.usefixtures("short_goodbyes")


async def test_wrong_password_is_said_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.northbound.backoff.QUICK_SECONDS", 0.01)
    buffer, attempts = MemoryBuffer(1), 0

    async def serve(wire: Wire) -> None:
        nonlocal attempts
        await wire.connect()
        attempts += 1
        if attempts <= 3:
            wire.send("20 03 00 87 00")
            return
        wire.send(CONNACK)
        while True:
            wire.puback(await wire.published())

    async with fake_broker(serve) as port, running(port, buffer, username="gw") as gateway:
        assert "refuses user 'gw'" in await gateway.words.wait("disconnected")
        assert "refuses user 'gw'" in gateway.forwarder.state.reason
        await buffer.until(lambda: len(buffer.done) == 1)
        assert len(gateway.words.of("disconnected")) == 1
        assert gateway.forwarder.state.reason == ""


@pytest.mark.parametrize(
    ("steady", "waits"), [(60.0, [0.1375, 0.275, 0.55, 0.55]), (0.0, [0.1375] * 4)]
)
async def test_back_off_grows_until_a_connection_has_held_for_a_while(
    monkeypatch: pytest.MonkeyPatch, steady: float, waits: list[float]
) -> None:
    """The broker takes the status, and then ends the connection."""
    monkeypatch.setattr(forwarder, "STEADY_SECONDS", steady)
    found: list[float] = []

    class Hurried(Backoff):
        def next(self, *, quick: bool = True) -> float:
            found.append(super().next(quick=quick))
            return 0.0

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        wire.puback(await wire.published())
        await wire.writer.drain()

    monkeypatch.setattr(forwarder, "Backoff", Hurried)
    async with fake_broker(serve) as port, running(port, MemoryBuffer()) as gateway:
        await gateway.words.wait("disconnected", 4)
    assert found[:4] == pytest.approx(waits)


async def test_gateway_that_is_pushed_out_by_another_says_so() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        wire.puback(await wire.published())
        wire.send("e0 02 8e 00")
        await wire.reader.read()

    async with fake_broker(serve) as port, running(port, MemoryBuffer()) as gateway:
        text = await gateway.words.wait("disconnected")
        assert text.endswith(f"is another gateway using this EUI? ({EUI})")


async def test_stop_that_meets_a_lost_connection_still_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A TaskGroup before Python 3.13 swallows the cancellation."""

    async def lost_while_being_stopped(_: Client) -> None:
        stopping.cancel()
        raise Lost("in the same moment")

    monkeypatch.setattr(Client, "lost", lost_while_being_stopped)

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        await wire.reader.read()

    async with fake_broker(serve) as port:
        stopping = asyncio.create_task(Gateway(port, MemoryBuffer(1)).forwarder.run(lambda: None))
        done, _ = await asyncio.wait((stopping,), timeout=HUNG)
        assert stopping in done
        assert stopping.cancelled()
