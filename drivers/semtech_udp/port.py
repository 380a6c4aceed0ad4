"""The UDP socket: opens it, names what prevents that, and hands on what comes."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from drivers.concentrator import LinkLost
from drivers.semtech_udp.address import Address

Source: TypeAlias = tuple[Any, ...]


class Port(asyncio.DatagramProtocol):
    """An open socket. `came_in` gets each datagram, `send_failed` what the system reports."""

    def __init__(
        self, came_in: Callable[[bytes, Source], None], send_failed: Callable[[], None]
    ) -> None:
        self._came_in, self._send_failed = came_in, send_failed
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Source) -> None:
        self._came_in(data, addr)

    def error_received(self, exc: Exception) -> None:
        self._send_failed()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def send(self, datagram: bytes, to: Source) -> None:
        self._transport.sendto(datagram, to)

    async def close(self) -> None:
        """Returns when the address is free again."""
        self._transport.abort()
        await self._closed.wait()


async def listen(
    address: Address, came_in: Callable[[bytes, Source], None], send_failed: Callable[[], None]
) -> Port:
    """Bind; LinkLost with what to do about it otherwise."""
    try:
        _, port = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Port(came_in, send_failed), local_addr=(address.host, address.port)
        )
    except OSError as error:
        raise LinkLost(_why_not(address, error)) from error
    return port


def _why_not(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use by another program; stop it, or name another port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission to listen at {address}: name a port above 1023, such as 1700"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{address} is no address of this machine; name one of its own, or 0.0.0.0 for all"
    if isinstance(error, socket.gaierror):
        return f"{address}: there is no host of this name; write an address of this machine"
    return f"cannot listen at {address}: {error}"
