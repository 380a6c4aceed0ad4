"""The board behind a pseudo terminal, as a USB serial port would show it.

The slave end is held open here, so that a program may close and open it as often as it likes.
While answers wait to be taken nothing is read, as on a real wire.
"""

import asyncio
import contextlib
import os
import secrets
import tty
from pathlib import Path

from drivers.emulator.board import Board

READ_SIZE = 65536


class Port:
    """A pty for one board; `path` is the end that a driver opens."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._loop = asyncio.get_running_loop()
        self._unsent = b""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._loop.add_reader(self._master, self._readable)

    def close(self) -> None:
        """Unplug."""
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._unsent += self._board.feed(os.read(self._master, READ_SIZE))
        self._flush()
        if self._unsent:
            self._loop.remove_reader(self._master)
            self._loop.add_writer(self._master, self._writable)

    def _writable(self) -> None:
        self._flush()
        if not self._unsent:
            self._loop.remove_writer(self._master)
            self._loop.add_reader(self._master, self._readable)

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[os.write(self._master, self._unsent) :]


class PortLink:
    """A symbolic link to the port under a name of the user's choice, replaced atomically."""

    def __init__(self, link: Path, target: str) -> None:
        self._link = link
        self._target = target

    def place(self) -> None:
        """An OSError, as it comes; FileExistsError where something stands that is not a link."""
        if self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(f"{self._link} exists and is not a link; choose another name")
        new = self._link.with_name(f"{self._link.name}.{secrets.token_hex(4)}")
        new.symlink_to(self._target)
        new.replace(self._link)

    def remove(self) -> None:
        """Only if it still points here."""
        if self._link.is_symlink() and str(self._link.readlink()) == self._target:
            self._link.unlink()
