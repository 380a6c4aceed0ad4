"""The daemon alone, as a process, from the end of a frame to the broker's acknowledgement.

Its board is the emulator, its broker mosquitto, both in processes of their own on the same machine;
what these cost is not the daemon's, but it is told, because all of them share the cores.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from gateway.demo import cabinet

from . import serial
from .antenna import Antenna, antenna
from .load import PER_SECOND, SIZE, devices, shots
from .process import cpu_seconds, resident_mib
from .row import Row
from .stage import DEVICES, Stage, stage

STARTS, IDLE_SECONDS, STATUSES, RUN_IN = 3, 10, 15, 2
FEWEST_SECONDS = 2 * RUN_IN
BARE = "import asyncio, sqlite3, paho.mqtt.client, tests.bench.process as p"
BARE_MIB = f"{BARE}; print(p.resident_mib('self'))"


@dataclass
class Measured:
    """Seconds, MiB, and shares of one core."""

    starts: list[float] = field(default_factory=list)
    idle: float = 0.0
    loaded: float = 0.0
    emulator: float = 0.0
    latencies: list[float] = field(default_factory=list)
    sent: int = 0
    unheard: int = 0  # on the air, by the emulator
    lost: int = 0
    mib: float = 0.0
    bare_mib: float = 0.0
    verb: float = 0.0
    bare_python: float = 0.0


def rows(seconds: int) -> Iterator[Row]:
    """One run of the load for `seconds`, beside pyserial's round trips."""
    trips, polls = serial.round_trips(), serial.polls()
    yield trips
    yield polls.row()
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(_measure(Path(directory), seconds))
    yield _frames(found, seconds)
    p99, p50 = quantiles(found.latencies, n=100)[98], median(found.latencies)
    yield _at_most("end of frame to PUBACK, p99", 1000 * p99, 100, "ms", f"{1000 * p50:.0f} ms p50")
    yield _at_most("daemon's CPU under that load", 100 * found.loaded, 30, "%", trips.limit)
    bare = f"{100 * polls.pyserial_share:.1f} % pyserial, 10 ms"
    yield _at_most("daemon's CPU idle", 100 * found.idle, 2, "%", bare)
    start = median(found.starts)
    yield _at_most("daemon's start to receiving", start, 3, "s", f"median of {STARTS}")
    bare = f"{found.bare_mib:.1f} MiB imports"
    yield _at_most(f"daemon's RSS, {DEVICES} devices", found.mib, 40, "MiB", bare)
    python = f"{1000 * found.bare_python:.0f} ms bare python"
    yield _at_most("kogge status as a process", 1000 * found.verb, 100, "ms", python)


def _frames(found: Measured, seconds: int) -> Row:
    """Nothing is lost, and the emulator took the whole load."""
    arrived = found.sent - found.unheard - found.lost
    return Row(
        f"{SIZE}-byte frames for {seconds} s",
        f"{arrived / seconds:.0f}/s, {found.lost} lost" + _unheard(found),
        f"emulator {100 * found.emulator:.0f} % CPU",
        f"{PER_SECOND}/s, 0 lost",
        arrived == PER_SECOND * seconds,
    )


def _unheard(found: Measured) -> str:
    return f", {found.unheard} not heard" if found.unheard else ""


def _at_most(what: str, measured: float, most: int, unit: str, limit: str) -> Row:
    return Row(what, f"{measured:.1f} {unit}", limit, f"<= {most} {unit}", measured <= most)


async def _measure(directory: Path, seconds: int) -> Measured:
    load = shots(devices(DEVICES), seconds)
    found = Measured(sent=len(load))
    async with stage(directory) as one:
        for _ in range(STARTS):
            found.starts.append(await _start(one))
        async with cabinet.daemon(one.config) as daemon:
            await one.status(daemon, lambda status: bool(status["health"] == "healthy"))
            (found.idle,) = await _shares(IDLE_SECONDS, daemon.pid)
            # the antenna comes last: a daemon's start sets the chip's counter back
            async with antenna(one.air_port) as air:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(air.carry(load))
                    await asyncio.sleep(RUN_IN)
                    pids = daemon.pid, one.emulator_pid
                    found.loaded, found.emulator = await _shares(seconds - RUN_IN, *pids)
                await _arrival(one, air, found)
            found.mib = resident_mib(daemon.pid)
            await _processes(one, found)
    return found


async def _start(one: Stage) -> float:
    """Seconds from the beginning of the process until its radio receives; it is ended then."""
    began = time.monotonic()
    async with cabinet.daemon(one.config) as daemon:
        await one.status(daemon, lambda status: bool(status["radio"]["state"] == "receiving"))
        return time.monotonic() - began


async def _shares(seconds: float, *pids: int) -> list[float]:
    """The share of one core that each process takes during the next seconds."""
    before, began = [cpu_seconds(pid) for pid in pids], time.monotonic()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    return [(cpu_seconds(pid) - was) / passed for pid, was in zip(pids, before, strict=True)]


async def _arrival(one: Stage, air: Antenna, found: Measured) -> None:
    """Wait until all that was received has arrived, but not for ever."""
    deadline = time.monotonic() + 10
    while not air.ended.keys() <= one.heard() and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    acknowledged = one.acknowledged()
    arrived = air.ended.keys() & one.heard() & acknowledged.keys()
    found.unheard, found.lost = air.lost.total(), len(air.ended) - len(arrived)
    found.latencies = [acknowledged[key] - air.ended[key] for key in arrived]


async def _processes(one: Stage, found: Measured) -> None:
    """What the verb costs, in turns with Python alone; and the memory of bare imports."""
    verb = ("-m", "gateway", "status", "--json", "--config", str(one.config))
    ours, bare = [], []
    for _ in range(STATUSES):
        ours.append((await _python(*verb))[0])
        bare.append((await _python("-c", "pass"))[0])
    found.verb, found.bare_python = median(ours), median(bare)
    found.bare_mib = float((await _python("-c", BARE_MIB))[1])


async def _python(*arguments: str) -> tuple[float, str]:
    """Seconds that a Python process takes, and what it says."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, f"{arguments} ended with {process.returncode}"
    return time.perf_counter() - began, said.decode()
