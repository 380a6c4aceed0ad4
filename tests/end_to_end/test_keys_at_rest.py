"""Keys at rest with the real daemon: nowhere in plain, and what happens when their key is gone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from broker import Mosquitto, mosquitto
from lamp_post import (
    APP_KEY,
    BIN_EUI,
    GAUGE,
    JOIN_EUI,
    TALKATIVE,
    TEMPERATURE,
    Daemon,
    Sky,
    board,
    city,
    daemon,
    write_files,
)
from lorawan_device import Air, join_request
from lorawan_oracle import session_keys
from patience import HUNG

OUR_DEBUG = (
    "-c",
    "import logging, sys; from gateway.diagnostics import log; ours = log.open_log;"
    "log.open_log = lambda: ours(logging.DEBUG);"
    "from gateway.cli import main; sys.exit(main())",
)
"""Our own lines, and all of them."""

pytestmark = pytest.mark.realtime


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path) as one:
        yield one


@asynccontextmanager
async def watching(gateway: Daemon) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_unix_connection(gateway.directory / "kogge.sock")
    writer.write(b'{"op":"watch"}\n')
    assert json.loads(await reader.readline()) == {"event": "watching"}
    yield reader
    writer.close()


async def joins(gateway: Daemon, sky: Sky, nth: int) -> Air:
    """The bin joins for the nth time; DevNonce and JoinNonce are both that number."""
    async with watching(gateway) as happenings, asyncio.timeout(HUNG):
        await sky.send(join_request(APP_KEY, JOIN_EUI, BIN_EUI, nth))
        while (one := json.loads(await happenings.readline()))["event"] != "join":
            pass
    return Air(int(one["dev_addr"], 16), *session_keys(APP_KEY, nth, 0, nth))


def ways_to_write(key: bytes) -> list[bytes]:
    return [key, key.hex().encode(), key.hex().upper().encode(), repr(key).encode()]


def where_in_plain(directory: Path, keys: list[bytes]) -> list[str]:
    """The files in which one of `keys` stands; those that are there to hold keys are left out."""
    return [
        file.name
        for file in directory.iterdir()
        if file.is_file()
        and file.name not in ("devices.toml", "kogge.key")
        and any(way in file.read_bytes() for key in keys for way in ways_to_write(key))
    ]


async def test_no_key_stands_in_the_database_or_in_a_log_of_every_detail(
    tmp_path: Path, broker: Mosquitto
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    env = {"PYTHONASYNCIODEBUG": "1"}  # it shows what callbacks were called with
    async with (
        city(broker) as arrivals,
        board(tmp_path / "tty") as (_, sky),
        daemon(config, env, TALKATIVE) as gateway,
    ):
        await gateway.receiving()
        assert "DEBUG" in gateway.log()
        air = await joins(gateway, sky, 1)
        await sky.send(air.uplink(21, TEMPERATURE, confirmed=True))
        await sky.send(GAUGE.uplink(11, TEMPERATURE, confirmed=True))
        await arrivals.has(11, 21)
        keys = [APP_KEY, GAUGE.nwk_s_key, GAUGE.app_s_key, air.nwk_s_key, air.app_s_key]
        keys.append(bytes.fromhex((tmp_path / "kogge.key").read_text()))
        assert await asyncio.to_thread(where_in_plain, tmp_path, keys) == []
    assert await asyncio.to_thread(where_in_plain, tmp_path, keys) == []


async def test_log_of_every_detail_shows_no_payload(tmp_path: Path, broker: Mosquitto) -> None:
    """Neither as it was on the air, nor decrypted, nor where a codec stumbles over it."""
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    payload = bytes.fromhex("c0ffee5eaf00d1e5c0ffee5eaf00d1e5")
    async with (
        city(broker) as arrivals,
        board(tmp_path / "tty") as (_, sky),
        daemon(config, {"PYTHONASYNCIODEBUG": "1"}, OUR_DEBUG) as gateway,
    ):
        await gateway.receiving()
        air = await joins(gateway, sky, 1)
        frames = [air.uplink(21, payload, confirmed=True), GAUGE.uplink(11, payload)]
        for frame in frames:
            await sky.send(frame)
        await arrivals.has(11, 21)
        await sky.send(frames[0][:-1] + b"?")
        await gateway.until(lambda now: now["drops"] == {"bad_mic": 1})
        shown = gateway.log()
        for word in ('"level": "debug"', "joined", "not_decoded", "bad_mic", f"{BIN_EUI:016x}"):
            assert word in shown
        ways = [way for one in (payload, *frames) for way in ways_to_write(one)]
        assert [way for way in ways if way.decode(errors="replace") in shown] == []


async def test_when_the_key_is_lost_readings_go_on_and_it_is_said_who_has_to_join_again(
    tmp_path: Path, broker: Mosquitto
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    async with city(broker) as arrivals, board(tmp_path / "tty") as (_, sky):
        async with daemon(config) as gateway:
            await gateway.receiving()
            air = await joins(gateway, sky, 1)
            await sky.send(air.uplink(21, TEMPERATURE))
            await sky.send(GAUGE.uplink(11, TEMPERATURE))
            await arrivals.has(11, 21)
            assert "another key" not in gateway.log()
        (tmp_path / "kogge.key").unlink()
        async with daemon(config) as gateway:
            await gateway.receiving()
            assert f"not heard: bin ({BIN_EUI:016x}). Put that key back" in gateway.log()
            await sky.send(GAUGE.uplink(10, TEMPERATURE))
            await sky.send(air.uplink(22, TEMPERATURE))
            await gateway.until(lambda now: now["drops"] == {"replay": 1, "unknown_device": 1})
            await sky.send(GAUGE.uplink(12, TEMPERATURE))
            air = await joins(gateway, sky, 2)
            await sky.send(air.uplink(23, TEMPERATURE))
            await arrivals.has(12, 23)
        before = len(gateway.log())
        async with daemon(config) as gateway:
            await gateway.receiving()
            await sky.send(air.uplink(24, TEMPERATURE))
            await arrivals.has(24)
        assert "another key" not in gateway.log()[before:]
    assert 22 not in arrivals.readings
