"""The control socket: faults on demand, for other programs (docs/interfaces.md).

A Unix socket that only its owner may open; whoever may can break the board.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from drivers.emulator.faults import FaultError, Faults
from drivers.emulator.json_lines import Json, JsonLines, Tell, error

MODE = 0o600


class ControlServer:
    """All clients of one board's faults. `settled` waits until a change has come about."""

    def __init__(self, faults: Faults, settled: Callable[[], Awaitable[None]]) -> None:
        self._faults = faults
        self._settled = settled
        self.lines = JsonLines(("fault", "end", "heal", "faults"), self._answer)
        self._answers: set[asyncio.Task[None]] = set()
        self._path: Path | None = None

    async def start(self, path: Path) -> None:
        """Listen; an OSError as it comes."""
        await self.lines.listen(await asyncio.to_thread(_bound, path))
        self._path = path

    async def stop(self) -> None:
        """Close the door and every client, and take the socket's file away."""
        for answer in self._answers:
            answer.cancel()
        await self.lines.stop()
        if self._path is not None:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _answer(self, message: Json, tell: Tell) -> None:
        if message["op"] == "faults":
            tell({"op": "faults", "active": self._faults.active})
            return
        try:
            self._change(message)
        except FaultError as fault:
            tell(error(str(fault)))
            return
        answer = asyncio.ensure_future(self._confirm(tell))
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)

    def _change(self, message: Json) -> None:
        parameters = {key: value for key, value in message.items() if key not in ("op", "name")}
        name = message.get("name")
        match message["op"]:
            case "fault":
                self._faults.begin(name, **parameters)
            case "end":
                self._faults.end(name)
            case "heal":
                self._faults.heal()

    async def _confirm(self, tell: Tell) -> None:
        try:
            await self._settled()
        except OSError as fault:
            tell(error(f"the link could not be placed: {fault}"))
        else:
            tell({"op": "done"})


def _bound(path: Path) -> socket.socket:
    """A bound socket that nobody else may open; one that a dead program left behind is replaced."""
    if path.is_socket() and not _is_alive(path):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        path.chmod(MODE)  # nobody can connect yet: it does not listen
    except OSError as fault:
        listener.close()
        raise OSError(fault.errno, fault.strerror or str(fault), str(path)) from fault
    return listener


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        return client.connect_ex(str(path)) == 0
