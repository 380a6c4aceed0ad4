"""The demo's MQTT broker: amqtt, inside this process, on a port of its own on the loopback.

amqtt speaks MQTT 3.1.1 alone. It misreads an MQTT 5 CONNECT with a will and then waits for ever
for bytes that never come, so that such a client is refused here, as [MQTT-3.1.2-2] asks.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from gateway.errors import GatewayError

try:
    from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
    from amqtt.broker import Broker
except ImportError as error:
    raise GatewayError(
        "the demo needs a broker of its own, and amqtt is not installed; "
        "install it (python -m pip install 'kogge[demo]'), or use `make demo`"
    ) from error

LISTENER = "default"
CONFIG: dict[str, Any] = {
    # "external": the port is ours, so that we know which one it is
    "listeners": {LISTENER: {"type": "external", "bind": "127.0.0.1:0"}},
    "plugins": {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True},
    },
}
LEVEL_3_1_1 = 4
UNACCEPTABLE_PROTOCOL_LEVEL = bytes([0x20, 2, 0, 1])  # a CONNACK of MQTT 3.1.1


class Reread(StreamReaderAdapter):  # type: ignore[misc]  # amqtt has no types
    """A stream of which the first bytes were read already."""

    def __init__(self, first: bytes, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._first = first

    async def read(self, n: int = -1) -> bytes:
        size = n if n >= 0 else len(self._first)
        known, self._first = self._first[:size], self._first[size:]
        if len(known) == n:
            return known
        more: bytes = await super().read(max(-1, n - len(known)))
        return known + more


@asynccontextmanager
async def serve() -> AsyncIterator[tuple[str, int]]:
    """Run a broker and give its (host, port); it takes anyone."""
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a client that leaves is no news
    broker = Broker(CONFIG)
    await broker.start()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # the client may leave at any time; that is its right
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            first = await _connect_up_to_level(reader)
            if first[-1] == LEVEL_3_1_1:
                adapters = Reread(first, reader), StreamWriterAdapter(writer)
                await broker.external_connected(*adapters, LISTENER)
            else:
                writer.write(UNACCEPTABLE_PROTOCOL_LEVEL)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await broker.shutdown()


async def _connect_up_to_level(reader: asyncio.StreamReader) -> bytes:
    """CONNECT: type, length of 1 to 4 bytes, then 2 + 4 bytes of name and the protocol's level."""
    head = await reader.readexactly(2)
    while head[-1] & 0x80:
        head += await reader.readexactly(1)
    return head + await reader.readexactly(7)
