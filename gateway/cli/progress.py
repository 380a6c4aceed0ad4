"""How far something is, on stderr, once it lasts longer than a second.

- Only on a terminal, and never with `--json`: a pipe, a log and a program get nothing.
- It is one line that is drawn again, and gone when the work ends, however it ends.
- A thread draws it, so that it goes on while the work waits for a disk or an answer. Nothing here
  touches the work: who is stopped by Ctrl-C is stopped as if nobody had watched.
"""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import Final, TextIO

from gateway.cli.language import PLAIN, number, span, spoken

AFTER: Final = 1.0  # seconds
EVERY: Final = 0.5
BAR: Final = 24  # columns
CLEAR: Final = "\r\x1b[K"


class Progress:
    """Of one piece of work, called `what`; `at` says how far it is, where that is known."""

    def __init__(
        self, what: str, stream: TextIO | None = None, env: Mapping[str, str] = os.environ
    ) -> None:
        self._what, self._stream = what, stream or sys.stderr
        self._passed = self._of = 0
        self._begun, self._ended = monotonic(), threading.Event()
        self._drawing = threading.Lock()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)
        self._seen = self._stream.isatty() and env.get("TERM") != "dumb" and spoken() != PLAIN

    def at(self, passed: int, of: int) -> None:
        self._passed, self._of = passed, of

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While something else is printed."""
        with self._drawing:
            self._show("")
            yield

    def __enter__(self) -> "Progress":
        if self._seen:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._seen:
            self._thread.join()
            self._show("")

    def _draw(self) -> None:
        pause = AFTER
        while not self._ended.wait(pause):
            pause = EVERY
            with self._drawing:
                self._show(line(self._what, self._passed, self._of, monotonic() - self._begun))

    def _show(self, text: str) -> None:
        if self._seen:
            print(f"{CLEAR}{text}", end="", file=self._stream, flush=True)


def line(what: str, passed: int, of: int, seconds: float) -> str:
    """A number says what the bar shows; without either, the time that has gone by."""
    if not of:
        return f"{what} … {span(seconds)}"
    part = min(1.0, passed / of)
    full = round(part * BAR)
    counted = f"{number(passed)} / {number(of)}"
    return f"{what} [{'#' * full}{'.' * (BAR - full)}] {number(100 * part)} %  {counted}"
