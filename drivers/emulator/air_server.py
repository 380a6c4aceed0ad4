"""The air as a TCP service on loopback: devices speak to the board and hear its downlinks.

A client that sends nonsense gets an answer with the reason; one that sends lines without end or
does not read what it is sent is dropped.
"""

import asyncio
from typing import Any

from drivers.emulator import air_messages
from drivers.emulator.air import Flight
from drivers.emulator.air_messages import AirMessageError, Json
from drivers.emulator.board import Board
from drivers.emulator.transmitter import Emission

MAX_LINE = 65536
MAX_UNREAD = 1 << 20


class AirServer:
    """All clients of one board's air."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.clients: set[Client] = set()
        self._server: asyncio.Server | None = None
        board.on_emission = self._broadcast

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address listened on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Client(self), host, port)
        address = self._server.sockets[0].getsockname()
        return address[0], address[1]

    async def stop(self) -> None:
        """Close the door and every client."""
        if self._server is not None:
            self._server.close()
            for client in set(self.clients):
                client.drop()
            await self._server.wait_closed()

    def _broadcast(self, emission: Emission) -> None:
        begins, ends = map(self.board.counter_us, (emission.begin_ns, emission.end_ns))
        for client in set(self.clients):
            client.tell(air_messages.downlink(emission, begins, ends))


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: AirServer) -> None:
        self._server = server
        self._board = server.board
        self._unread = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.clients.discard(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._answer(line)
        if len(self._unread) > MAX_LINE:
            self.tell(air_messages.error(f"a line has at most {MAX_LINE} bytes"))
            self._unread = b""
            self.hang_up()

    def tell(self, message: Json) -> None:
        """Send a line, unless the client has gone or has long stopped reading."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(air_messages.encode(message))
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
        message: Json = {}
        try:
            message = air_messages.parse(line)
            if message["op"] == "time":
                self.tell({"op": "time", "counter_us": self._board.counter_us()})
            else:
                self._send(message)
        except AirMessageError as error:
            self.tell(air_messages.error(str(error)) | _identity(message))

    def _send(self, message: Json) -> None:
        request = air_messages.uplink_request(message)
        identity = _identity(message)

        def done(flight: Flight) -> None:
            ended = self._board.counter_us(flight.end_ns)
            self.tell(air_messages.uplink_done(ended, flight.reason) | identity)

        now_ns = start_ns = self._board.now_ns()
        if request.at_us is not None:
            start_ns = self._board.chip.counter.nearest_ns(request.at_us, now_ns)
        if start_ns + request.uplink.time_on_air_us * 1000 < now_ns:
            ended = self._board.counter_us(now_ns)
            self.tell(air_messages.uplink_done(ended, '"at_us" has passed') | identity)
        else:
            self._board.send(request.uplink, start_ns, done)


def _identity(message: Json) -> dict[str, Any]:
    return {"id": message["id"]} if "id" in message else {}
