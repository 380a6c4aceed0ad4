"""Privacy with the real daemon: pseudonyms towards the city, and what becomes of foreign frames."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from broker import Mosquitto, mosquitto, subscriber
from lamp_post import (
    APP_KEY,
    BIN_EUI,
    EUI,
    GAUGE,
    JOIN_EUI,
    TEMPERATURE,
    board,
    daemon,
    write_files,
)
from lorawan_device import Air, join_request
from patience import HUNG

pytestmark = pytest.mark.realtime

GAUGE_EUI = "70b3d57ed0000001"
FOREIGN = Air(0x0BADCAFE, b"s" * 16, b"s" * 16)
FOREIGN_EUI = 0x70B3D57ED00A11CE


@dataclass
class Broker:
    """All that came to the broker, topics and payloads."""

    messages: list[tuple[str, bytes]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All readings, or all events."""
        found = [json.loads(payload) for topic, payload in self.messages if topic.endswith(kind)]
        return [one for message in found for one in message[kind]]

    async def has(self, kind: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(HUNG):
            while not (found := [one for one in self.of(kind) if wanted(one)]):
                self.came.clear()
                await self.came.wait()
        return found[-1]

    async def hear(self, messages: aiomqtt.MessagesIterator) -> None:
        async for message in messages:
            assert isinstance(message.payload, bytes)
            self.messages.append((message.topic.value, message.payload))
            self.came.set()


@asynccontextmanager
async def heard(broker: Mosquitto) -> AsyncIterator[Broker]:
    one = Broker()
    async with subscriber(broker.port) as messages:
        task = asyncio.create_task(one.hear(messages))
        yield one
        task.cancel()
        await asyncio.wait({task})


async def command(broker: Mosquitto, **said: Any) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish(f"kogge/{EUI}/command/down", json.dumps(said), qos=1)


def files_with(directory: Path, needles: list[bytes]) -> list[str]:
    """Of the state directory; those in which the operator writes the devices himself left out."""
    return [
        file.name
        for file in sorted(directory.iterdir())
        if file.is_file() and file.name not in ("devices.toml", "kogge.toml")
        if any(needle.lower() in file.read_bytes().lower() for needle in needles)
    ]


async def test_city_knows_devices_by_pseudonyms_that_outlive_a_restart_and_commands_them_so(
    tmp_path: Path,
) -> None:
    async with mosquitto(tmp_path) as broker, heard(broker) as city:
        config = await asyncio.to_thread(
            write_files, tmp_path, broker.port, 'device_names = "pseudonym"'
        )
        async with board(tmp_path / "tty") as (_, sky):
            async with daemon(config) as gateway:
                await gateway.receiving()
                await sky.send(GAUGE.uplink(10, TEMPERATURE))
                first = await city.has("readings", lambda one: one["f_cnt"] == 10)
                await sky.send(join_request(b"?" * 16, JOIN_EUI, BIN_EUI, 1))
                await sky.send(join_request(APP_KEY, JOIN_EUI, BIN_EUI, 2))
                joined = await city.has("events", lambda one: one["type"] == "join")
            async with daemon(config) as gateway:
                await gateway.receiving()
                await sky.send(GAUGE.uplink(11, TEMPERATURE, confirmed=True))
                second = await city.has("readings", lambda one: one["f_cnt"] == 11)
                assert second["device"] == first["device"] == first["name"]
                assert second["session"] == first["session"]
                order = {"correlation": "c-1", "f_port": 1, "payload": "YQ=="}
                await command(broker, **order, device=first["device"])
                await gateway.until(lambda status: status["downlinks"] == 1)
                told = {one["name"]: one for one in (await gateway.asked("devices"))["devices"]}
                assert told["gauge"]["pseudonym"] == first["device"], "the technician sees whose"
                await sky.send(GAUGE.uplink(12, TEMPERATURE))
                sent = await city.has("events", lambda one: one.get("correlation") == "c-1")
                assert (sent["type"], sent["device"]) == ("downlink", first["device"])
        refused = await city.has("events", lambda one: one["type"] == "join_refused")
        assert refused["device"] == joined["device"] != first["device"]
    telling = [GAUGE_EUI, f"{BIN_EUI:016x}", f"{GAUGE.dev_addr:08x}", f"{JOIN_EUI:016x}", "gauge"]
    everything = b"\n".join(topic.encode() + payload for topic, payload in city.messages).lower()
    assert [one for one in telling if one.encode() in everything] == []
    assert '"bin"' not in everything.decode()


async def test_frames_of_foreign_devices_are_counted_and_neither_stored_nor_forwarded(
    tmp_path: Path,
) -> None:
    frame, join = FOREIGN.uplink(7, TEMPERATURE), join_request(b"?" * 16, 1, FOREIGN_EUI, 0x0ACE)
    async with mosquitto(tmp_path) as broker, heard(broker) as city:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            await gateway.receiving()
            await sky.send(frame)
            await sky.send(join)
            await gateway.until(lambda status: status["drops"] == {"unknown_device": 2})
            await sky.send(GAUGE.uplink(10, TEMPERATURE))
            await city.has("readings", lambda one: one["f_cnt"] == 10)
            shown = await gateway.asked("frames")
            assert frame.hex() in [one["payload"] for one in shown["frames"]], "in memory, bounded"
        telling = [frame, join, FOREIGN_EUI.to_bytes(8), FOREIGN_EUI.to_bytes(8, "little")]
        telling += [FOREIGN.dev_addr.to_bytes(4), FOREIGN.dev_addr.to_bytes(4, "little")]
        written = [*telling, *(one.hex().encode() for one in telling)]
        assert await asyncio.to_thread(files_with, tmp_path, written) == []
        assert [one for _, one in city.messages if any(each in one for each in written)] == []
    ours = [GAUGE_EUI.encode()]
    assert "kogge.db" in await asyncio.to_thread(files_with, tmp_path, ours), "it would be seen"
