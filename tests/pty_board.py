"""A board behind a real pseudo-terminal: the far end of `drivers.link` in tests and benches."""

import asyncio
import os
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

HEADER = 4


class PtyBoard:
    """Reads whole requests from the pty's master and writes what `answer` makes of them.

    `answer` gets id, command and payload, and returns the bytes to send, none for silence.
    """

    def __init__(self, answer: Callable[[int, int, bytes], bytes]) -> None:
        self.answer = answer
        self.requests: list[tuple[int, bytes]] = []
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self.master, False)
        self.path = os.ttyname(self._slave)
        self.came = asyncio.Event()  # a whole request
        self._loop = asyncio.get_running_loop()
        self._in, self._out = b"", b""
        self._loop.add_reader(self.master, self._on_readable)

    def send(self, data: bytes) -> None:
        if self.master < 0 or not data:
            return
        self._out += data
        self._loop.add_writer(self.master, self._on_writable)

    def unplug(self) -> None:
        if self.master >= 0:
            self._loop.remove_reader(self.master)
            self._loop.remove_writer(self.master)
            os.close(self.master)
            self.master = -1

    def close(self) -> None:
        self.unplug()
        os.close(self._slave)

    def _on_readable(self) -> None:
        self._in += os.read(self.master, 65536)
        while len(self._in) >= HEADER and self.master >= 0:
            size = HEADER + int.from_bytes(self._in[1:3], "big")
            if len(self._in) < size:
                return
            frame, self._in = self._in[:size], self._in[size:]
            self.requests.append((frame[3], frame[HEADER:]))
            self.came.set()
            self.send(self.answer(frame[0], frame[3], frame[HEADER:]))

    def _on_writable(self) -> None:
        self._out = self._out[os.write(self.master, self._out) :]
        if not self._out:
            self._loop.remove_writer(self.master)


@contextmanager
def pty_board(answer: Callable[[int, int, bytes], bytes]) -> Iterator[PtyBoard]:
    board = PtyBoard(answer)
    try:
        yield board
    finally:
        board.close()


def frame(identity: int, code: int, payload: bytes) -> bytes:
    """An answer's bytes."""
    return bytes((identity,)) + len(payload).to_bytes(2, "big") + bytes((code,)) + payload
