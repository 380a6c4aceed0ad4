"""A real mosquitto for tests: its own process on a free loopback port, ended by its pid."""

import asyncio
import getpass
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aiomqtt

_PATH = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"


async def _program(name: str) -> str:
    path = await asyncio.to_thread(shutil.which, name, path=_PATH)
    assert path, f"{name} is not installed"
    return path


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Mosquitto:
    """`start`, `stop` (SIGTERM) and `kill` (SIGKILL) may follow each other on one port."""

    config: Path
    port: int
    scheme: str = "mqtt"
    log: list[str] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _reader: asyncio.Task[None] | None = None
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Returns when it listens; AssertionError with its log when it ends instead."""
        program = await _program("mosquitto")
        self.log.clear()
        self._process = await asyncio.create_subprocess_exec(
            program, "-v", "-c", str(self.config), stderr=asyncio.subprocess.PIPE
        )
        self._reader = asyncio.create_task(self._read(self._process))
        await self.logged(" running")

    async def logged(self, text: str) -> str:
        """Wait for a line of its log with `text` in it, past lines included."""
        async with self._news:
            await self._news.wait_for(lambda: self._found(text) or self._ended())
        found = self._found(text)
        assert found, f"mosquitto did not say {text!r}:\n" + "\n".join(self.log)
        return found

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        if self._process is None or self._reader is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(how)
        await self._process.wait()
        await self._reader
        self._process = None

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            async with self._news:
                self.log.append(line.decode(errors="replace").rstrip())
                self._news.notify_all()
        async with self._news:
            self.log.append("(ended)")
            self._news.notify_all()

    def _found(self, text: str) -> str | None:
        return next((line for line in self.log if text in line), None)

    def _ended(self) -> bool:
        return bool(self.log) and self.log[-1] == "(ended)"


@asynccontextmanager
async def mosquitto(
    directory: Path,
    *,
    port: int = 0,
    users: Mapping[str, str] | None = None,
    acl: str = "",
    settings: Sequence[str] = (),
    scheme: str = "mqtt",
) -> AsyncIterator[Mosquitto]:
    """A running broker. `users` are names and passwords (none = anyone); `acl` is its acl_file;
    `settings` are further lines of its configuration, e.g. "max_inflight_messages 3" (that is its
    Receive Maximum) or "cafile …". Nothing survives a restart unless `settings` say so.
    """
    port = port or free_port()
    lines = [
        f"listener {port} 127.0.0.1",
        f"user {getpass.getuser()}",
        f"allow_anonymous {'false' if users else 'true'}",
        "log_dest stderr",
    ]
    config, passwords, acl_file = (
        directory / f"{name}-{port}" for name in ("mosquitto", "passwords", "acl")
    )
    if users:
        known = "".join(f"{name}:{word}\n" for name, word in users.items())
        await asyncio.to_thread(passwords.write_text, known)
        await _hash(passwords)
        lines.append(f"password_file {passwords}")
    if acl:
        await asyncio.to_thread(acl_file.write_text, acl)
        lines.append(f"acl_file {acl_file}")
    await asyncio.to_thread(config.write_text, "\n".join([*lines, *settings, ""]))
    broker = Mosquitto(config, port, scheme)
    try:
        await broker.start()
        yield broker
    finally:
        await broker.kill()


async def _hash(passwords: Path) -> None:
    program = await _program("mosquitto_passwd")
    process = await asyncio.create_subprocess_exec(program, "-U", str(passwords))
    assert await process.wait() == 0


@asynccontextmanager
async def subscriber(
    port: int, topic: str = "#", *, username: str | None = None, password: str | None = None
) -> AsyncIterator[aiomqtt.MessagesIterator]:
    """An independent MQTT 5 client that hears `topic`; subscribed when the block is entered."""
    async with aiomqtt.Client(
        "127.0.0.1",
        port,
        protocol=aiomqtt.ProtocolVersion.V5,
        username=username,
        password=password,
    ) as client:
        await client.subscribe(topic, qos=1)
        yield client.messages


class Published(NamedTuple):
    """A PUBLISH with QoS 1; `body` is all behind its fixed header (MQTT 5 §3.3.2)."""

    topic: str
    mid: int
    body: bytes

    def readings(self) -> list[dict[str, Any]]:
        """Of a batch in JSON."""
        found: list[dict[str, Any]] = json.loads(self.body[self.body.index(b"{") :])["readings"]
        return found


class Wire:
    """The server's end of one MQTT connection, packet by packet, for what mosquitto never does."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.granted = "01"  # what a SUBSCRIBE is answered: QoS, or 80 and above
        self._level = 0

    async def packet(self) -> tuple[int, bytes]:
        """The next packet: its type (1 CONNECT, 3 PUBLISH, 14 DISCONNECT, …) and what follows.

        A SUBSCRIBE is answered on the way.
        """
        while True:
            kind, body = await self._packet()
            if kind != 8:
                return kind, body
            properties = "00" if self._level == 5 else ""
            self.send(
                f"90 {4 if properties else 3:02x} {body[:2].hex()} {properties} {self.granted}"
            )

    async def _packet(self) -> tuple[int, bytes]:
        first = (await self.reader.readexactly(1))[0]
        length = shift = 0
        while True:
            digit = (await self.reader.readexactly(1))[0]
            length |= (digit & 0x7F) << shift
            shift += 7
            if digit < 0x80:
                return first >> 4, await self.reader.readexactly(length)

    async def connect(self) -> int:
        """Wait for CONNECT; returns its protocol level, 4 (3.1.1) or 5."""
        kind, body = await self.packet()
        assert kind == 1
        self._level = body[6]
        return self._level

    async def published(self) -> int:
        """Wait for a PUBLISH with QoS 1; returns its packet identifier. DISCONNECT ends `serve`."""
        return (await self.message()).mid

    async def message(self) -> Published:
        """The same, with all that it says."""
        kind, body = await self.packet()
        if kind == 14:
            raise ConnectionError("the client has left")
        assert kind == 3
        at = 2 + int.from_bytes(body[:2])
        return Published(body[2:at].decode(), int.from_bytes(body[at : at + 2]), body)

    def send(self, packet: str) -> None:
        """Send hex; spaces are for reading."""
        self.writer.write(bytes.fromhex(packet))

    def puback(self, mid: int, reason_code: str = "") -> None:
        """With a reason code of MQTT 5, in hex."""
        self.send(f"40 {3 if reason_code else 2:02x} {mid:04x} {reason_code}")


@asynccontextmanager
async def fake_broker(
    serve: Callable[[Wire], Awaitable[None]],
) -> AsyncIterator[int]:
    """A TCP server that lets `serve` answer each connection, then closes it; gives its port."""
    serving: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(Wire(reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went first
        finally:
            writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(answer(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for task in serving:
        task.cancel()
    for result in await asyncio.gather(*serving, return_exceptions=True):
        if isinstance(result, Exception):
            raise result  # a failed assert of `serve`
