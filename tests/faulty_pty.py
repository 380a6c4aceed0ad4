"""A bad cable: a pty before a board's port, through which bytes go as a test wants them to."""

import asyncio
import os
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class FaultyPty:
    """`damage` gets what the board says and returns what the host hears, in one write each."""

    def __init__(self, board: str) -> None:
        self.damage: Callable[[bytes], list[bytes]] = lambda data: [data]
        self._loop = asyncio.get_running_loop()
        self._board = os.open(board, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._loop.add_reader(self._board, self._from_board)
        self._loop.add_reader(self._master, self._from_host)

    def _from_host(self) -> None:
        data = os.read(self._master, 65536)
        assert os.write(self._board, data) == len(data)

    def _from_board(self) -> None:
        for chunk in self.damage(os.read(self._board, 65536)):
            assert os.write(self._master, chunk) == len(chunk)

    def close(self) -> None:
        for fd in (self._board, self._master):
            self._loop.remove_reader(fd)
        for fd in (self._board, self._master, self._slave):
            os.close(fd)


@contextmanager
def faulty_pty(board: str, link: Path) -> Iterator[FaultyPty]:
    """Between the board's port and `link`, where the host opens it."""
    one = FaultyPty(board)
    link.symlink_to(one.path)
    try:
        yield one
    finally:
        link.unlink()
        one.close()
