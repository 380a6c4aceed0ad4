"""The embedded broker serves MQTT 3.1.1 on a port of its own, and stops without a trace."""

import asyncio
import sys

import aiomqtt
import pytest

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


async def test_without_amqtt_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt.broker", None)
    with pytest.raises(GatewayError, match=r"kogge\[demo\]"):
        async with broker.serve():
            pass
