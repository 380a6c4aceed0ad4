"""The embedded broker serves MQTT 3.1.1 on a port of its own, and stops without a trace."""

import asyncio
import importlib
import sys

import aiomqtt
import pytest
from aiomqtt.exceptions import MqttConnectError
from patience import HUNG

from gateway.demo import broker
from gateway.errors import GatewayError


async def test_what_is_published_reaches_a_subscriber_and_retained_ones_a_later_one() -> None:
    async with broker.serve() as (host, port), aiomqtt.Client(host, port) as client:
        await client.subscribe("kogge/+/readings", qos=1)
        await client.publish("kogge/1/readings", b"live", qos=1)
        await client.publish("kogge/1/status", b"kept", qos=1, retain=True)
        assert (await anext(client.messages)).payload == b"live"
        async with aiomqtt.Client(host, port) as later:
            await later.subscribe("kogge/+/status", qos=1)
            assert (await anext(later.messages)).payload == b"kept"


async def test_broker_ends_with_its_block() -> None:
    async with broker.serve() as (host, port):
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, port)


async def test_mqtt_5_is_refused_at_once_also_with_a_will() -> None:
    will = aiomqtt.Will("kogge/1/status", b"offline", qos=1, retain=True)
    async with broker.serve() as (host, port):
        five = aiomqtt.Client(
            host, port, protocol=aiomqtt.ProtocolVersion.V5, will=will, timeout=HUNG
        )
        with pytest.raises(MqttConnectError):
            async with five:
                pass


async def test_a_client_that_leaves_in_the_middle_harms_nobody() -> None:
    async with broker.serve() as (host, port):
        for beginning in (b"", b"\x10", b"\x10\x80\x80", b"GET / HTTP/1.1\r\n"):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(beginning)
            writer.close()
            await writer.wait_closed()
        async with aiomqtt.Client(host, port) as client:
            await client.publish("kogge/1/readings", b"still here", qos=1)


def test_without_amqtt_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    monkeypatch.delitem(sys.modules, "gateway.demo.broker")
    with pytest.raises(GatewayError, match=r"kogge\[demo\]"):
        importlib.import_module("gateway.demo.broker")
