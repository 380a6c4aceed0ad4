"""Services that speak JSON, one object a line, to several clients.

A client that sends nonsense gets an answer with the reason; one that sends lines without end or
does not read what it is sent is dropped. An `id` that comes with a line goes back with its answer,
so that a client with several questions can tell the answers apart. A client that has said all and
closed its side still gets its answers.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

MAX_LINE = 65536
MAX_UNREAD = 1 << 20
Json = dict[str, Any]
Tell = Callable[[Json], None]


class MessageError(Exception):
    """A line that cannot be understood; says why."""


def parse(line: bytes) -> Json:
    """One line to an object."""
    try:
        message = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"not a line of JSON: {error}") from error
    if not isinstance(message, dict):
        raise MessageError("not a JSON object")
    return message


def check_operation(message: Json, operations: tuple[str, ...]) -> None:
    """A `MessageError` where `op` is none of those."""
    if message.get("op") not in operations:
        allowed = " or ".join(json.dumps(name) for name in operations)
        raise MessageError(f'"op" must be {allowed}')


def error(reason: str) -> Json:
    """The answer to a line that made no sense."""
    return {"op": "error", "reason": reason}


def encode(message: Json) -> bytes:
    """One line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class JsonLines:
    """All clients of one service: `answer` gets each line's object and the way to answer it."""

    def __init__(self, operations: tuple[str, ...], answer: Callable[[Json, Tell], None]) -> None:
        self.operations = operations
        self.answer = answer
        self.clients: set[Client] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, listener: socket.socket) -> None:
        """Take in clients of a bound socket, TCP or Unix; the socket is closed by `stop`."""
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        make = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
        self._server = await make(lambda: Client(self), sock=listener)

    def broadcast(self, message: Json) -> None:
        """Tell every client."""
        for client in set(self.clients):
            client.tell(message)

    async def stop(self) -> None:
        """Close the door and every client."""
        if self._server is not None:
            self._server.close()
            for client in set(self.clients):
                client.drop()
            await self._server.wait_closed()


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, service: JsonLines) -> None:
        self._service = service
        self._unread = b""
        self._awaited = 0  # answers that are still to come
        self._said_all = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._service.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._service.clients.discard(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._answer(line)
        if len(self._unread) > MAX_LINE:
            self.tell(error(f"a line has at most {MAX_LINE} bytes"))
            self._unread = b""
            self.hang_up()

    def eof_received(self) -> bool:
        self._said_all = True
        return self._awaited > 0

    def tell(self, message: Json) -> None:
        """Send a line, unless the client has gone or has long stopped reading."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(encode(message))
        if self._transport.get_write_buffer_size() > MAX_UNREAD:
            self._transport.abort()

    def hang_up(self) -> None:
        """End the connection once everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def drop(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, line: bytes) -> None:
        identity: Json = {}
        self._awaited += 1
        try:
            message = parse(line)
            if "id" in message:
                identity["id"] = message.pop("id")
            check_operation(message, self._service.operations)
            self._service.answer(message, lambda answer: self._told(answer | identity))
        except MessageError as fault:
            self._told(error(str(fault)) | identity)

    def _told(self, answer: Json) -> None:
        self._awaited -= 1
        self.tell(answer)
        if self._said_all and not self._awaited:
            self.hang_up()


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
