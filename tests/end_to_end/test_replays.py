"""The city asks for readings once more: real daemon, real mosquitto, and a kill in the middle."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from archive_tools import WEEK, deliver, timed
from broker import mosquitto
from lamp_post import EUI, GAUGE, TEMPERATURE, Daemon, board, daemon, write_files
from messages import check
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from patience import HUNG
from store_tools import World

pytestmark = pytest.mark.realtime

GAUGE_EUI = "70b3d57ed0000001"
ARCHIVED = 8_000
QUICK = "backlog_messages_per_s = 100\nbacklog_kib_per_s = 10000"
EVER = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}


@dataclass
class City:
    """Sends commands; has what came: readings' ids by whether they were historical, answers."""

    client: aiomqtt.Client
    live: set[str] = field(default_factory=set)
    historical: set[str] = field(default_factory=set)
    received_at: dict[str, str] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    replies: list[tuple[bytes, dict[str, Any]]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def asks(self, verb: str, correlation: str, **command: Any) -> None:
        text = json.dumps({"correlation": correlation} | command)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, properties.CorrelationData = "city/answers", b"\1\2"
        topic = f"kogge/{EUI}/command/{verb}"
        await self.client.publish(topic, text, qos=1, properties=properties)

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(HUNG):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def answer(self, correlation: str) -> dict[str, Any]:
        await self.until(lambda: correlation in self.answers)
        return self.answers[correlation]

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            text = message.payload.decode()
            if str(message.topic).endswith("/readings"):
                for reading in json.loads(text)["readings"]:
                    (self.historical if reading["historical"] else self.live).add(reading["id"])
                    self.received_at[reading["id"]] = reading["received_at"]
            else:
                events = [e for e in check("events", text)["events"] if e["type"] == "command"]
                self.answers |= {event["correlation"]: event for event in events}
                if str(message.topic) == "city/answers":
                    data = message.properties.CorrelationData  # type: ignore[union-attr]
                    self.replies += [(data, event) for event in events]
            self.news.set()


@asynccontextmanager
async def city(port: int) -> AsyncIterator[City]:
    v5 = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client("127.0.0.1", port, protocol=v5) as client:
        for topic in (f"kogge/{EUI}/readings", f"kogge/{EUI}/events", "city/answers"):
            await client.subscribe(topic, qos=1)
        one = City(client)
        listening = asyncio.create_task(one.listen())
        yield one
        listening.cancel()
        (done,) = (await asyncio.wait({listening}))[0]
        assert done.cancelled(), done


async def ready(gateway: Daemon) -> None:
    await gateway.receiving()
    await gateway.until(lambda status: status["city"].get("commands", False))


SETTINGS = ["persistence false", "max_queued_messages 0"]


async def test_delivered_readings_come_again_by_device_and_by_time(tmp_path: Path) -> None:
    async with (
        mosquitto(tmp_path, settings=SETTINGS) as broker,
        board(tmp_path / "tty") as (_, sky),
        city(broker.port) as one,
    ):
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with daemon(config) as gateway:
            await ready(gateway)
            for f_cnt in range(3):
                await sky.send(GAUGE.uplink(f_cnt, TEMPERATURE))
                await one.until(lambda wanted=f_cnt + 1: len(one.live) == wanted)
            first, second, third = sorted(one.live, key=lambda id_: one.received_at[id_])
            await one.asks("replay", "all", device=GAUGE_EUI, **EVER)
            assert (await one.answer("all"))["count"] == 3
            assert one.historical == one.live == {first, second, third}
            one.historical.clear()
            span = {"from": one.received_at[second], "to": one.received_at[third]}
            await one.asks("replay", "part", **span)
            assert (await one.answer("part"))["count"] == 1
            assert one.historical == {second}
            await one.asks("replay", "other", device="70b3d57ed0000002", **EVER)
            assert (await one.answer("other"))["count"] == 0
            await one.asks("replay", "wrong", device=GAUGE_EUI, **{**EVER, "to": EVER["from"]})
            assert (await one.answer("wrong"))["status"] == "REFUSED"
            await one.asks("config", "config")
            assert (await one.answer("config"))["config"]["store"]["archive_days"] == 7
            await one.until(lambda: len(one.replies) == 5)
            assert {data for data, _ in one.replies} == {b"\1\2"}
            status = await gateway.status()
            assert (status["archive"]["readings"], status["archive"]["replays"]) == (3, 0)


async def archive(directory: Path) -> set[str]:
    """As an earlier run has left it; the ids."""
    async with World(directory / "kogge.db").buffer(archive=WEEK) as buffer:
        readings = [timed(number) for number in range(ARCHIVED)]
        for start in range(0, ARCHIVED, 1000):
            await deliver(buffer, *readings[start : start + 1000])
            await buffer.flush()
        await buffer.close()
    return {reading.id for reading in readings}


async def test_replay_survives_a_kill_in_its_middle(tmp_path: Path) -> None:
    async with (
        mosquitto(tmp_path, settings=SETTINGS) as broker,
        board(tmp_path / "tty"),
        city(broker.port) as one,
    ):
        config = await asyncio.to_thread(write_files, tmp_path, broker.port, QUICK)
        ids = await archive(tmp_path)
        async with daemon(config) as gateway:
            await ready(gateway)
            await one.asks("replay", "again", **EVER)
            await one.until(lambda: len(one.historical) > 1000)
            gateway.process.kill()
            await gateway.process.wait()
        assert "again" not in one.answers
        assert one.historical < ids
        async with daemon(config) as gateway:
            await ready(gateway)
            await one.asks("replay", "again", **EVER)
            assert (await one.answer("again"))["count"] == ARCHIVED
            assert one.historical == ids
            await gateway.until(lambda status: status["archive"]["replays"] == 0)
            assert (await gateway.status())["archive"]["readings"] == ARCHIVED
