"""Any codec at a technician's desk, without a daemon: one payload after the other.

A JavaScript codec runs in a worker process of the desk's own, under the limits that it has in the
daemon; but it has no strikes here: every payload is asked for itself.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from gateway.codecs.catalogue import Codec
from gateway.codecs.javascript import JavaScript, Script
from gateway.codecs.worker import Down, Worker

TRIES: Final = 8
REST_SECONDS: Final = 0.5

Answer = TypeVar("Answer")


class Desk:
    def __init__(self, javascript: JavaScript) -> None:
        self._javascript = javascript

    async def output(
        self, codec: Codec, f_port: int, payload: bytes, at: float | None = None
    ) -> dict[str, Any]:
        """The codec's own words, TS013's form; `at` in Unix seconds. Raises Down."""
        if codec.script is None:
            return codec.output(f_port, payload)
        return await self.uplink(codec.script, f_port, payload, at)

    async def uplink(
        self, script: Script, f_port: int, payload: bytes, at: float | None = None
    ) -> dict[str, Any]:
        """A script's own words. Raises Down."""
        self._javascript.forgive()
        return await _patiently(lambda: self._javascript.decode_uplink(script, f_port, payload, at))

    async def tried(self, script: Script) -> str:
        """Its context, "warm" or "fresh". Raises Unusable, Down."""
        self._javascript.forgive()
        return await _patiently(lambda: self._javascript.tried(script))


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    javascript = JavaScript(Worker(random.random))
    try:
        yield Desk(javascript)
    finally:
        await javascript.close()


async def _patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """A busy machine may keep the worker from answering; that is not the codec's fault."""
    for _ in range(TRIES - 1):
        try:
            return await ask()
        except Down:
            await asyncio.sleep(REST_SECONDS)
    return await ask()
