"""A board in real time: behind a pty with its air on TCP, or as a link within the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from drivers.emulator.air_server import AirServer
from drivers.emulator.board import DEFAULT_EUI, Board
from drivers.emulator.cable import Cable
from drivers.emulator.control import ControlServer
from drivers.emulator.faults import Faults
from drivers.emulator.pulse import Pulse


@dataclass(frozen=True, slots=True)
class Running:
    """`air_address` is where devices connect, `control` the socket for faults; None = nowhere."""

    board: Board
    cable: Cable
    air_address: tuple[str, int] | None
    control: Path | None

    @property
    def port(self) -> str:
        """What a driver opens: another name after each plug, "" while unplugged."""
        return self.cable.path

    @property
    def faults(self) -> Faults:
        """What is wrong with the board; after "unplug" and "plug" await `settled`."""
        return self.board.faults

    async def settled(self) -> None:
        """The link is where the last "unplug" or "plug" was to bring it; or that OSError."""
        await self.cable.settled()


@asynccontextmanager
async def serve(
    link: Path | None = None,
    air: tuple[str, int] | None = None,
    control: Path | None = None,
    *,
    eui: int = DEFAULT_EUI,
    chip: str = "sx1302",
    seed: int = 0,
    pps: bool = False,
) -> AsyncIterator[Running]:
    """Run a board until the context ends; the link comes once devices could speak to it.

    OSErrors of link, address and socket come as they are.
    """
    board = Board(eui, chip, seed, pps=pps)
    pulse = Pulse(board)
    air_server = AirServer(board)
    cable = Cable(board, link)
    control_server = ControlServer(board.faults, cable.settled)
    try:
        address = await air_server.start(*air) if air else None
        await cable.open()
        if control:
            await control_server.start(control)
        yield Running(board, cable, address, control)
    finally:
        await control_server.stop()
        await air_server.stop()
        pulse.stop()
        await cable.close()


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
