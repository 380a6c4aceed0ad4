"""gateway.northbound.connection, as a Client has it: how it begins and ends, what stays open."""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from aiomqtt import MqttError, Will
from broker import Wire, fake_broker, free_port, mosquitto
from client_bench import CONNACK, V5, client
from patience import HUNG

from gateway.config import Mqtt
from gateway.northbound import client as client_module
from gateway.northbound import connection
from gateway.northbound.client import Client
from gateway.northbound.connection import Lost, NoConnack
from gateway.northbound.tls import Certificates


@pytest.fixture(autouse=True)
def nothing_ends_by_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """So what ends while a test waits ended for what happened."""
    monkeypatch.setattr(client_module, "CONNACK_SECONDS", 10 * HUNG)
    monkeypatch.setattr(connection, "GOODBYE_SECONDS", 10 * HUNG)


def test_resolver_that_hangs_keeps_nobody_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it say anything when it comes back to a loop that is closed."""
    asked, answers, ended = threading.Event(), threading.Event(), threading.Event()

    def hangs(*_args: object, **_named: object) -> None:
        asked.set()
        answers.wait()
        raise socket.gaierror("at last")

    async def connects_and_is_cancelled() -> None:
        connecting = asyncio.create_task(client(free_port()).__aenter__())
        await asyncio.to_thread(asked.wait)
        connecting.cancel()
        await asyncio.wait([connecting])

    def runs() -> None:
        asyncio.run(connects_and_is_cancelled())
        ended.set()

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    before = set(threading.enumerate())
    threading.Thread(target=runs, daemon=True).start()
    try:
        assert ended.wait(HUNG)
    finally:
        answers.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(HUNG)


async def test_disconnect_of_the_server_is_named() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK + "e0 02 8e 00")
        await wire.reader.read()

    async with fake_broker(serve) as port, client(port) as ours:
        with pytest.raises(Lost, match="Session taken over") as lost:
            await ours.lost()
        assert lost.value.reason_code == 0x8E


async def test_close_without_connack_is_noticed_at_once() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()

    async with fake_broker(serve) as port, asyncio.timeout(HUNG):
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

    async with fake_broker(serve) as port, asyncio.timeout(HUNG):
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

    async with fake_broker(serve) as port, asyncio.timeout(HUNG):
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

    async with fake_broker(serve) as port, asyncio.timeout(HUNG):
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

    certificates = Certificates(Mqtt(), lambda: True, lambda: 0.0)
    context = await asyncio.to_thread(certificates.context)
    async with fake_broker(serve) as port, asyncio.timeout(HUNG):
        with pytest.raises(MqttError) as failed:
            await client(port, tls_context=context).__aenter__()
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

    async with fake_broker(serve) as port, asyncio.timeout(HUNG):
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


async def test_goodbye_that_never_leaves_is_no_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "GOODBYE_SECONDS", 0.0)

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        await wire.reader.read()

    async with fake_broker(serve) as port, client(port) as ours:
        # the line takes nothing more
        monkeypatch.setattr(ours._client, "disconnect", lambda: paho.MQTT_ERR_SUCCESS)
    with pytest.raises(Lost):
        await ours.lost()
