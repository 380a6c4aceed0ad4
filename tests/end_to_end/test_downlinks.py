"""The city speaks to devices: real daemon, real mosquitto, and devices with a MAC of their own."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from broker import mosquitto
from lamp_post import EUI, GAUGE, TEMPERATURE, Daemon, board, daemon, write_files
from messages import check
from patience import HUNG

from gateway.demo.air import Antenna, antenna
from gateway.demo.device import Device, Heard, Keys

pytestmark = pytest.mark.realtime

GAUGE_EUI, LAMP_EUI = 0x70B3D57ED0000001, 0x70B3D57ED0000003
LAMP = Keys(LAMP_EUI, dev_addr=0x26011BDB, nwk_s_key=b"n" * 16, app_s_key=b"a" * 16)
KEYS = Keys(
    GAUGE_EUI, dev_addr=GAUGE.dev_addr, nwk_s_key=GAUGE.nwk_s_key, app_s_key=GAUGE.app_s_key
)
LAMP_ENTRY = f"""
[[device]]
dev_eui = "{LAMP_EUI:016x}"
name = "lamp"
class = "C"
lorawan = "1.0.4"
dev_addr = "{LAMP.dev_addr:08x}"
nwk_s_key = "{LAMP.nwk_s_key.hex()}"
app_s_key = "{LAMP.app_s_key.hex()}"
"""


@dataclass
class City:
    """Sends commands, and has the results by their correlation."""

    client: aiomqtt.Client
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def down(
        self, dev_eui: int = GAUGE_EUI, payload: bytes | str = b"open", **more: Any
    ) -> str:
        correlation = f"valve-{next(self.numbers)}"
        text = payload if isinstance(payload, str) else base64.b64encode(payload).decode()
        command = {"correlation": correlation, "device": f"{dev_eui:016x}", "f_port": 10,
                   "payload": text}  # fmt: skip
        text = json.dumps(command | more)
        await self.client.publish(f"kogge/{EUI}/command/down", text, qos=1)
        return correlation

    async def told(self, correlation: str, *statuses: str) -> list[dict[str, Any]]:
        """Wait until that many results came, and no others."""
        async with asyncio.timeout(HUNG):
            while len(self.results.get(correlation, ())) < len(statuses):
                self.news.clear()
                await self.news.wait()
        found = self.results[correlation]
        assert [one["status"] for one in found] == list(statuses)
        return found

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            for event in check("events", message.payload.decode())["events"]:
                if event["type"] == "downlink":
                    self.results.setdefault(event["correlation"], []).append(event)
            self.news.set()


@dataclass
class Street:
    """An ABP device and its antenna."""

    device: Device
    antenna: Antenna

    async def speaks(self, confirmed: bool = False, sf: int = 7) -> None:
        uplink = self.device.uplink(2, TEMPERATURE, confirmed)
        while True:  # the gateway hears nothing while it sends
            sent = await self.antenna.uplink(uplink.phy_payload, 868_100_000, sf, -80, 8)
            if sent.received:
                break
        self.device.sent(sent.end_us, 868_100_000, sf)

    async def hears(self) -> tuple[int, bytes]:
        """What the next downlink of its own brought; others' it does not hear."""
        async with asyncio.timeout(HUNG):
            while self.device.hear(await self.antenna.downlinks.get()) is not Heard.ACCEPTED:
                pass
        assert self.device.violations == []
        return self.device.received[-1]


@asynccontextmanager
async def speaking_city(port: int) -> AsyncIterator[City]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(f"kogge/{EUI}/events", qos=1)
        city = City(client)
        listening = asyncio.create_task(city.listen())
        yield city
        listening.cancel()
        await asyncio.wait({listening})


@asynccontextmanager
async def street(directory: Path, device: Device) -> AsyncIterator[tuple[City, Street, Path]]:
    """A city, and a device under a board that some daemon will use."""
    async with (
        mosquitto(directory, settings=["persistence false"]) as broker,
        board(directory / "tty") as (running, _),
        speaking_city(broker.port) as city,
    ):
        config = await asyncio.to_thread(write_files, directory, broker.port)
        with (directory / "devices.toml").open("a", encoding="utf-8") as devices:
            devices.write(LAMP_ENTRY)
        assert running.air_address is not None
        async with antenna(*running.air_address) as own:
            hearing = asyncio.create_task(own.listen())
            yield city, Street(device, own), config
            hearing.cancel()
            await asyncio.wait({hearing})


async def ready(gateway: Daemon) -> None:
    await gateway.receiving()
    await gateway.until(lambda status: status["city"].get("commands", False))


async def queued(gateway: Daemon, count: int = 1) -> None:
    await gateway.until(lambda status: status["downlinks"] == count)


async def test_confirmed_downlink_goes_with_the_answer_and_is_acknowledged(tmp_path: Path) -> None:
    async with street(tmp_path, Device(KEYS)) as (city, one, config), daemon(config) as gateway:
        await ready(gateway)
        correlation = await city.down(confirmed=True)
        await queued(gateway)
        await one.speaks()
        assert await one.hears() == (10, b"open")
        await city.told(correlation, "OK")
        await one.speaks()
        ok, acked = await city.told(correlation, "OK", "ACKED")
        assert (ok["final"], acked["final"]) == (False, True)
        assert (ok["f_cnt"], ok["reason"]) == (acked["f_cnt"], None)
        await queued(gateway, 0)


async def test_second_downlink_is_announced_by_f_pending(tmp_path: Path) -> None:
    async with street(tmp_path, Device(KEYS)) as (city, one, config), daemon(config) as gateway:
        await ready(gateway)
        first, second = await city.down(payload=b"1"), await city.down(payload=b"2")
        await queued(gateway, 2)
        await one.speaks(confirmed=True)
        assert await one.hears() == (10, b"1")
        assert (one.device.more_waits, one.device.acked) == (True, True)
        await one.speaks()
        assert await one.hears() == (10, b"2")
        await city.told(first, "OK")
        await city.told(second, "OK")


async def test_wrong_commands_are_refused_with_their_reasons(tmp_path: Path) -> None:
    async with street(tmp_path, Device(KEYS)) as (city, one, config), daemon(config) as gateway:
        await ready(gateway)
        wrong = {
            "no device": await city.down(0x70B3D57ED0000099),
            "f_port is 0": await city.down(f_port=0),
            "bytes": await city.down(payload=bytes(243)),
            "base64": await city.down(payload="??"),
            "expires_at": await city.down(expires_at="2026-01-01T00:00:00Z"),
        }
        for reason, correlation in wrong.items():
            (refused,) = await city.told(correlation, "REFUSED")
            assert reason in refused["reason"]
            assert refused["final"]
        too_long = await city.down(payload=bytes(240))
        await queued(gateway)
        await one.speaks(sf=9)
        (refused,) = await city.told(too_long, "REFUSED")
        assert refused["reason"] == "240 bytes, and 115 fit at the device's data rate"
        assert one.device.received == []


async def test_downlink_that_a_kill_left_in_doubt_is_not_sent_again(tmp_path: Path) -> None:
    """Killed when it is on disk that it is handed over, a second before its window."""
    async with street(tmp_path, Device(KEYS)) as (city, one, config):
        async with daemon(config) as gateway:
            await ready(gateway)
            doubtful, waiting = await city.down(payload=b"1"), await city.down(payload=b"2")
            await queued(gateway, 2)
            async with gateway.safe(1):
                await one.speaks(confirmed=True)
            gateway.process.kill()
            await gateway.process.wait()
        async with daemon(config) as gateway:
            (lost,) = await city.told(doubtful, "NOT_ACKED")
            assert "nobody knows whether the device got it" in lost["reason"]
            await ready(gateway)
            await one.speaks()
            assert await one.hears() == (10, b"2")
            (ok,) = await city.told(waiting, "OK")
            assert ok["f_cnt"] > lost["f_cnt"]
            assert one.device.received == [(10, b"2")]


async def test_device_of_class_c_is_sent_to_at_once(tmp_path: Path) -> None:
    lamp = Device(LAMP, device_class="C")
    async with street(tmp_path, lamp) as (city, one, config), daemon(config) as gateway:
        await ready(gateway)
        first, second = [await city.down(LAMP_EUI, payload) for payload in (b"on", b"off")]
        assert [await one.hears(), await one.hears()] == [(10, b"on"), (10, b"off")]
        await city.told(first, "OK")
        await city.told(second, "OK")


async def test_command_comes_once_though_the_city_sends_it_thrice(tmp_path: Path) -> None:
    async with street(tmp_path, Device(KEYS)) as (city, one, config), daemon(config) as gateway:
        await ready(gateway)
        for _ in range(2):
            await city.down(correlation="same")
        await queued(gateway)
        await one.speaks()
        await one.hears()
        await city.told("same", "OK")
        await city.down(correlation="same")
        refused = await city.down(f_port=0)
        await city.told(refused, "REFUSED")
        await city.told("same", "OK")
        await queued(gateway, 0)
