"""The board behind a pseudo terminal, as a USB serial port would show it.

The slave end is held open here, so that a program may close and open it as often as it likes.
While answers wait to be taken nothing is read, as on a real wire. Answers keep their order, late
ones too; what is still on its way when the port is closed is lost.
"""

import asyncio
import contextlib
import os
import tty
from collections import deque

from drivers.emulator import wire
from drivers.emulator.board import Board

READ_SIZE = 65536


class Port:
    """A pty for one board; `path` is the end that a driver opens, another than `before`."""

    def __init__(self, board: Board, before: str = "") -> None:
        self._board = board
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[tuple[float, bytes]] = deque()  # when each is due, and what
        self._timer: asyncio.TimerHandle | None = None
        self._master, self._slave = _open_pty(before)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._loop.add_reader(self._master, self._readable)

    def close(self) -> None:
        """Unplug."""
        self._clear_timer()
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._master, READ_SIZE)
            if self._board.faults:
                self._feed_through_faults(data)
            elif answer := self._board.feed(data):
                self._pieces.append((0.0, answer))
        self._send()

    def _feed_through_faults(self, data: bytes) -> None:
        faults = self._board.faults
        answer = b"" if faults.get("stall") else self._board.feed(data)
        if answer:
            due = self._loop.time() + wire.delay(faults)
            self._pieces.extend((due, piece) for piece in wire.carry(faults, answer))

    def _send(self) -> None:
        """Write the next piece, if it is due, and come back for what remains."""
        if self._pieces and self._is_due():
            due, piece = self._pieces.popleft()
            written = 0
            with contextlib.suppress(BlockingIOError):
                written = os.write(self._master, piece)
            if written < len(piece):
                self._pieces.appendleft((due, piece[written:]))
        if self._pieces:
            self._come_back()

    def _come_back(self) -> None:
        if self._is_due():
            self._loop.remove_reader(self._master)
            self._loop.add_writer(self._master, self._writable)
        else:
            self._clear_timer()
            self._timer = self._loop.call_at(self._pieces[0][0], self._send)

    def _writable(self) -> None:
        self._loop.remove_writer(self._master)
        self._loop.add_reader(self._master, self._readable)
        self._send()

    def _is_due(self) -> bool:
        due = self._pieces[0][0]
        return not due or due <= self._loop.time()

    def _clear_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None


def _open_pty(before: str) -> tuple[int, int]:
    """Master and slave, raw, under another name than the one before."""
    master, slave = os.openpty()
    if os.ttyname(slave) == before:
        unwanted = master, slave
        master, slave = os.openpty()
        for fd in unwanted:
            os.close(fd)
    tty.setraw(slave)
    return master, slave
