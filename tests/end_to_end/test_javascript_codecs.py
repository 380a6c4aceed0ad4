"""An operator's JavaScript codec in the real daemon: readings decoded at once, in spite of what
becomes of the worker; and those that were stored while nobody could decode them.
"""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from broker import mosquitto
from kogge import kogge
from lamp_post import GAUGE, board, city, daemon, write_files

pytestmark = pytest.mark.realtime

LEVEL = """
function decodeUplink(input) {
  if (input.fPort === 66) return {data: new Array(4294967295).join('')};
  return {data: {distance: input.bytes[0] / 100, door: {state: 'open'}}};
}
"""


def with_codec(directory: Path, port: int) -> Path:
    config = write_files(directory, port)
    devices = directory / "devices.toml"
    text = devices.read_text(encoding="utf-8")
    devices.write_text(text.replace('"cayennelpp"', '"acme/level"'), encoding="utf-8")
    (directory / "codecs" / "acme").mkdir(parents=True)
    (directory / "codecs" / "acme" / "level.js").write_text(LEVEL, encoding="utf-8")
    return config


async def test_readings_are_decoded_whatever_becomes_of_the_worker(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker, city(broker) as town:
        config = await asyncio.to_thread(with_codec, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            assert (await gateway.receiving())["codec_worker"]["state"] == "not needed"
            await sky.send(GAUGE.uplink(1, b"\x28", 1))
            await town.has(1)
            first = town.readings[1]
            assert first["measurements"] == {"distance": 0.4, "door_state": "open"}
            assert first["units"] == {"distance": "m"}
            assert "payload" not in first
            worker = (await gateway.status())["codec_worker"]
            assert worker["state"] == "running"

            await asyncio.to_thread(os.kill, worker["pid"], signal.SIGKILL)
            await sky.send(GAUGE.uplink(2, b"\x28", 1))
            await town.has(2)
            assert town.readings[2]["measurements"] == first["measurements"]

            for f_cnt in (3, 4, 5):
                await sky.send(GAUGE.uplink(f_cnt, b"\x28", 66))
            await town.has(3, 4, 5)
            assert all(town.readings[f_cnt]["payload"] == "28" for f_cnt in (3, 4, 5))
            assert "stopped" in town.readings[3]["error"]
            await sky.send(GAUGE.uplink(6, b"\x28", 1))
            await town.has(6)
            assert "disabled" in town.readings[6]["error"]
            assert "acme/level" in (await gateway.status())["codec_worker"]["disabled"]

            source = LEVEL.replace("/ 100,", "/ 50,")
            await asyncio.to_thread((tmp_path / "codecs/acme/level.js").write_text, source)
            assert await gateway.asked("codecs") == {"codecs": ["acme/level"]}
            await sky.send(GAUGE.uplink(7, b"\x28", 1))
            await town.has(7)
            assert town.readings[7]["measurements"]["distance"] == 0.8
            await asyncio.to_thread((tmp_path / "codecs/acme/level.js").unlink)
            assert "acme/level" in (await gateway.asked("codecs"))["error"]
            await sky.send(GAUGE.uplink(8, b"\x28", 1))
            await town.has(8)
            assert town.readings[8]["measurements"]["distance"] == 0.8


async def test_replacing_a_codec_loses_no_reading(tmp_path: Path) -> None:
    """`kogge codec add` again and again while a device speaks: each reading is decoded by the old
    codec or the new one, those after it by the new one.
    """
    async with mosquitto(tmp_path) as broker, city(broker) as town:
        config = await asyncio.to_thread(with_codec, tmp_path, broker.port)
        new = tmp_path / "new.js"
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            await gateway.receiving()
            f_cnt = 0
            for divisor in (50, 25, 20):
                source = LEVEL.replace("/ 100,", f"/ {divisor},")
                await asyncio.to_thread(new.write_text, source)
                adding = asyncio.create_task(added(new, config))
                while not adding.done():
                    f_cnt += 1
                    await sky.send(GAUGE.uplink(f_cnt, b"\x28", 1))
                told = await adding
                assert told["replaced"] == ["acme/level"]
                assert told["daemon"] == "the daemon has read its codecs anew"
                f_cnt += 1
                await sky.send(GAUGE.uplink(f_cnt, b"\x28", 1))
                await town.has(f_cnt)
                assert town.readings[f_cnt]["measurements"]["distance"] == 40 / divisor
            await town.has(*range(1, f_cnt + 1))
            distances = [town.readings[n]["measurements"]["distance"] for n in range(1, f_cnt + 1)]
            assert distances == sorted(distances)
            assert set(distances) == {0.4, 0.8, 1.6, 2.0}
            removed = await asyncio.to_thread(
                kogge, "codec", "remove", "acme/level", "--config", str(config)
            )
            assert (removed.returncode, "used by gauge" in removed.stderr) == (1, True)


async def added(file: Path, config: Path) -> dict[str, Any]:
    done = await asyncio.to_thread(
        kogge, "codec", "add", str(file), "--name", "acme/level", "--config", str(config), "--json"
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


async def test_answered_reading_is_decoded_too(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker, city(broker) as town:
        config = await asyncio.to_thread(with_codec, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            await gateway.receiving()
            await sky.send(GAUGE.uplink(1, b"\x28", 1, confirmed=True))
            await town.has(1)
            assert town.readings[1]["measurements"]["distance"] == 0.4


async def test_reading_stored_undecoded_is_decoded_on_its_way_out(tmp_path: Path) -> None:
    """Killed with a confirmed uplink on disk raw: the next life decodes it."""
    async with mosquitto(tmp_path) as broker:
        config = await asyncio.to_thread(with_codec, tmp_path, broker.port)
        away = config.with_name("away.toml")
        text = await asyncio.to_thread(config.read_text, encoding="utf-8")
        await asyncio.to_thread(away.write_text, text.replace(f":{broker.port}", ":1"), "utf-8")
        async with board(tmp_path / "tty") as (_, sky):
            async with daemon(away) as gateway:
                await gateway.receiving()
                await sky.send(GAUGE.uplink(1, b"\x28", 1, confirmed=True))
                await gateway.until(lambda now: now["counts"]["readings"] == 1)
                await gateway.until(lambda now: now["answers"].get("OK") == 1)
                gateway.process.kill()
                await gateway.process.wait()
            async with city(broker) as town, daemon(config):
                await town.has(1)
                assert town.readings[1]["measurements"]["distance"] == 0.4
                assert "error" not in town.readings[1]
