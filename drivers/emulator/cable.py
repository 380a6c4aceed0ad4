"""The board's USB cable: its port, the link under which programs find it, and pulling it out.

Pulling and plugging act at once on the port and the board's power; the link follows in a thread,
move after move. `settled` waits for that, and has the error of the last move. A link is claimed for
as long as this board may show it, unplugged or not: two boards under one name would take it from
each other.
"""

import asyncio
import errno
import hashlib
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from drivers.emulator.board import Board
from drivers.emulator.faults import Fault, FaultError
from drivers.emulator.port import Port


class Cable:
    """Carries out the faults "unplug" and "plug" of a board; `path` is its port, "" without."""

    def __init__(self, board: Board, link: Path | None) -> None:
        self._board = board
        self._link = link
        self._claim: Claim | None = None
        self._placed: PortLink | None = None
        self._moving: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._port: Port | None = Port(board)
        self._last_path = self._port.path
        board.faults.on_begin |= {"unplug": self._unplug, "plug": self._plug}
        board.faults.on_end["unplug"] = self._plug_again

    @property
    def path(self) -> str:
        """The port that a driver opens."""
        return self._port.path if self._port else ""

    async def open(self) -> None:
        """Place the link; an OSError as it comes."""
        self._move(self._show)
        await self.settled()

    async def close(self) -> None:
        """Out for good."""
        self._clear_timer()
        if self._port is not None:
            self._port.close()
        self._port = None
        self._move(self._give_up)
        await self.settled()

    def settled(self) -> Awaitable[None]:
        """The link is where the last move was to bring it."""
        assert self._moving is not None
        return asyncio.shield(self._moving)

    def _unplug(self, fault: Fault) -> None:
        self._clear_timer()
        if (seconds := fault["seconds"]) is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._board.faults.end, "unplug")
        if self._port is not None:
            self._port.close()
            self._port = None
            self._board.power_cycle()
            self._move(self._hide)

    def _plug(self, fault: Fault) -> None:
        if self._port is not None:
            raise FaultError("the cable is plugged in: unplug it first")
        if fault["link"] is not None:
            self._link = Path(fault["link"])
        self._board.faults.end("unplug")

    def _plug_again(self) -> None:
        self._clear_timer()
        if self._port is None:
            self._board.power_cycle()
            self._port = Port(self._board, before=self._last_path)
            self._last_path = self._port.path
            self._move(self._show)

    def _show(self) -> None:
        if self._link is not None:
            self._claim_link(self._link)
            self._placed = PortLink(self._link, self._last_path)
            self._placed.place()

    def _hide(self) -> None:
        if self._placed is not None:
            self._placed.remove()

    def _claim_link(self, link: Path) -> None:
        if self._claim is None or self._claim.link != link:
            new = Claim(link)
            self._drop_claim()
            self._claim = new

    def _give_up(self) -> None:
        self._hide()
        self._drop_claim()

    def _drop_claim(self) -> None:
        if self._claim is not None:
            self._claim.release()
        self._claim = None

    def _move(self, step: Callable[[], None]) -> None:
        self._moving = asyncio.ensure_future(self._after(self._moving, step))
        self._moving.add_done_callback(lambda moved: moved.cancelled() or moved.exception())

    async def _after(self, before: "asyncio.Future[None] | None", step: Callable[[], None]) -> None:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.to_thread(step)

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None


class Claim:
    """The sole right to a link on this machine; the kernel ends it with the process at the latest.

    It is a name in the abstract namespace of Unix sockets (unix(7)): the target of a link that was
    left behind tells nothing, for the number of a pty is given out again.
    """

    def __init__(self, link: Path) -> None:
        """FileExistsError while another has it."""
        self.link = link
        self._name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        place = str(link.parent.resolve() / link.name).encode()
        try:
            self._name.bind(b"\0kogge-emulator " + hashlib.sha256(place).hexdigest().encode())
        except OSError as error:
            self._name.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise FileExistsError(
                f"{link} is the link of another emulator, which still runs: stop that one, or"
                " choose another name"
            ) from None

    def release(self) -> None:
        self._name.close()


class PortLink:
    """A symbolic link to the port under a name of the user's choice, replaced atomically."""

    def __init__(self, link: Path, target: str) -> None:
        self._link = link
        self._target = target

    def place(self) -> None:
        """An OSError, as it comes; FileExistsError where something stands that is not a link."""
        if self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(f"{self._link} exists and is not a link; choose another name")
        if not self._link.parent.is_dir():
            raise FileNotFoundError(f"{self._link.parent}, where the link goes, is no directory")
        new = self._link.with_name(f"{self._link.name}.{secrets.token_hex(4)}")
        new.symlink_to(self._target)
        new.replace(self._link)

    def remove(self) -> None:
        """Only if it still points here."""
        if self._link.is_symlink() and str(self._link.readlink()) == self._target:
            self._link.unlink()
