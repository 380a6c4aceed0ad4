"""The air as a TCP service on loopback: devices speak to the board and hear its downlinks."""

import asyncio
import socket

from drivers.emulator import air_messages
from drivers.emulator.air import Flight
from drivers.emulator.board import Board
from drivers.emulator.json_lines import Json, JsonLines, Tell
from drivers.emulator.transmitter import Emission


class AirServer:
    """All clients of one board's air."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lines = JsonLines(("uplink", "time"), self._answer)
        board.on_emission = self._broadcast

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; port 0 takes a free one. Returns the address listened on; an OSError names it."""
        listener = await asyncio.to_thread(_bound, host, port)
        await self._lines.listen(listener)
        address = listener.getsockname()
        return address[0], address[1]

    async def stop(self) -> None:
        """Close the door and every client."""
        await self._lines.stop()

    def _broadcast(self, emission: Emission) -> None:
        begins, ends = map(self._board.counter_us, (emission.begin_ns, emission.end_ns))
        self._lines.broadcast(air_messages.downlink(emission, begins, ends))

    def _answer(self, message: Json, tell: Tell) -> None:
        if message["op"] == "time":
            tell({"op": "time", "counter_us": self._board.counter_us()})
        else:
            self._send(message, tell)

    def _send(self, message: Json, tell: Tell) -> None:
        request = air_messages.uplink_request(message, self._board.seed)

        def done(flight: Flight) -> None:
            ended = self._board.counter_us(flight.end_ns)
            tell(air_messages.uplink_done(ended, flight.reason))

        now_ns = start_ns = self._board.now_ns()
        if request.at_us is not None:
            start_ns = self._board.chip.counter.nearest_ns(request.at_us, now_ns)
        if start_ns + request.uplink.time_on_air_us * 1000 < now_ns:
            tell(air_messages.uplink_done(self._board.counter_us(now_ns), '"at_us" has passed'))
        else:
            self._board.send(request.uplink, start_ns, done)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise OSError(fault.errno, fault.strerror, where) from fault
    return listener
