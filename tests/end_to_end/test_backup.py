"""A backup, a second gateway, and devices that go on without a join: real daemons, real devices."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import aiomqtt
import pytest
from broker import Mosquitto, mosquitto
from kogge import kogge
from lamp_post import EUI, TEMPERATURE, City, Daemon, board, city, daemon, write_files
from patience import HUNG

from gateway.demo.air import antenna
from gateway.demo.device import Device, Heard, Keys, Uplink

pytestmark = pytest.mark.realtime

JOIN_EUI = 0x70B3D57ED0000000
BIN = Keys(0x70B3D57ED0000012, JOIN_EUI, b"K" * 16, lorawan="1.0.3")
GULLY = Keys(0x70B3D57ED0000013, JOIN_EUI, b"A" * 16, nwk_key=b"N" * 16, lorawan="1.1")
LAMP = Keys(
    0x70B3D57ED0000014, dev_addr=0x26011BDC, nwk_s_key=b"n" * 16, app_s_key=b"a" * 16,
    lorawan="1.0.4",
)  # fmt: skip
LATE = Keys(0x70B3D57ED0000015, JOIN_EUI, b"L" * 16, lorawan="1.0.4")
DEVICES = "".join(
    f'[[device]]\ndev_eui = "{keys.dev_eui:016x}"\nname = "{name}"\nlorawan = "{keys.lorawan}"\n'
    f'codec = "cayennelpp"\n{rest}\n'
    for name, keys, rest in (
        ("bin", BIN, f'join_eui = "{JOIN_EUI:016x}"\napp_key = "{BIN.app_key.hex()}"'),
        ("late", LATE, f'join_eui = "{JOIN_EUI:016x}"\napp_key = "{LATE.app_key.hex()}"'),
        (
            "gully",
            GULLY,
            f'join_eui = "{JOIN_EUI:016x}"\napp_key = "{GULLY.app_key.hex()}"\n'
            f'nwk_key = "{GULLY.nwk_key.hex()}"',
        ),
        (
            "lamp",
            LAMP,
            f'dev_addr = "{LAMP.dev_addr:08x}"\nnwk_s_key = "{LAMP.nwk_s_key.hex()}"\n'
            f'app_s_key = "{LAMP.app_s_key.hex()}"',
        ),
    )
)
FAST = 5  # EU868's SF7
TRIALS = 8
WINDOWS_SECONDS = 15.0  # after an uplink both windows are long over: RX2 of a join opens after six
PASSPHRASE = "brave new köcher"


@dataclass
class Street:
    """The air of one gateway; each device has an antenna of its own."""

    air: tuple[str, int]
    join_requests: int = 0

    async def speak(self, devices: Iterable[Device]) -> None:
        """One after the other: a gateway that sends hears nothing."""
        for device in devices:
            await self.speaks(device)

    async def join(self, devices: Iterable[Device]) -> None:
        await asyncio.gather(*map(self.joins, devices))

    async def speaks(self, device: Device) -> None:
        """A confirmed uplink, repeated until it is acknowledged, as devices do: the answer of a
        busy gateway may be too late for both windows, and is not sent then."""
        device.settings.dr, device.settings.nb_trans = FAST, TRIALS
        uplink: Uplink | None = device.uplink(2, TEMPERATURE, confirmed=True)
        while uplink is not None and not await self._sent(device, uplink, Heard.ACCEPTED):
            uplink = device.repetition()
        assert device.acked

    async def joins(self, device: Device) -> None:
        for _ in range(TRIALS):
            self.join_requests += 1
            if await self._sent(device, device.join_request(), Heard.JOINED):
                return
        raise AssertionError("it could not join")

    async def _sent(self, device: Device, uplink: Uplink, heard: Heard) -> bool:
        """Whether it was answered."""
        async with antenna(*self.air) as own:
            hearing = asyncio.create_task(own.listen())
            while True:  # the gateway hears nothing while it sends
                sent = await own.uplink(
                    uplink.phy_payload, uplink.frequency, uplink.rate.sf, -80, 8
                )
                if sent.received:
                    break
            device.sent(sent.end_us)
            answered = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WINDOWS_SECONDS):
                    while not (answered := device.hear(await own.downlinks.get()) is heard):
                        pass
            hearing.cancel()
            await asyncio.wait({hearing})
        assert device.violations == []
        return answered


@asynccontextmanager
async def gateway(config: Path) -> AsyncIterator[tuple[Daemon, Street]]:
    """A daemon with a board of its own."""
    async with board(config.parent / "tty") as (running, _), daemon(config) as one:
        assert running.air_address is not None
        await one.receiving()
        await one.until(lambda status: status["city"].get("commands", False))
        yield one, Street(running.air_address)


def lines(directory: Path, port: int) -> Path:
    """The files of a gateway with these devices."""
    config = write_files(directory, port)
    (directory / "devices.toml").write_text(DEVICES, encoding="utf-8")
    (directory / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    return config


@pytest.fixture
async def places(tmp_path: Path) -> AsyncIterator[tuple[Mosquitto, Path, Path]]:
    """A broker, the old gateway's kogge.toml, and where the new one's goes."""
    old, new = tmp_path / "old", tmp_path / "new"
    for place in (old, new):
        place.mkdir()
    async with mosquitto(tmp_path, settings=["persistence false"]) as broker:
        config = await asyncio.to_thread(lines, old, broker.port)
        yield broker, config, new / "kogge.toml"


async def ran(verb: str, config: Path, *more: str) -> CompletedProcess[str]:
    file = config.parent.parent / "lamp.kogge"
    passphrase = file.parent / "old" / "passphrase"
    return await asyncio.to_thread(
        kogge, verb, str(file), "--config", str(config), "--passphrase-file", str(passphrase), *more
    )


def moved(new: Path) -> None:
    """The new box has a board, and a port, of its own."""
    text = new.read_text(encoding="utf-8").replace("/old/tty", "/new/tty")
    new.write_text(text, encoding="utf-8")


async def down(broker: Mosquitto, device: Device, correlation: str) -> None:
    command = {"correlation": correlation, "device": f"{device.keys.dev_eui:016x}", "f_port": 10,
               "payload": base64.b64encode(b"open").decode()}  # fmt: skip
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.publish(f"kogge/{EUI}/command/down", json.dumps(command), qos=1)


async def results(broker: Mosquitto, correlation: str, ready: asyncio.Event) -> dict[str, Any]:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe(f"kogge/{EUI}/events", qos=1)
        ready.set()
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            for event in json.loads(message.payload)["events"]:
                if event.get("correlation") == correlation and event["type"] == "downlink":
                    return dict(event)
    raise AssertionError


async def test_devices_go_on_at_a_second_gateway_without_a_join(
    places: tuple[Mosquitto, Path, Path],
) -> None:
    broker, old, new = places
    joined = [Device(BIN), Device(GULLY)]
    devices, late = [*joined, Device(LAMP)], Device(LATE)
    async with gateway(old) as (one, street):
        await street.join(joined)
        await street.speak(devices)
        done = await ran("backup", old)
        assert done.returncode == 0, done.stderr
        assert f"4 devices, 3 sessions, {street.join_requests} spent DevNonces" in done.stdout
        await street.speak(devices)  # the old box goes on
        _, refused = await asyncio.gather(street.joins(late), ran("restore", old))
        assert refused.returncode == 1
        assert one.process.returncode is None
    sessions = [device.activation for device in devices]
    done = await ran("restore", new)
    assert done.returncode == 0, done.stderr
    assert "MUST NOT BE SWITCHED ON AGAIN" in done.stdout
    moved(new)
    async with gateway(new) as (two, street), city(broker) as arrivals:
        await street.speak(devices)
        await arrivals.has(2)
        for number, device in enumerate(devices):
            await down(broker, device, f"valve-{number}")
        await two.until(lambda status: status["downlinks"] == len(devices))
        await street.speak(devices)
        assert [device.received for device in devices] == [[(10, b"open")]] * len(devices)
        assert [device.activation for device in devices] == sessions
        assert (await two.status())["counts"]["joins"] == 0
        await street.joins(late)  # its JoinNonce is above the one that the old box gave it


async def test_a_downlink_that_waited_is_not_sent_and_the_city_is_told(
    places: tuple[Mosquitto, Path, Path],
) -> None:
    broker, old, new = places
    device = Device(LAMP)
    async with gateway(old) as (one, street):
        await street.speaks(device)
        await down(broker, device, "valve")
        await one.until(lambda status: status["downlinks"] == 1)
        assert "1 downlink waiting" in (await ran("backup", old)).stdout
        await street.speaks(device)
        assert device.received == [(10, b"open")]
    assert (await ran("restore", new)).returncode == 0
    moved(new)
    ready = asyncio.Event()
    told = asyncio.create_task(results(broker, "valve", ready))
    await ready.wait()
    async with gateway(new) as (two, street):
        async with asyncio.timeout(HUNG):
            event = await told
        assert event["status"] == "NOT_ACKED"
        assert event["final"]
        assert "backup" in event["reason"]
        await street.speaks(device)
        assert device.received == [(10, b"open")]
        assert (await two.status())["downlinks"] == 0
        socket = str(new.with_name("kogge.sock"))
        done = await asyncio.to_thread(kogge, "frames", "--json", "--socket", socket)
        seen = [json.loads(line) for line in done.stdout.splitlines()]
        assert [(one["direction"], one["fate"]) for one in seen] == [
            ("up", "accepted"),
            ("down", "OK"),
        ]


async def test_readings_go_along_only_when_it_is_said_and_keep_their_identity(
    places: tuple[Mosquitto, Path, Path],
) -> None:
    broker, old, new = places
    device = Device(LAMP)
    text = await asyncio.to_thread(old.read_text)
    await asyncio.to_thread(old.write_text, text.replace(f":{broker.port}", ":9"))
    async with board(old.parent / "tty") as (running, _), daemon(old) as one:
        assert running.air_address is not None
        await one.receiving()
        for _ in range(3):
            await Street(running.air_address).speaks(device)
        assert (await ran("backup", old, "--with-readings")).returncode == 0
    done = await ran("restore", new, "--dry-run", "--json")
    held = json.loads(done.stdout)
    assert (held["readings"] >= 3, held["devices"], new.exists()) == (True, 4, False)
    assert (await ran("restore", new)).returncode == 0
    moved(new)
    text = await asyncio.to_thread(new.read_text)
    await asyncio.to_thread(new.write_text, text.replace(":9", f":{broker.port}"))
    arrivals: City
    async with city(broker) as arrivals, daemon(new):
        await arrivals.has(0, 1, 2)
