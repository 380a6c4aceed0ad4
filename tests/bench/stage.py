"""The way from the air to the city, each part a process of its own, ended by its pid.

Emulator, daemon and mosquitto run as they do for anyone. This process carries the load, and holds
the proxy between daemon and broker that sees when a reading is acknowledged.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.demo import cabinet, proxy
from gateway.demo.proxy import Proxy
from gateway.demo.recorder import Connection, Publish, Recorder

from .load import devices, devices_toml

sys.path.append(str(Path(__file__).parents[1]))  # what bench shares with the tests stands there
from broker import free_port, mosquitto, subscriber

DEVICES = 1000
PATIENCE = 30.0  # seconds until what should happen at once is a fault
GRACE = 5.0
Key = tuple[str, int]


class TimedRecorder(Recorder):
    """Notes when each PUBLISH of readings was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[tuple[float, Publish]] = []

    def connection(self) -> Connection:
        return _TimedConnection(self)


class _TimedConnection(Connection):
    def __init__(self, recorder: TimedRecorder) -> None:
        super().__init__(recorder)
        self._publishes, self._times = recorder.publishes, recorder.times
        self._seen = len(recorder.publishes)
        self._open: list[Publish] = []

    def from_broker(self, data: bytes) -> None:
        super().from_broker(data)
        now = time.monotonic()
        waiting = self._open + self._publishes[self._seen :]
        self._seen = len(self._publishes)
        self._times += [(now, publish) for publish in waiting if publish.acknowledged]
        self._open = [publish for publish in waiting if not publish.acknowledged]


@dataclass
class Stage:
    """`arrived` are the payloads that an independent subscriber heard."""

    config: Path
    air_port: int
    emulator_pid: int
    recorder: TimedRecorder
    arrived: list[bytes] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.config.with_name("kogge.sock")

    def acknowledged(self) -> dict[Key, float]:
        """Each reading's first PUBACK, in monotonic seconds."""
        found: dict[Key, float] = {}
        for at, publish in self.recorder.times:
            if publish.topic.endswith("/readings"):
                for key in _keys(publish.payload):
                    found.setdefault(key, at)
        return found

    def heard(self) -> set[Key]:
        return {key for payload in self.arrived for key in _keys(payload)}

    async def status(self, daemon: cabinet.Daemon, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Ask the daemon until `holds` is true of its status."""
        deadline = time.monotonic() + PATIENCE
        while not await self.asked(holds):
            await asyncio.sleep(0.01)
            if time.monotonic() > deadline:
                raise TimeoutError(f"the daemon is not there yet. {await daemon.last_words()}")

    async def asked(self, holds: Callable[[dict[str, Any]], bool]) -> bool:
        with suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(self.socket)
            writer.write(b'{"op":"status"}\n')
            line = await reader.readline()
            writer.close()
            return bool(line) and holds(json.loads(line))
        return False

    async def listen(self, messages: Any) -> None:
        async for message in messages:
            self.arrived.append(message.payload)


def _keys(payload: bytes) -> list[Key]:
    return [(one["device"], one["f_cnt"]) for one in json.loads(payload)["readings"]]


@asynccontextmanager
async def emulator(link: Path, air_port: int) -> AsyncIterator[int]:
    """`kogge emulator` as a process, once it stands; gives its pid."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "emulator"),
        *("--link", str(link), "--air", f"127.0.0.1:{air_port}"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while (line := await process.stderr.readline()) and not line.startswith(b"Stop it"):
            pass
        assert line, "the emulator ended by itself"
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def stage(directory: Path) -> AsyncIterator[Stage]:
    """Everything but the daemon, with a thousand devices in its devices.toml."""
    air_port, recorder = free_port(), TimedRecorder()
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(
            mosquitto(directory, settings=["max_queued_messages 0"])
        )
        line = await stack.enter_async_context(_proxy(broker.port, recorder))
        pid = await stack.enter_async_context(emulator(directory / "board", air_port))
        messages = await stack.enter_async_context(subscriber(broker.port, "+/+/readings"))
        config = await asyncio.to_thread(_write_files, directory, line.port)
        one = Stage(config, air_port, pid, recorder)
        listening = asyncio.create_task(one.listen(messages))
        try:
            yield one
        finally:
            listening.cancel()
            await asyncio.wait({listening})


@asynccontextmanager
async def _proxy(broker_port: int, recorder: TimedRecorder) -> AsyncIterator[Proxy]:
    async with proxy.serve(("127.0.0.1", broker_port)) as line:
        line.recorder = recorder
        yield line


def _write_files(directory: Path, mqtt_port: int) -> Path:
    config = cabinet.write_files(directory, str(directory / "board"), mqtt_port, ())
    (directory / "devices.toml").write_text(devices_toml(devices(DEVICES)), encoding="utf-8")
    return config
