"""The gateway's EUI: the configured one, else the chip's as it was when it last answered.

The first EUI that is known stays ours for this run; the next begins with the chip's. A note that is
none (the card has changed it) counts as none.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeAlias

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]

NAME: Final = "gateway_eui"  # in the store
BEAT_EVERY: Final = 10.0  # seconds
_EUI: Final = re.compile("[0-9a-f]{16}")


class Memory(Protocol):
    """What it asks of gateway.store.database."""

    async def remember(self, name: str, value: str) -> None: ...

    async def recall(self, name: str) -> str | None: ...


class GatewayEui:
    """16 hex digits. `configured` may be ""; `spawn` starts what may take a while."""

    def __init__(self, configured: str, memory: Memory, spawn: Spawn) -> None:
        self._configured, self._memory, self._spawn = configured, memory, spawn
        self._known: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @property
    def text(self) -> str:
        """ "" while it is not known."""
        return self._known.result() if self._known.done() else ""

    async def recall(self) -> None:
        eui = self._configured or await self._memory.recall(NAME) or ""
        if _EUI.fullmatch(eui):
            self._known.set_result(eui)

    def learn(self, chip: int | None) -> None:
        """`chip` is the concentrator's, None while it has not told it."""
        if chip is None or self._configured:
            return
        eui = f"{chip:016x}"
        if not self._known.done():
            self._known.set_result(eui)
        elif self.text == eui:
            return
        self._spawn(self._memory.remember(NAME, eui))

    async def known(self, beat: Callable[[], None]) -> str:
        """Wait for it, however long the radio takes."""
        while not self._known.done():
            beat()
            await asyncio.wait({self._known}, timeout=BEAT_EVERY)
        return self.text
