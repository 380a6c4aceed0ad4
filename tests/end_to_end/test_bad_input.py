"""Bad input against the real daemon: named or counted, never a traceback, never a lost reading."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from broker import Mosquitto, mosquitto
from faulty_pty import faulty_pty
from kogge import kogge
from lamp_post import (
    APP_KEY,
    BIN_EUI,
    GAUGE,
    JOIN_EUI,
    TEMPERATURE,
    City,
    Daemon,
    Sky,
    board,
    city,
    daemon,
    write_files,
)
from lorawan_device import Air, join_request

pytestmark = pytest.mark.realtime


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path) as one:
        yield one


@pytest.fixture
async def arrivals(broker: Mosquitto) -> AsyncIterator[City]:
    async with city(broker) as one:
        yield one


async def report(sky: Sky, f_cnt: int) -> None:
    """A good uplink of the gauge."""
    await sky.send(GAUGE.uplink(f_cnt, TEMPERATURE))


def spoiled(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


async def test_strangers_frames_are_counted_by_reason_between_good_readings(
    tmp_path: Path, broker: Mosquitto, arrivals: City
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    join = join_request(APP_KEY, JOIN_EUI, BIN_EUI, 7)
    good = GAUGE.uplink(11, TEMPERATURE)
    stranger = Air(0x0BADCAFE, b"s" * 16, b"s" * 16)
    async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
        await gateway.receiving()
        await sky.send(join)
        await report(sky, 10)
        await sky.send(good, crc="bad")
        await sky.send(good, crc="none")
        await sky.send(spoiled(good))
        await sky.send(stranger.uplink(1, TEMPERATURE))
        for size in (1, 5, 11):
            await sky.send(good[:size])
        await sky.send(good[:-1])
        await sky.send(GAUGE.uplink(9, TEMPERATURE))
        await sky.send(join)  # long after the first: no copy by another demodulator
        await report(sky, 11)
        await arrivals.has(10, 11)
        await gateway.until(lambda status: sum(status["drops"].values()) >= 10)
        done = await asyncio.to_thread(kogge, "status", "--config", str(config), "--json")
    status = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, status["health"]) == (0, "healthy")
    assert status["drops"] == {
        "bad_crc": 1, "no_crc": 1, "bad_mic": 2, "unknown_device": 1, "malformed": 3,
        "replay": 1, "dev_nonce_reused": 1,
    }  # fmt: skip
    assert (status["counts"]["readings"], status["counts"]["joins"]) == (2, 1)
    assert arrivals.readings[11]["measurements"] == {"temperature_1": 21.5}
    assert arrivals.readings.keys() == {10, 11}


async def test_port_that_is_missing_degrades_and_is_taken_when_it_appears(
    tmp_path: Path, broker: Mosquitto, arrivals: City
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    async with daemon(config) as gateway:
        status = await gateway.until(lambda status: status["health"] == "degraded")
        assert status["radio"]["state"] == "fault"
        assert str(tmp_path / "tty") in status["radio"]["reason"]
        done = await asyncio.to_thread(kogge, "status", "--config", str(config))
        assert done.returncode == 1
        pid = gateway.process.pid
        for f_cnt in (1, 2):  # plugged in, pulled out, plugged in again
            async with board(tmp_path / "tty") as (_, sky):
                await gateway.receiving()
                await report(sky, f_cnt)
                await arrivals.has(f_cnt)
            lost = await gateway.until(lambda status: status["radio"]["state"] == "fault")
            assert lost["health"] == "degraded"
        assert (gateway.process.pid, gateway.process.returncode) == (pid, None)
        assert lost["radio"]["starts"] == 2


async def test_refused_password_is_said_and_readings_wait_until_it_is_right(
    tmp_path: Path,
) -> None:
    mine = {"username": "city", "password": "port"}
    users = {"city": "port", "pole17": "right"}
    async with mosquitto(tmp_path, users=users) as broker, city(broker, **mine) as arrivals:
        user = 'username = "pole17"\npassword_file = "password"'
        config = await asyncio.to_thread(write_files, tmp_path, broker.port, user)
        password = tmp_path / "password"
        await asyncio.to_thread(password.write_text, "wrong\n")
        async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
            await gateway.receiving()
            status = await gateway.until(lambda status: "refuses" in status["city"]["reason"])
            for part in ("'pole17'", "check mqtt.username", str(password)):
                assert part in status["city"]["reason"]
            assert (status["health"], status["city"]["state"]) == ("degraded", "disconnected")
            async with gateway.safe(3):
                for f_cnt in (1, 2, 3):
                    await report(sky, f_cnt)
            gateway.process.kill()  # what is safe is safe from this too
            await gateway.process.wait()
        await asyncio.to_thread(password.write_text, "right\n")
        async with daemon(config):
            await arrivals.has(1, 2, 3)


async def test_password_put_right_is_taken_without_a_restart(tmp_path: Path) -> None:
    async with mosquitto(tmp_path, users={"pole17": "right"}) as broker:
        user = 'username = "pole17"\npassword_file = "password"'
        config = await asyncio.to_thread(write_files, tmp_path, broker.port, user)
        async with daemon(config) as gateway:
            missing = await gateway.until(
                lambda status: "cannot be read" in status["city"]["reason"]
            )
            assert "put the broker's password in its first line" in missing["city"]["reason"]
            await asyncio.to_thread((tmp_path / "password").write_text, "right\n")
            await gateway.until(lambda status: status["city"]["state"] == "connected")


DAMAGES: dict[str, Callable[[bytes], list[bytes]]] = {
    "garbage before it": lambda data: [b"\x00\xff\x55garbage" * 20, data],
    "truncated": lambda data: [data[: len(data) // 2]],
}


async def test_damaged_bytes_on_the_port_are_recovered_from(
    tmp_path: Path, broker: Mosquitto, arrivals: City
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    async with board(tmp_path / "board") as (running, sky):
        with faulty_pty(running.port, tmp_path / "tty") as cable:
            async with daemon(config) as gateway:
                for f_cnt, damage in enumerate(DAMAGES.values(), 1):
                    await started(gateway, f_cnt)
                    await report(sky, f_cnt)
                    await arrivals.has(f_cnt)
                    cable.damage = damage
                    await gateway.until(lambda status: status["radio"]["state"] == "fault")
                    cable.damage = lambda data: [data]
                await started(gateway, len(DAMAGES) + 1)
                await report(sky, 9)
                await arrivals.has(9)
    assert sorted(arrivals.readings) == [1, 2, 9]


async def started(gateway: Daemon, times: int) -> None:
    """The chip was started so many times, and receives."""
    await gateway.until(lambda status: status["radio"]["starts"] >= times)
    await gateway.receiving()


async def test_split_bytes_on_the_port_do_no_harm(
    tmp_path: Path, broker: Mosquitto, arrivals: City
) -> None:
    config = await asyncio.to_thread(write_files, tmp_path, broker.port)
    async with board(tmp_path / "board") as (running, sky):
        with faulty_pty(running.port, tmp_path / "tty") as cable:
            async with daemon(config) as gateway:
                await gateway.receiving()
                cable.damage = lambda data: [data[i : i + 1] for i in range(len(data))]
                for f_cnt in (1, 2):
                    await report(sky, f_cnt)
                await arrivals.has(1, 2)
                assert (await gateway.receiving())["radio"]["starts"] == 1
