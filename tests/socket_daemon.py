"""As much of a daemon as answers on its control socket: `status`, and what a test tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from patience import HUNG

from gateway.diagnostics.control import Control
from gateway.diagnostics.watch import Watch


class Daemon:
    def __init__(self, path: Path, status: dict[str, Any]) -> None:
        self.path, self.status, self.watch = path, status, Watch()
        self.control = Control(path, lambda: self.status, self.watch)

    async def watched(self) -> None:
        async with asyncio.timeout(HUNG):
            while not self.watch.watched:
                await asyncio.sleep(0.01)

    def hang_up(self) -> None:
        for asker in self.control._askers:
            asker.cancel()


@asynccontextmanager
async def answering(control: Control) -> AsyncIterator[Control]:
    """It answers until the block is left."""
    await control.open()
    runs = asyncio.Event()
    task = asyncio.create_task(control.run(runs.set))
    await runs.wait()
    try:
        yield control
    finally:
        task.cancel()
        await asyncio.wait({task})


@asynccontextmanager
async def daemon(path: Path, status: dict[str, Any]) -> AsyncIterator[Daemon]:
    """It answers until the block is left."""
    one = Daemon(path, status)
    async with answering(one.control):
        yield one
