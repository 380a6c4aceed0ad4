"""gateway.northbound.client against the real mosquitto, and against servers that misbehave."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import MqttError, ProtocolVersion, Will
from broker import Wire, fake_broker, free_port, mosquitto, subscriber

from gateway.northbound.client import Client, Lost, NoConnack, Refused

V5, V311 = ProtocolVersion.V5, ProtocolVersion.V311
CONNACK = "20 03 00 00 00"


def client(port: int, protocol: ProtocolVersion = V5, **more: Any) -> Client:
    options: dict[str, Any] = {"in_flight": 20} | more
    return Client(
        "127.0.0.1", port, identifier="kogge-test", protocol=protocol, will=Will("will"), **options
    )


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

    async with fake_broker(serve) as port, client(port) as ours, asyncio.timeout(1):
        sent = [ours.publish("a", b"") for _ in range(30)]
        results = await asyncio.gather(*sent, ours.lost(), return_exceptions=True)
        assert {type(result) for result in results} == {Lost}
        with pytest.raises(Lost):
            await ours.publish("a", b"")


async def test_disconnect_of_the_server_is_named() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK + "e0 02 8e 00")
        await wire.reader.read()

    async with fake_broker(serve) as port, client(port) as ours:
        with pytest.raises(Lost, match="Session taken over") as lost:
            await ours.lost()
        assert lost.value.reason_code == 0x8E


async def test_broker_that_never_acknowledges_is_lost() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        wire.puback(await wire.published())
        await wire.reader.read()

    async with fake_broker(serve) as port, client(port, puback_silence=0.05) as ours:
        await ours.publish("a", b"")
        with pytest.raises(Lost, match="acknowledged nothing"):
            await ours.publish("a", b"")


async def test_close_without_connack_is_noticed_at_once() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()

    async with fake_broker(serve) as port, asyncio.timeout(1):
        with pytest.raises(NoConnack):
            await client(port).__aenter__()


@pytest.mark.parametrize(
    "answer", ["00 00", "ff ff ff ff ff", "20 03 00 fe 00", "20 01 00", "d0 00"]
)
async def test_garbage_instead_of_connack_is_an_error(answer: str) -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(answer)
        await wire.writer.drain()

    async with fake_broker(serve) as port, asyncio.timeout(1):
        with pytest.raises(MqttError):
            await client(port).__aenter__()


async def test_nobody_listens_is_an_mqtt_error() -> None:
    with pytest.raises(MqttError, match="refused"):
        await client(free_port()).__aenter__()


async def test_impossible_host_name_is_an_mqtt_error() -> None:
    broken = Client("." * 70, 1, identifier="x", protocol=V5, will=Will("will"), in_flight=1)
    with pytest.raises(MqttError, match="not a host name"):
        await broken.__aenter__()


async def test_cancelled_while_waiting_for_connack_closes_the_socket() -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def serve(wire: Wire) -> None:
        await wire.connect()
        asked.set()
        await wire.reader.read()
        closed.set()

    async with fake_broker(serve) as port, asyncio.timeout(1):
        connecting = asyncio.create_task(client(port).__aenter__())
        await asked.wait()
        connecting.cancel()
        await closed.wait()
        with pytest.raises(asyncio.CancelledError):
            await connecting


async def test_cancelled_while_the_thread_connects_closes_the_socket() -> None:
    closed = asyncio.Event()

    async def serve(wire: Wire) -> None:
        await wire.reader.read()
        closed.set()

    async with fake_broker(serve) as port, asyncio.timeout(1):
        connecting = asyncio.create_task(client(port).__aenter__())
        await asyncio.sleep(0)  # the thread has been started, and the loop has not run since
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await closed.wait()


async def test_failed_tls_handshake_closes_the_socket() -> None:
    closed = asyncio.Event()

    async def serve(wire: Wire) -> None:
        await wire.reader.read(1)
        wire.send("00" * 20)  # no TLS record
        try:
            await wire.reader.read()
        finally:  # it may be a reset
            closed.set()

    async with fake_broker(serve) as port, asyncio.timeout(5):
        with pytest.raises(MqttError) as failed:
            await client(port, tls_context=ssl.create_default_context()).__aenter__()
        await closed.wait()
    assert "SSL" in str(failed.value)  # until here it keeps paho's frame, and what that holds


async def test_publish_on_a_socket_that_closes_meanwhile_touches_no_other(tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with mosquitto(tmp_path) as broker:
        ours = client(broker.port)
        await ours.__aenter__()
        publishing = asyncio.create_task(ours.publish("a", b""))
        await asyncio.sleep(0)  # paho has asked for the writer, the loop has not yet given it
        ours._hang_up()
        with pytest.raises(Lost):
            await publishing
    assert faults == []


async def test_socket_is_closed_when_the_block_is_left() -> None:
    heard: list[int] = []
    ended = asyncio.Event()

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        try:
            while True:
                heard.append((await wire.packet())[0])
        finally:
            ended.set()

    async with fake_broker(serve) as port, asyncio.timeout(1):
        async with client(port):
            pass
        await ended.wait()
        assert heard == [14]  # DISCONNECT: no last will
        ended.clear()
        with pytest.raises(ZeroDivisionError):
            async with client(port):
                raise ZeroDivisionError
        await ended.wait()
        assert heard == [14]  # our own fault: the last will speaks


async def test_cancellation_that_meets_the_suback_ends_the_waiting() -> None:
    """asyncio.wait_for of Python 3.11 would go on as if nobody had cancelled."""
    one = client(free_port())
    suback = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(one._wait_for(suback, 60))
    await asyncio.sleep(0)
    suback.set_result([1])
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_suback_that_nobody_awaits_any_more_is_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with mosquitto(tmp_path) as broker, client(broker.port) as ours:
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
        with pytest.raises(asyncio.CancelledError):
            await ours.listen("a/b")
        await ours.publish("a/b", b"")  # its PUBACK comes after the SUBACK
    assert not caplog.records
