"""What systemd is to the daemon: starts it, and starts it again when it has ended."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash_trials.disk_faults import FaultyDisk

HOUSE = Path(__file__).parents[2]
RESTART = 0.02  # seconds; systemd waits longer, nothing here depends on it


@dataclass
class Starter:
    """The process that forks the daemons, see starter.py; one daemon at a time."""

    process: asyncio.subprocess.Process

    async def ready(self) -> None:
        await self._answer()

    async def start(self, order: dict[str, Any]) -> int:
        """Its process id."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self._answer()

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        return await self._answer()

    async def _answer(self) -> int:
        assert self.process.stdout is not None
        return int(await self.process.stdout.readline())


@asynccontextmanager
async def starter(air_port: int, disk: FaultyDisk) -> AsyncIterator[Starter]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crash_trials.starter", str(air_port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **disk.env, "PYTHONPATH": f"{HOUSE}:{HOUSE / 'tests'}"},
        start_new_session=True,
    )
    one = Starter(process)
    try:
        await one.ready()
        yield one
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # and what it has started, where a trial has failed
        await process.wait()


@dataclass
class Service:
    """`ends` are the exit codes of the runs that nobody had asked to end, while `healthy`."""

    starter: Starter
    order: dict[str, Any]
    healthy: bool = True
    pid: int | None = None
    runs: int = 0
    ends: list[int] = field(default_factory=list)
    _asked: bool = False
    _over: bool = False
    _last: int = 0

    async def run(self) -> None:
        """Until `finish`."""
        while not self._over:
            self._asked = False
            self.runs += 1
            self.pid = await self.starter.start(self.order)
            if self._over:
                self.stop()
            self._last = await self.starter.ended()
            self.pid = None
            if not self._asked and self.healthy:
                self.ends.append(self._last)
            await asyncio.sleep(RESTART)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    async def finish(self, running: "asyncio.Task[None]", seconds: float) -> int | None:
        """Stop for good; the exit code, or None where it had to be killed."""
        self._over = True
        self.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.shield(running)
                return self._last
        self.kill()
        await running
        return None

    def _end(self, sign: signal.Signals) -> None:
        if self.pid is not None:
            self._asked = True
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(self.pid, sign)
