"""The chip, its radios and its MCU as a link reaches them: reads, batched writes, commands."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from drivers.concentrator import ChipError
from drivers.link import Link
from drivers.sx1302 import spi
from drivers.sx1302.mcu import Command, Health, Identity
from drivers.sx1302.registers import REGISTERS

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

PATIENCE = 1.0  # s until a status that does not come is a fault
_RX_FIFO = 0x4000
_RADIO_PAUSE = 0.001  # s before each radio command: there is no BUSY line to read


class Chip:
    """Access to one SX1302. Every method may raise LinkLost or McuError."""

    def __init__(self, link: Link, sleep: Sleep, now: Callable[[], float] = time.monotonic) -> None:
        self._link = link
        self.sleep, self._now = sleep, now

    async def identity(self) -> Identity:
        return Identity.from_bytes(await self._link.request(Command.PING, b""))

    async def health(self) -> Health:
        return Health.from_bytes(await self._link.request(Command.GET_STATUS, b""))

    async def gpio(self, pin: int, state: int) -> None:
        """Set a pin of the MCU's port A."""
        answer = await self._link.request(Command.WRITE_GPIO, bytes((0, pin, state)))
        if answer != b"\x00":
            raise ChipError(f"the MCU refused to set its pin PA{pin}")

    async def read(self, address: int, size: int) -> bytes:
        """Read bytes, in pieces of 4096. Those at the RX FIFO's address are popped from it."""
        data = b""
        while len(data) < size:
            piece = min(size - len(data), spi.MAX_DATA)
            start = address if address == _RX_FIFO else address + len(data)
            data += (await self._exchange(spi.reading(start, piece)))[4:]
        return data

    async def get(self, name: str) -> int:
        """Read one register field."""
        register = REGISTERS[name]
        return register.decode((await self.read(register.address, 1))[0])

    async def write(self, requests: Iterable[spi.SubRequest]) -> None:
        """Carry out writes in order, in as few requests as possible."""
        for batch in spi.batches(requests):
            answer = await self._link.request(Command.MULTIPLE_SPI, spi.encode(batch))
            spi.decode(batch, answer)

    async def set(self, name: str, value: int) -> None:
        """Write one register field."""
        await self.write([spi.field(name, value)])

    async def radio(self, chain: int, opcode: int, parameters: bytes) -> bytes:
        """Give a radio a command; what it clocked out meanwhile is returned."""
        await self.sleep(_RADIO_PAUSE)
        return (await self._exchange(spi.radio_command(chain, opcode, parameters)))[2:]

    async def wait_for(self, name: str, value: int, what: str) -> None:
        """Poll a status register until it has this value; ChipError when it has not after a second,
        however long each look takes. The last look comes after that second, so a host that was
        held up calls no healthy core dead.
        """
        until = self._now() + PATIENCE
        while True:
            is_last = self._now() >= until
            seen = await self.get(name)
            if seen == value:
                return
            if is_last:
                break
            await self.sleep(0.001)
        raise ChipError(f"{what}: status stayed 0x{seen:02X} and did not become 0x{value:02X}")

    async def _exchange(self, transfer: spi.Transfer) -> bytes:
        answer = await self._link.request(Command.MULTIPLE_SPI, spi.encode([transfer]))
        return spi.decode([transfer], answer)[0]
