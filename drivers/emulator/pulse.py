"""Real time for a board: wakes it when something on it is due, and sleeps otherwise."""

import asyncio

from drivers.emulator.board import Board


class Pulse:
    """One timer on the running event loop, never later than what is due next."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        board.on_sooner(self._set)
        self._set()

    def stop(self) -> None:
        """No more beats."""
        self._board.on_sooner(lambda: None)
        self._clear()

    def _set(self) -> None:
        self._clear()
        due = self._board.next_ns
        if due is not None:
            delay = max(due - self._board.now_ns(), 0) / 1e9
            self._timer = self._loop.call_later(delay, self._beat)

    def _clear(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _beat(self) -> None:
        self._board.advance()
        self._set()
