"""The control socket: a Unix stream on which the technician's CLI asks the daemon.

One JSON object a line. `{"op":"status"}` is answered with one line; `{"op":"watch"}` with a line
for each happening until the asker hangs up; other ops are the daemon's, of one line or of several:
then the last has `done` or `error`, and the asker's hanging up ends it. Nothing is made ahead of
what the asker reads. A line that is not understood is answered with `{"error": …}`. Who may ask:
gateway/diagnostics/peer.py; to others the answer is `{"error": …, "denied": true}`.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from gateway.diagnostics.peer import may_ask, peer_of
from gateway.diagnostics.watch import Watch
from gateway.errors import ControlError, GatewayError

log = logging.getLogger(__name__)

_MAX_REQUEST = 64 * 1024
_MODE = 0o660
BEAT_EVERY = 5.0

Line: TypeAlias = dict[str, Any]
Lines: TypeAlias = AsyncGenerator[Line, None]
Op: TypeAlias = Callable[[Line], Line | Awaitable[Line] | Lines]

DENIED: Final = {
    "error": "you may not ask the daemon: its socket's group may; join it"
    " (sudo adduser $USER kogge, then log in again)",
    "denied": True,
}


class Control:
    """Answers on the socket while `run` runs; the socket's file goes with it."""

    def __init__(
        self,
        path: Path,
        status: Callable[[], dict[str, Any]],
        watch: Watch,
        ops: Mapping[str, Op] | None = None,
    ) -> None:
        """`ops` by name: each takes the request, and gives the answer, or what to await for it, or
        its lines.
        """
        self._path, self._status, self._watch, self._ops = path, status, watch, ops or {}
        self._askers: set[asyncio.Task[None]] = set()
        self._denied: set[int] = set()

    async def open(self) -> None:
        """Bind the socket, replacing one that a killed daemon left behind; ControlError if not."""
        try:
            await asyncio.to_thread(self._make_room)
            self._server = await asyncio.start_unix_server(
                self._connected, self._path, limit=_MAX_REQUEST, start_serving=False
            )
            await asyncio.to_thread(self._path.chmod, _MODE)
            self._group = (await asyncio.to_thread(self._path.stat)).st_gid
            await self._server.start_serving()
        except OSError as error:
            raise ControlError(
                f"no socket can be made at gateway.control_socket = {self._path} ({error}):"
                " kogge status and watch would find no daemon; name a place where"
                " this program's user may write"
            ) from error

    def _make_room(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if answers(self._path):
            raise ControlError(
                f"another daemon answers at gateway.control_socket = {self._path}: stop it first"
                " (systemctl stop kogge), or give this one a socket of its own"
            )
        self._path.unlink(missing_ok=True)

    async def run(self, beat: Callable[[], None]) -> None:
        try:
            while True:
                beat()
                await asyncio.sleep(BEAT_EVERY)
        finally:
            self._server.close()
            for asker in self._askers:
                asker.cancel()
            await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A task of our own: asyncio.streams would print the traceback of one that is cancelled."""
        asker = asyncio.create_task(self._serve(reader, writer), name="asker")
        self._askers.add(asker)
        asker.add_done_callback(self._askers.discard)
        asker.add_done_callback(lambda _: writer.close())  # also of one that never began

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            peer = peer_of(writer.get_extra_info("socket"))
            may = may_ask(peer, self._group)
            while line := await reader.readline():
                if not may:
                    self._note_denied(peer.uid)
                    await _send(writer, DENIED)
                    break
                await self._answer(line, reader, writer)
        except (ConnectionError, ValueError):
            pass  # the asker left, or sent a line without an end: it is nobody's fault but theirs

    def _note_denied(self, uid: int) -> None:
        """Once for each user, so nobody fills the log with it."""
        if uid not in self._denied:
            log.warning("user %d asked on the control socket, and may not", uid)
        self._denied.add(uid)

    async def _answer(
        self, line: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        request = _request(line)
        match request.get("op"):
            case "status":
                await _send(writer, self._status())
            case "watch":
                await _until_left(reader, self._tell(writer))
            case str(op) if op in self._ops:
                answer = self._ops[op](request)
                if isinstance(answer, AsyncGenerator):
                    await _until_left(reader, _send_all(writer, answer))
                else:
                    await _send(writer, answer if isinstance(answer, dict) else await answer)
            case _:
                known = ", ".join(["status", "watch", *self._ops])
                await _send(writer, {"error": f"not understood: known are {known}"})

    async def _tell(self, writer: asyncio.StreamWriter) -> None:
        with self._watch.onlooker() as onlooker:
            await _send(writer, {"event": "watching"})
            while True:
                await _send(writer, await onlooker.next())


async def _until_left(reader: asyncio.StreamReader, answering: Coroutine[Any, Any, None]) -> None:
    """Answer until it is done or the asker hangs up, which is noticed while nothing is sent too."""
    hung_up = asyncio.ensure_future(reader.read(1))
    telling = asyncio.ensure_future(answering)
    try:
        await asyncio.wait({hung_up, telling}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hung_up.cancel()
        telling.cancel()
        ends = await asyncio.gather(hung_up, telling, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _send_all(writer: asyncio.StreamWriter, lines: Lines) -> None:
    async with aclosing(lines):
        try:
            async for line in lines:
                await _send(writer, line)
        except GatewayError as error:
            await _send(writer, {"error": str(error)})


def answers(path: Path) -> bool:
    """Whether somebody listens there, and not just a file that a killed daemon left."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker:
        try:
            asker.connect(str(path))
        except OSError:
            return False
        return True


def _request(line: bytes) -> dict[str, Any]:
    """{}: no JSON object."""
    try:
        request = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}


async def _send(writer: asyncio.StreamWriter, answer: Any) -> None:
    writer.write(msgspec.json.encode(answer) + b"\n")
    await writer.drain()
