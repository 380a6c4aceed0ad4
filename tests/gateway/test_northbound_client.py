"""gateway.northbound.client against the real mosquitto, and against servers that misbehave."""

import asyncio
from pathlib import Path

import pytest
from aiomqtt import ProtocolVersion
from broker import Wire, fake_broker, mosquitto, subscriber
from client_bench import CONNACK, V5, V311, client
from patience import HUNG

from gateway.northbound.client import Refused
from gateway.northbound.connection import Lost


@pytest.mark.parametrize("protocol", [V5, V311])
async def test_published_message_arrives(tmp_path: Path, protocol: ProtocolVersion) -> None:
    async with (
        mosquitto(tmp_path) as broker,
        subscriber(broker.port) as messages,
        client(broker.port, protocol) as ours,
    ):
        await ours.publish("a/b", b"payload")
        message = await anext(aiter(messages))
        assert (str(message.topic), message.payload, message.qos) == ("a/b", b"payload", 1)


async def test_puback_with_failure_code_is_refused(tmp_path: Path) -> None:
    """aiomqtt 2.5 drops this code; a release that handles it otherwise fails here."""
    async with (
        mosquitto(tmp_path, acl="topic write allowed/#\n") as broker,
        client(broker.port) as ours,
    ):
        await ours.publish("allowed/x", b"")
        with pytest.raises(Refused) as refused:
            await ours.publish("forbidden/x", b"")
        assert (refused.value.reason_code, refused.value.name) == (0x87, "Not authorized")


async def test_no_matching_subscriber_is_an_acknowledgement(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker, client(broker.port) as ours:
        await ours.publish("nobody/listens", b"")  # mosquitto answers 0x10


@pytest.mark.parametrize(("server", "window"), [(3, 3), (50, 20)])
async def test_window_is_the_smaller_of_ours_and_receive_maximum(
    tmp_path: Path, server: int, window: int
) -> None:
    async with (
        mosquitto(tmp_path, settings=[f"max_inflight_messages {server}"]) as broker,
        client(broker.port) as ours,
    ):
        assert ours.window == window
        await asyncio.gather(*(ours.publish("a", b"") for _ in range(100)))


async def test_message_above_the_maximum_packet_size_is_refused_unsent() -> None:
    sizes = []

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send("20 08 00 00 05 27 00 00 00 c8")  # CONNACK, Maximum Packet Size 200
        _, body = await wire.packet()
        sizes.append(1 + 2 + len(body))  # type, length in two bytes
        wire.puback(int.from_bytes(body[3:5]))
        await wire.reader.read()

    async with fake_broker(serve) as port, client(port) as ours:
        with pytest.raises(Refused, match=r"201 bytes, and the broker takes 200 \(0x95\)"):
            await ours.publish("a", bytes(192))
        await ours.publish("a", bytes(191))
    assert sizes == [200]


async def test_never_more_in_flight_than_receive_maximum() -> None:
    most = 0

    async def serve(wire: Wire) -> None:
        nonlocal most
        await wire.connect()
        wire.send("20 06 00 00 03 21 00 02")  # CONNACK, Receive Maximum 2
        seen = [await wire.published(), await wire.published()]
        while seen:
            try:  # a third within the time that the loopback needs many times over
                seen.append(await asyncio.wait_for(wire.published(), 0.05))
            except TimeoutError:
                most = max(most, len(seen))
                wire.puback(seen.pop(0))

    async with fake_broker(serve) as port, client(port) as ours:
        await asyncio.gather(*(ours.publish("a", b"") for _ in range(6)))
    assert most == 2


async def test_lost_connection_fails_every_publish_at_once() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        await wire.published()

    async with (
        fake_broker(serve) as port,
        client(port, puback_silence=10 * HUNG) as ours,
        asyncio.timeout(HUNG),
    ):
        sent = [ours.publish("a", b"") for _ in range(30)]
        results = await asyncio.gather(*sent, ours.lost(), return_exceptions=True)
        assert {type(result) for result in results} == {Lost}
        with pytest.raises(Lost):
            await ours.publish("a", b"")


async def test_broker_that_never_acknowledges_is_lost() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        wire.puback(await wire.published())
        await wire.reader.read()

    async with fake_broker(serve) as port, client(port) as ours:
        await ours.publish("a", b"")
        ours._puback_silence = 0.05
        with pytest.raises(Lost, match="acknowledged nothing"):
            await ours.publish("a", b"")
