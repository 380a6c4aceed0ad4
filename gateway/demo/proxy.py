"""A TCP proxy before the broker: it records what passes, and it is where the line is cut.

Cutting it here lets broker and subscriber live on, as when a street loses its uplink.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from gateway.demo.recorder import Recorder

CHUNK = 64 * 1024


class Proxy:
    """Passes `port` on to `broker` (host, port); made by `serve`."""

    def __init__(self, broker: tuple[str, int]) -> None:
        self.recorder = Recorder()
        self.port = 0
        self._broker = broker
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()
        self._restoring = asyncio.Lock()
        # bound but not listening: the port stays ours, and refuses, while the line is cut
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    async def open(self) -> None:
        self._held.bind(("127.0.0.1", self.port))
        self.port = self._held.getsockname()[1]
        await self.restore()

    @property
    def is_cut(self) -> bool:
        return self._server is None

    async def restore(self) -> None:
        """Accept connections again."""
        async with self._restoring:  # two at once would both listen
            if self._server is None:
                self._server = await asyncio.start_server(
                    self._connected, "127.0.0.1", self.port, reuse_address=True
                )

    async def cut(self) -> None:
        """Break every connection and refuse new ones."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        lines = tuple(self._lines)
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def close(self) -> None:
        await self.cut()
        self._held.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.create_task(self._pass_on(reader, writer), name="proxy line")
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)
        with suppress(asyncio.CancelledError):
            await line

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pump both ways until one side ends or the line is cut; then end both."""
        writers = [writer]
        try:
            broker_reader, broker_writer = await asyncio.open_connection(*self._broker)
            writers.append(broker_writer)
            seen = self.recorder.connection()
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, broker_writer, seen.from_client))
                pumps.create_task(_pump(broker_reader, writer, seen.from_broker))
        except* OSError:
            pass  # one side ended, or there is no broker: the client sees its connection end
        finally:
            for each in writers:
                each.transport.abort()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Callable[[bytes], None]
) -> None:
    """Carry bytes until the reader's side ends, which ends the other direction too."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        seen(data)
        await writer.drain()
    raise ConnectionResetError


@asynccontextmanager
async def serve(broker: tuple[str, int]) -> AsyncIterator[Proxy]:
    """A proxy before `broker` on a port of its own, until the block is left."""
    proxy = Proxy(broker)
    try:
        await proxy.open()
        yield proxy
    finally:
        await proxy.close()
