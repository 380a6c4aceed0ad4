"""The metrics as a file, for node_exporter's textfile collector: anew each minute, always whole.

A file that cannot be written is counted, and told once until it can be again.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

EVERY: Final = 60.0
WRITE_SECONDS: Final = 20.0
_MODE: Final = 0o644  # node_exporter is somebody else


class Textfile:
    """`text` makes its content; `failures` are counted."""

    def __init__(self, path: Path, text: Callable[[], Awaitable[str]]) -> None:
        self._path, self._text = path, text
        self._writing: asyncio.Future[None] | None = None
        self._problem = ""
        self.failures = 0

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            await self.write()
            await asyncio.sleep(EVERY)

    async def write(self) -> None:
        """Once. A disk that hangs holds up nobody else, and is not given a second file to write."""
        if self._writing is None or self._writing.done():
            content = await self._text()
            self._writing = asyncio.ensure_future(asyncio.to_thread(replace, self._path, content))
        done, _ = await asyncio.wait({self._writing}, timeout=WRITE_SECONDS)
        self._note("it takes too long" if not done else _said(self._writing.exception()))

    def _note(self, problem: str) -> None:
        if problem:
            self.failures += 1
        if problem and not self._problem:
            log.warning(
                "metrics.textfile cannot be written (%s): node_exporter shows old figures;"
                " it is tried again each minute",
                problem,
                extra={"reason": "metrics_textfile"},
            )
        self._problem = problem


def _said(error: BaseException | None) -> str:
    if error is not None and not isinstance(error, OSError):
        raise error
    return "" if error is None else str(error)


def replace(path: Path, content: str) -> None:
    """Whoever reads has the old one or the new one. The name beside it does not end in .prom."""
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 # of a descriptor
            os.fchmod(descriptor, _MODE)  # whatever the umask
            file.write(content.encode())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
