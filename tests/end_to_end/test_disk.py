"""D1c against a disk that really refuses: real daemon, real mosquitto, faults below SQLite.

`disk/` holds the database alone; the fault begins and ends while the daemon runs.
"""

import asyncio
import base64
import contextlib
import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from broker import Mosquitto, mosquitto, subscriber
from crash_trials.disk_faults import Fault, FaultyDisk, build
from kogge import kogge
from lamp_post import (
    APP_KEY,
    BIN_EUI,
    EUI,
    GAUGE,
    JOIN_EUI,
    TEMPERATURE,
    City,
    Sky,
    board,
    city,
    daemon,
    write_files,
)
from lorawan_device import join_request
from patience import HUNG

pytestmark = pytest.mark.realtime

FAULTS: tuple[Fault, ...] = ("enospc", "eio", "erofs")
SAYS = {"enospc": "make room", "eio": "dmesg", "erofs": "dmesg"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("library"))


@dataclass
class Post:
    config: Path
    disk: FaultyDisk
    broker: Mosquitto
    city: City
    events: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        async with subscriber(self.broker.port, f"kogge/{EUI}/events") as messages:
            self.news.set()
            async for message in messages:
                assert isinstance(message.payload, bytes)
                self.events += json.loads(message.payload)["events"]
                self.news.set()

    async def told(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        async with asyncio.timeout(HUNG):
            while not (found := [event for event in self.events if holds(event)]):
                self.news.clear()
                await self.news.wait()
        return found[0]

    async def order(self, correlation: str) -> None:
        command = {"correlation": correlation, "device": "70b3d57ed0000001", "f_port": 1,
                   "payload": base64.b64encode(b"on").decode()}  # fmt: skip
        async with aiomqtt.Client("127.0.0.1", self.broker.port) as client:
            await client.publish(f"kogge/{EUI}/command/down", json.dumps(command), qos=1)

    async def begin(self, fault: Fault) -> None:
        await asyncio.to_thread(self.disk.begin, fault)


@pytest.fixture
async def post(tmp_path: Path, library: Path) -> AsyncIterator[Post]:
    (tmp_path / "disk").mkdir()
    async with mosquitto(tmp_path) as broker, city(broker) as arrivals:
        config = await asyncio.to_thread(write_files, tmp_path, broker.port)
        text = await asyncio.to_thread(config.read_text)
        await asyncio.to_thread(
            config.write_text, text.replace('state_dir = "."', 'state_dir = "disk"')
        )
        disk = FaultyDisk(library, tmp_path / "disk", tmp_path / "fault")
        one = Post(config, disk, broker, arrivals)
        hearing = asyncio.create_task(one.listen())
        await one.news.wait()
        yield one
        hearing.cancel()
        await asyncio.wait({hearing})


async def report(sky: Sky, f_cnt: int, *, confirmed: bool = False) -> None:
    await sky.send(GAUGE.uplink(f_cnt, TEMPERATURE, confirmed=confirmed))


def failing(status: dict[str, Any]) -> bool:
    return bool(status["store"]["state"] == "failing")


def well(status: dict[str, Any]) -> bool:
    return bool(status["store"]["state"] == "well")


@pytest.mark.parametrize("fault", FAULTS)
async def test_d1c_readings_go_on_while_the_disk_refuses_and_it_has_them_when_it_is_back(
    tmp_path: Path, post: Post, fault: Fault
) -> None:
    async with board(tmp_path / "tty") as (_, sky), daemon(post.config, post.disk.env) as gateway:
        await gateway.receiving()
        await report(sky, 1, confirmed=True)
        await post.city.has(1)
        await gateway.until(lambda status: status["answers"].get("OK") == 1)
        await post.begin(fault)
        await report(sky, 2, confirmed=True)  # its commit finds the disk dead
        await post.city.has(2)
        status = await gateway.until(failing)
        assert status["health"] == "degraded"
        assert SAYS[fault] in status["store"]["reason"]
        await post.told(lambda event: event["type"] == "store" and event["state"] == "failing")
        done = await asyncio.to_thread(kogge, "status", "--config", str(post.config))
        assert done.returncode == 1
        assert "the disk is failing" in done.stdout

        await report(sky, 3, confirmed=True)
        await post.city.has(3)
        await gateway.until(lambda status: sum(status["answers"].values()) == 3)
        assert (await gateway.status())["answers"]["OK"] == 3  # after the broker's word
        await sky.send(join_request(APP_KEY, JOIN_EUI, BIN_EUI, 7))
        refused = await post.told(lambda event: event["type"] == "join_refused")
        assert refused["cause"] == "disk_fails"
        await post.order("in vain")
        told = await post.told(lambda event: event.get("correlation") == "in vain")
        assert (told["status"], "another correlation" in told["reason"]) == ("REFUSED", True)

        await post.broker.kill()
        await report(sky, 4)
        await gateway.until(lambda status: status["store"]["memory_records"] >= 1)
        await post.begin("none")
        status = await gateway.until(well)
        assert status["store"]["retries"] > 0
        await report(sky, 5)
        await gateway.safe_on_disk(5)
        os.kill(gateway.process.pid, signal.SIGKILL)  # what is on the disk is safe from this too
        await gateway.process.wait()
        await post.broker.start()
    post.city.readings.clear()
    async with city(post.broker) as arrivals, daemon(post.config, post.disk.env) as gateway:
        await arrivals.has(4, 5)
        status = await gateway.until(lambda status: status["city"]["state"] == "connected")
        assert well(status)
    assert "Traceback" not in gateway.log()


@pytest.mark.parametrize("fault", FAULTS)
async def test_d1c_a_kill_while_the_disk_refuses_loses_nothing_that_was_safe(
    tmp_path: Path, post: Post, fault: Fault
) -> None:
    async with board(tmp_path / "tty") as (_, sky):
        async with daemon(post.config, post.disk.env) as gateway:
            await gateway.receiving()
            await post.broker.kill()
            await report(sky, 1)
            await gateway.safe_on_disk(1)
            await post.begin(fault)
            await report(sky, 2, confirmed=True)
            await gateway.until(failing)
            os.kill(gateway.process.pid, signal.SIGKILL)
            await gateway.process.wait()
        await post.begin("none")
        await post.broker.start()
        async with city(post.broker) as arrivals, daemon(post.config, post.disk.env) as gateway:
            await arrivals.has(1)
            await gateway.receiving()
            await report(sky, 3, confirmed=True)
            await arrivals.has(3)
            await gateway.until(lambda status: status["answers"].get("OK") == 1)


@pytest.mark.parametrize("fault", ["enospc", "erofs"])
async def test_d1c_a_start_on_a_disk_that_can_only_be_read_knows_its_devices(
    tmp_path: Path, post: Post, fault: Fault
) -> None:
    async with board(tmp_path / "tty") as (_, sky):
        async with daemon(post.config, post.disk.env) as gateway:
            await gateway.receiving()
            await report(sky, 10, confirmed=True)
            await post.city.has(10)
            await gateway.until(lambda status: status["answers"].get("OK") == 1)
            os.kill(gateway.process.pid, signal.SIGKILL)
            await gateway.process.wait()
        await post.begin(fault)
        async with daemon(post.config, post.disk.env) as gateway:
            await gateway.until(failing)
            await gateway.receiving()
            await report(sky, 9)  # a replay: the counter is known
            await report(sky, 11, confirmed=True)
            await post.city.has(11)
            status = await gateway.status()
            assert status["drops"] == {"replay": 1}
            assert "OK" not in status["answers"]  # nothing is reserved on disk that is not used
            await post.begin("none")
            await gateway.until(well)
            await report(sky, 12, confirmed=True)
            await gateway.until(lambda status: status["answers"].get("OK") == 1)
            await post.told(lambda event: event["type"] == "store" and event["state"] == "back")
    assert 9 not in post.city.readings


async def test_a_start_on_a_disk_that_cannot_be_read_ends_with_words(
    tmp_path: Path, post: Post
) -> None:
    async with daemon(post.config, post.disk.env) as gateway:
        await gateway.until(well)
    await post.begin("eio")
    async with daemon(post.config, post.disk.env) as gateway:
        with contextlib.suppress(ProcessLookupError):
            assert await asyncio.wait_for(gateway.process.wait(), HUNG) == 1
    assert "cannot be opened" in gateway.log()


async def test_a_start_on_a_damaged_database_goes_on_with_what_can_be_read_of_it(
    tmp_path: Path, post: Post
) -> None:
    database = tmp_path / "disk" / "kogge.db"
    async with board(tmp_path / "tty") as (_, sky):
        async with daemon(post.config) as gateway:
            await gateway.receiving()
            await post.broker.kill()
            await report(sky, 1)
            await gateway.safe_on_disk(1)
        await asyncio.to_thread(spoil, database, "airtime")
        await post.broker.start()
        async with city(post.broker) as arrivals:
            hearing = asyncio.create_task(post.listen())
            async with daemon(post.config) as gateway:
                await arrivals.has(1)
                status = await gateway.receiving()
                assert status["store"]["quarantined"] == ["kogge.db.damaged-1"]
                told = await post.told(lambda event: event.get("state") == "damaged")
                assert "kogge.db.damaged-1" in told["reason"]
                await report(sky, 2, confirmed=True)
                await arrivals.has(2)
                await gateway.until(lambda status: status["answers"].get("OK") == 1)
            hearing.cancel()
            await asyncio.wait({hearing})
    assert "store damaged" in gateway.log()


def spoil(database: Path, table: str) -> None:
    """The card has lost the page that this table begins on."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
    content = bytearray(database.read_bytes())
    content[(page - 1) * 1024 : page * 1024] = b"\xff" * 1024
    database.write_bytes(content)
