"""A gateway in a lamp post for end-to-end tests: emulated board, real daemon, real mosquitto.

Two devices that keep silent until a test speaks for them: an ABP one and an OTAA one. `tty` is
the port of the configuration, whoever puts it there.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from broker import Mosquitto, subscriber
from lorawan_device import Air
from patience import HUNG

from drivers import emulator
from drivers.emulator import Running
from gateway.demo.cabinet import FIRMWARE_BYTES, FIRMWARE_FILES

EUI = "0016c001ff10a235"
GAUGE = Air(0x26011BDA, bytes(range(16)), bytes(range(16, 32)))
APP_KEY, JOIN_EUI, BIN_EUI = b"K" * 16, 0x70B3D57ED0000000, 0x70B3D57ED0000002
TEMPERATURE = bytes.fromhex("016700d7")  # Cayenne LPP, channel 1: 21.5 °C
DEVICES = f"""
[[device]]
dev_eui = "70b3d57ed0000001"
name = "gauge"
codec = "cayennelpp"
dev_addr = "{GAUGE.dev_addr:08x}"
nwk_s_key = "{GAUGE.nwk_s_key.hex()}"
app_s_key = "{GAUGE.app_s_key.hex()}"
[[device]]
dev_eui = "{BIN_EUI:016x}"
name = "bin"
join_eui = "{JOIN_EUI:016x}"
app_key = "{APP_KEY.hex()}"
"""


def write_files(directory: Path, mqtt_port: int, mqtt: str = "") -> Path:
    """The gateway's files; `mqtt` are further lines of [mqtt]. Returns kogge.toml."""
    (directory / "firmware").mkdir()
    for name in FIRMWARE_FILES:
        (directory / "firmware" / name).write_bytes(bytes(FIRMWARE_BYTES))
    (directory / "devices.toml").write_text(DEVICES, encoding="utf-8")
    config = directory / "kogge.toml"
    config.write_text(
        f'[gateway]\neui = "{EUI}"\nstate_dir = "."\ncontrol_socket = "kogge.sock"\n'
        f'[concentrator]\nport = "{directory / "tty"}"\n'
        'firmware_dir = "firmware"\nfirmware_check = false\n'
        f'[mqtt]\nurl = "mqtt://127.0.0.1:{mqtt_port}"\nplain_is_ok = true\n{mqtt}\n'
        '[store]\nwindow = 0.2\nmin_free_mib = 0\n[clock]\nsource = "rtc"\n',
        encoding="utf-8",
    )
    return config


@dataclass
class Daemon:
    """`kogge run` as a process."""

    directory: Path
    process: asyncio.subprocess.Process

    async def status(self) -> dict[str, Any]:
        """{} as long as nobody answers."""
        return await self.asked("status")

    async def asked(self, op: str, **more: Any) -> dict[str, Any]:
        """What the socket answers; {} as long as nobody does."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.directory / "kogge.sock")
        except OSError:
            assert self.process.returncode is None, self.log()
            return {}
        writer.write(json.dumps({"op": op, **more}).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
        writer.close()
        return answer

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first status for which it holds."""
        status: dict[str, Any] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HUNG):
                while not (status := await self.status()) or not holds(status):
                    await asyncio.sleep(0.02)
                return status
        raise AssertionError(f"it never came to this: {status}\n{self.log()}")

    async def receiving(self) -> dict[str, Any]:
        return await self.until(lambda status: status["radio"]["state"] == "receiving")

    async def safe_on_disk(self, readings: int) -> None:
        """Wait until so many were received, and memory alone has none of them."""
        await self.until(
            lambda status: (
                status["counts"]["readings"] == readings and status["store"]["memory_records"] == 0
            )
        )

    @asynccontextmanager
    async def safe(self, count: int) -> AsyncIterator[None]:
        """Until the block is left so many readings more have been reported safe."""
        reader, writer = await asyncio.open_unix_connection(self.directory / "kogge.sock")
        writer.write(b'{"op":"watch"}\n')
        assert json.loads(await reader.readline())["event"] == "watching"
        yield
        async with asyncio.timeout(HUNG):
            while count:
                count -= json.loads(await reader.readline())["event"] == "safe"
        writer.close()

    def log(self) -> str:
        return (self.directory / "daemon.log").read_text(encoding="utf-8")


KOGGE = ("-m", "gateway")
TALKATIVE = (
    "-c",
    "import logging, sys; logging.basicConfig(level=logging.DEBUG);"
    "from gateway.cli import main; sys.exit(main())",
)


@asynccontextmanager
async def daemon(
    config: Path, env: Mapping[str, str] | None = None, program: tuple[str, str] = KOGGE
) -> AsyncIterator[Daemon]:
    """Run it until the block is left; it may have ended before. Its log never has a traceback."""
    with config.with_name("daemon.log").open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *program, "run", "--config", str(config)),
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(env or {})},
        )
    one = Daemon(config.parent, process)
    try:
        yield one
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(HUNG):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    assert "Traceback" not in one.log(), one.log()


@dataclass
class Sky:
    """The air above a board: each packet is on it when `send` returns."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(
        self, payload: bytes, crc: str = "ok", rssi: float = -80, snr: float = 8.0
    ) -> None:
        """Again and again while the board itself transmits: then it is deaf."""
        while (said := await self._send(payload, crc, rssi, snr))[
            "reason"
        ] == "the board was transmitting":
            pass
        assert said["received"], said

    async def _send(self, payload: bytes, crc: str, rssi: float, snr: float) -> dict[str, Any]:
        request = {"op": "uplink", "payload": payload.hex(), "frequency": 868_100_000,
                   "sf": 7, "bw": 125_000, "rssi": rssi, "snr": snr, "crc": crc}  # fmt: skip
        self.writer.write(json.dumps(request).encode() + b"\n")
        said: dict[str, Any]
        while (said := json.loads(await self.reader.readline()))["op"] != "uplink_done":
            pass  # a downlink of the gateway
        return said


@asynccontextmanager
async def board(link: Path) -> AsyncIterator[tuple[Running, Sky]]:
    """A board whose port appears as `link`; it is unplugged when the block is left."""
    async with emulator.serve(link, ("127.0.0.1", 0)) as running:
        assert running.air_address is not None
        sky = Sky(*await asyncio.open_connection(*running.air_address))
        try:
            yield running, sky
        finally:
            sky.writer.close()


@dataclass
class City:
    """The readings that came to the broker, by f_cnt."""

    readings: dict[int, dict[str, Any]] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def has(self, *f_cnts: int) -> None:
        async with asyncio.timeout(HUNG):
            while not set(f_cnts) <= self.readings.keys():
                self.came.clear()
                await self.came.wait()

    async def listen(self, port: int, subscribed: asyncio.Event, **user: str) -> None:
        async with subscriber(port, f"kogge/{EUI}/readings", **user) as messages:
            subscribed.set()
            async for message in messages:
                assert isinstance(message.payload, bytes)
                for reading in json.loads(message.payload)["readings"]:
                    self.readings[reading["f_cnt"]] = reading
                self.came.set()


@asynccontextmanager
async def city(broker: Mosquitto, **user: str) -> AsyncIterator[City]:
    one, subscribed = City(), asyncio.Event()
    listening = asyncio.create_task(one.listen(broker.port, subscribed, **user))
    await subscribed.wait()
    yield one
    listening.cancel()
    await asyncio.wait({listening})
