"""Real time for a board: wakes it when something on it is due, and sleeps otherwise."""

import asyncio

from drivers.emulator.board import Board


class Pulse:
    """One timer on the running event loop, always set to what is due next."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._set_to: int | None = None

    def kick(self) -> None:
        """Something happened on the board: set the timer anew if another time is due next."""
        due = self._board.next_ns
        if due == self._set_to:
            return
        self.stop()
        self._set_to = due
        if due is not None:
            delay = max(due - self._board.now_ns(), 0) / 1e9
            self._timer = self._loop.call_later(delay, self._beat)

    def stop(self) -> None:
        """No more beats until the next kick."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._set_to = None

    def _beat(self) -> None:
        self._set_to = None
        self._board.advance()
        self.kick()
