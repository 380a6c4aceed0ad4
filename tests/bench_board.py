"""An emulated board on the bench of `kogge radio`: its files, its air, and a driver in a hurry."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers import emulator
from drivers.concentrator import Concentrator
from drivers.emulator import Running
from drivers.link import open_link
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.firmware import Firmware
from gateway import config
from gateway.board import radio_plan
from gateway.cli.radio_bench import Bench
from gateway.demo.cabinet import FIRMWARE_BYTES, FIRMWARE_FILES
from gateway.settings import region_of

IMAGES = Firmware(bytes(8192), bytes(8192), verified=False)


def write_files(directory: Path) -> Path:
    """kogge.toml of a board at `tty`, and images for it; there is no devices.toml."""
    (directory / "firmware").mkdir()
    for name in FIRMWARE_FILES:
        (directory / "firmware" / name).write_bytes(bytes(FIRMWARE_BYTES))
    file = directory / "kogge.toml"
    file.write_text(
        '[gateway]\nstate_dir = "."\ncontrol_socket = "kogge.sock"\n'
        '[concentrator]\nport = "tty"\nfirmware_dir = "firmware"\nfirmware_check = false\n',
        encoding="utf-8",
    )
    return file


def bench(concentrator: Concentrator, directory: Path, **wanted: Any) -> Bench:
    """A bench whose board is this one."""
    found = config.Config()
    found.gateway.state_dir = str(directory)
    found.gateway.control_socket = str(directory / "kogge.sock")
    for name, value in wanted.items():
        setattr(found.concentrator, name, value)
    file = directory / "kogge.toml"
    settings = radio_plan.load(found.concentrator, file)
    return Bench(found, settings, concentrator, region_of(found, file))


@dataclass
class Sky:
    """The air above a board."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, payload: str, **more: Any) -> None:
        """An uplink; it is on the air, and heard, when this returns."""
        message = {"op": "uplink", "payload": payload, "frequency": 868_100_000, "sf": 7, **more}
        self.writer.write(json.dumps(message).encode() + b"\n")
        done = await self.hear()
        assert done["received"], done

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            heard: dict[str, Any] = json.loads(await self.reader.readline())
        return heard


@asynccontextmanager
async def board(link: Path | None = None) -> AsyncIterator[tuple[Running, Sky]]:
    """A board and a device near it, which has arrived."""
    async with emulator.serve(link, ("127.0.0.1", 0), chip="sx1303") as running:
        assert running.air_address is not None
        sky = Sky(*await asyncio.open_connection(*running.air_address))
        sky.writer.write(b'{"op":"time"}\n')
        await sky.hear()
        try:
            yield running, sky
        finally:
            sky.writer.close()


async def briefly(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.002))


def driver(running: Running, directory: Path) -> Bench:
    """The bench of a running board; its start takes no pauses."""
    settings = bench(_nobody(), directory).settings
    found = Sx1302(settings, lambda: open_link(running.port), lambda: IMAGES, briefly)
    return bench(found, directory, port=running.port)


def _nobody() -> Any:
    return None
