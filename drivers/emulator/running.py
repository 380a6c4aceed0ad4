"""A board in real time: behind a pty with its air on TCP, or as a link within the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from drivers.emulator.air_server import AirServer
from drivers.emulator.board import DEFAULT_EUI, Board
from drivers.emulator.port import Port, PortLink
from drivers.emulator.pulse import Pulse


@dataclass(frozen=True, slots=True)
class Running:
    """`port` is what a driver opens; `air_address` is where devices connect, if anywhere."""

    board: Board
    port: str
    air_address: tuple[str, int] | None


@asynccontextmanager
async def serve(
    link: Path | None = None,
    air: tuple[str, int] | None = None,
    *,
    eui: int = DEFAULT_EUI,
    chip: str = "sx1302",
    seed: int = 0,
) -> AsyncIterator[Running]:
    """Run a board until the context ends. OSErrors of the link or the air's address come as is."""
    board = Board(eui, chip, seed)
    pulse = Pulse(board)
    air_server = AirServer(board)
    port = Port(board)
    port_link = PortLink(link, port.path) if link else None
    try:
        if port_link:
            await asyncio.to_thread(port_link.place)
        address = await air_server.start(*air) if air else None
        yield Running(board, port.path, address)
    finally:
        if port_link:
            await asyncio.to_thread(port_link.remove)
        await air_server.stop()
        pulse.stop()
        port.close()


class MemoryLink:
    """The way to a board in the same process, shaped like the driver's link."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._pulse = Pulse(board)

    async def request(self, command: int, payload: bytes) -> bytes:
        """The answer's payload; ValueError where the board refuses the request."""
        await asyncio.sleep(0)
        answer = self._board.feed(bytes([0, *len(payload).to_bytes(2, "big"), command]) + payload)
        if answer[3] != 0x40 + command:
            raise ValueError(f"the board refused command 0x{command:02X}")
        return answer[4:]

    async def close(self) -> None:
        """Nothing on the board changes."""
        self._pulse.stop()


def memory_link(board: Board) -> MemoryLink:
    """A link to a board of this process; needs a running event loop."""
    return MemoryLink(board)
