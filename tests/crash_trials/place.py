"""Where trials are made: directory, ports, the disk that can fail, and the starter of daemons."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom
from socket import socket

from crash_trials.disk_faults import FaultyDisk
from crash_trials.script import Script
from crash_trials.service import Starter, starter
from crash_trials.street import Resident, devices_toml

EUI = "0016c001ff10a235"


@dataclass
class Place:
    """Where trials are made, one after the other."""

    directory: Path
    starter: Starter
    disk: FaultyDisk
    air_port: int
    line_port: int
    broker_port: int

    def clear(self) -> Path:
        """Nothing is left of the trial before; returns the directory of the next."""
        self.disk.begin("none")
        trial = self.directory / "trial"
        shutil.rmtree(trial, ignore_errors=True)
        self.disk.directory.mkdir(parents=True)
        return trial


def quiet_port() -> int:
    """One that the kernel gives to nobody who asks for any: it is free between two servers."""
    while True:
        port = SystemRandom().randrange(10_000, 32_000)
        with socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@asynccontextmanager
async def place(directory: Path, library: Path) -> AsyncIterator[Place]:
    await asyncio.to_thread(directory.mkdir)
    disk = FaultyDisk(library, directory / "trial/state", directory / "fault")
    ports = [quiet_port() for _ in range(3)]
    async with starter(ports[0], disk) as one:
        yield Place(directory, one, disk, *ports)


def write_files(directory: Path, script: Script, port: int, city: list[Resident]) -> None:
    (directory / "devices.toml").write_text(devices_toml(city), encoding="utf-8")
    (directory / "kogge.toml").write_text(
        f'[gateway]\neui = "{EUI}"\nstate_dir = "state"\ncontrol_socket = "kogge.sock"\n'
        '[concentrator]\nport = "memory"\nfirmware_check = false\n'
        f'[mqtt]\nurl = "mqtt://127.0.0.1:{port}"\nplain_is_ok = true\n'
        f'protocol = "{script.protocol}"\nbatch_readings = {script.batch_readings}\n'
        f"in_flight = {script.in_flight}\nbatch_seconds = 0.2\n"
        f"[store]\nwindow = {script.window}\n"
        f"min_free_mib = {1 << 30 if script.bounded else 0}\n"
        '[clock]\nsource = "rtc"\n',
        encoding="utf-8",
    )


def kept(where: Place, to: Callable[[], Path]) -> Path:
    """What the trial has left, in a place of its own."""
    target = to()
    shutil.copytree(where.directory / "trial", target, ignore=shutil.ignore_patterns("*.sock"))
    return target
