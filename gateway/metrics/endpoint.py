"""Where Prometheus asks: an address on this machine's loopback, or a Unix socket.

- Bounded in clients, in bytes and in time; who is too many, too long or too slow is sent away.
- A port that is taken, or a place where no socket can be made, ends nothing: it is told once, and
  tried again.
- Whoever is on this machine may ask the port, the socket's group the socket: there is no key and
  no payload in what is answered.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

from gateway.diagnostics.control import answers
from gateway.metrics import http
from gateway.metrics.listen import Place

log = logging.getLogger(__name__)

MOST_CLIENTS: Final = 8
REQUEST_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 15.0
RETRY_SECONDS: Final = 30.0
BEAT_EVERY: Final = 10.0
_MODE: Final = 0o660


class Endpoint:
    """`text` makes what is answered."""

    def __init__(self, place: Place, text: Callable[[], Awaitable[str]]) -> None:
        self._place, self._text = place, text
        self._clients: set[asyncio.Task[None]] = set()
        self._problem = ""
        self.port = 0

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            try:
                server = await self._open()
            except OSError as error:
                self._failed(str(error))
                await _beating(beat, RETRY_SECONDS)
                continue
            self._problem = ""
            await self._serve(server, beat)

    async def _open(self) -> asyncio.Server:
        place = self._place
        limit = http.LONGEST_HEAD
        if isinstance(place, Path):
            await asyncio.to_thread(_make_room, place)
            server = await asyncio.start_unix_server(self._connected, place, limit=limit)
            await asyncio.to_thread(place.chmod, _MODE)
        else:
            server = await asyncio.start_server(self._connected, *place, limit=limit)
            self.port = server.sockets[0].getsockname()[1]
        return server

    def _failed(self, problem: str) -> None:
        if problem != self._problem:
            log.warning(
                "metrics.listen cannot be opened (%s): Prometheus finds nobody there; it is tried"
                " again",
                problem,
                extra={"reason": "metrics_listen"},
            )
        self._problem = problem

    async def _serve(self, server: asyncio.Server, beat: Callable[[], None]) -> None:
        try:
            while True:
                await _beating(beat, BEAT_EVERY)
        finally:
            server.close()
            for client in self._clients:
                client.cancel()
            if isinstance(self._place, Path):
                await asyncio.to_thread(self._place.unlink, missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            writer.write(http.answer(HTTPStatus.SERVICE_UNAVAILABLE))
            writer.close()
            return
        client = asyncio.create_task(self._answer(reader, writer), name="metrics client")
        self._clients.add(client)
        client.add_done_callback(self._clients.discard)
        client.add_done_callback(lambda _: writer.close())

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            status = await _asked(reader)
            async with asyncio.timeout(ANSWER_SECONDS):
                body = await self._text() if status is HTTPStatus.OK else ""
                writer.write(http.answer(status, body))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # it left, or does not read: nobody's fault but its own


async def _asked(reader: asyncio.StreamReader) -> HTTPStatus:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            return http.judged(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.LimitOverrunError:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT


async def _beating(beat: Callable[[], None], seconds: float) -> None:
    beat()
    await asyncio.sleep(seconds)


def _make_room(path: Path) -> None:
    """Where a killed daemon left its socket; raises OSError where somebody answers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if answers(path):
        raise OSError(f"another program answers at {path}")
    if path.is_socket():
        path.unlink()
