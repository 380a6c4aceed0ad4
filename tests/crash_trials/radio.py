"""The emulated board in the daemon's own process, with its air on TCP for the devices."""

from collections.abc import Awaitable, Callable

from drivers.concentrator import Concentrator
from drivers.emulator import Board, memory_link
from drivers.emulator.air_server import AirServer
from drivers.link import Link
from drivers.sx1302.concentrator import Sx1302
from drivers.sx1302.firmware import Firmware
from drivers.sx1302.settings import Settings
from gateway import config

IMAGES = Firmware(bytes(8192), bytes(8192), verified=False)


class Radio:
    """One board. The air is there as soon as the driver has opened the link."""

    def __init__(self, air_port: int, pause: Callable[[float], Awaitable[None]]) -> None:
        self._air_port, self._pause = air_port, pause
        self._board = Board()
        self._air: AirServer | None = None

    def concentrator(self, wanted: config.Concentrator, settings: Settings) -> Concentrator:
        """In place of gateway.board.hardware's."""
        return Sx1302(settings, self._open_link, lambda: IMAGES, self._pause)

    async def _open_link(self) -> Link:
        if self._air is None:
            self._air = AirServer(self._board)
            await self._air.start("127.0.0.1", self._air_port)
        return memory_link(self._board)
