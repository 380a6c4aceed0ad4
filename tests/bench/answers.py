"""From the end of a confirmed uplink on the air to its answer in the transmitter's hands.

The whole way: emulator and serial port, driver, network server, commit (D1a, synchronous = FULL).
The daemon runs as it does for anyone, in a process of its own, which notes for each answer how long
ago its uplink has ended: `python -m tests.bench.answers CONFIG NOTES`.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles

from drivers.concentrator import RxPacket
from gateway import process, settings
from gateway.air.transmitter import Transmitter
from gateway.demo.device import Device
from gateway.diagnostics import log
from gateway.lorawan.downlink import Answer

from .antenna import antenna
from .load import F_PORT, MEASURED, SIZE, Shot, devices
from .row import Row
from .stage import DEVICES, PATIENCE, stage

UPLINKS = 60
TOGETHER, EVERY_US, PAUSE_US = 4, 200_000, 2_000_000  # while the board answers it hears nothing
FREQUENCY = 868_100_000
MOST_MS = 50.0


def ready() -> Row:
    with tempfile.TemporaryDirectory() as directory:
        took, heard = asyncio.run(_answered(Path(directory)))
    slow, half = quantiles(took, n=100)[98], median(took)
    return Row(
        "answer ready over serial, p99",
        f"{slow:.1f} ms (half {half:.1f})",
        f"{len(took)} of {heard} heard",
        f"<= {MOST_MS:.0f} ms",
        slow <= MOST_MS and len(took) == heard,
    )


BENCHES: tuple[Callable[[], Row], ...] = (ready,)


async def _answered(directory: Path) -> tuple[list[float], int]:
    """Milliseconds of each answer, and how many uplinks the board has heard: not while it sends."""
    notes = directory / "notes"
    async with stage(directory) as one, _daemon(one.config, notes):
        deadline = time.monotonic() + PATIENCE
        while not await one.asked(lambda status: bool(status["radio"]["state"] == "receiving")):
            assert time.monotonic() < deadline, "the daemon does not receive"
            await asyncio.sleep(0.05)
        async with antenna(one.air_port) as air:
            await air.carry(_confirmed())
        deadline = time.monotonic() + PATIENCE
        while len(_read(notes)) < len(air.ended) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        return _read(notes), len(air.ended)


def _confirmed() -> list[Shot]:
    found = []
    for number, keys in enumerate(devices(DEVICES)[:UPLINKS]):
        uplink = Device(keys).uplink(F_PORT, MEASURED, confirmed=True)
        assert len(uplink.phy_payload) == SIZE
        key = (f"{keys.dev_eui:016x}", 0)
        start_us = number // TOGETHER * PAUSE_US + number % TOGETHER * EVERY_US
        found.append(Shot(start_us, FREQUENCY, 7, key, uplink.phy_payload))
    return found


def _read(notes: Path) -> list[float]:
    return [float(line) for line in notes.read_text().splitlines()] if notes.exists() else []


@asynccontextmanager
async def _daemon(config: Path, notes: Path) -> AsyncIterator[None]:
    arguments = ("-m", "tests.bench.answers", str(config), str(notes))
    running = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    try:
        yield
    finally:
        running.terminate()
        await running.wait()


def _run(config: Path, notes: Path) -> int:
    """The daemon, whose transmitter notes when it is given an answer."""
    told = Transmitter.answer

    async def noted(self: Transmitter, answer: Answer, uplink: RxPacket) -> None:
        assert uplink.ended_at is not None
        with notes.open("a") as file:
            file.write(f"{(time.monotonic() - uplink.ended_at) * 1e3}\n")
        await told(self, answer, uplink)

    Transmitter.answer = noted  # type: ignore[method-assign]
    return process.run(settings.load(config), log.open_log())


if __name__ == "__main__":
    sys.exit(_run(Path(sys.argv[1]), Path(sys.argv[2])))
