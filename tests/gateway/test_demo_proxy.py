"""The proxy before a real mosquitto: it passes on, records, cuts and restores."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import broker as mqtt
import pytest

from gateway.demo import proxy
from gateway.demo.proxy import Proxy


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Proxy]:
    async with mqtt.mosquitto(tmp_path) as broker, proxy.serve(("127.0.0.1", broker.port)) as line:
        yield line


def client(line: Proxy, version: int) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", line.port, protocol=aiomqtt.ProtocolVersion(version))


@pytest.mark.parametrize("version", [aiomqtt.ProtocolVersion.V311, aiomqtt.ProtocolVersion.V5])
async def test_what_mosquitto_acknowledged_is_recorded(line: Proxy, version: int) -> None:
    payloads = [bytes([n]) * 5000 for n in range(20)]
    async with client(line, version) as gateway:
        for payload in payloads:
            await gateway.publish("k/readings", payload, qos=1)
        await gateway.publish("k/readings", b"unasked", qos=0)
    assert [p.payload for p in line.recorder.acknowledged("/readings")] == payloads
    assert line.recorder.damaged == 0


async def publish_and_be_cut(line: Proxy) -> None:
    async with client(line, aiomqtt.ProtocolVersion.V5) as gateway:
        await gateway.publish("k/readings", b"before", qos=1)
        await line.cut()
        async for _ in gateway.messages:
            pass


async def test_a_cut_line_breaks_connections_refuses_new_ones_and_comes_back(line: Proxy) -> None:
    with pytest.raises(aiomqtt.MqttError):
        await publish_and_be_cut(line)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", line.port)
    port = line.port
    await line.restore()
    assert line.port == port
    async with client(line, aiomqtt.ProtocolVersion.V5) as gateway:
        await gateway.publish("k/readings", b"after", qos=1)
    taken = [p.payload for p in line.recorder.acknowledged("/readings")]
    assert taken == [b"before", b"after"]


async def test_a_client_without_broker_sees_its_connection_end() -> None:
    async with proxy.serve(("127.0.0.1", mqtt.free_port())) as line:
        reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
        assert await reader.read() == b""
        writer.close()
