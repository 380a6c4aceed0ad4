"""The disk's supervised retry (docs/architecture.md §7, D1c): how the store comes back.

- A disk that refuses is told at once, tried again after a jittered pause, and counted.
- It is told to be back when everything that memory had alone is on it.
- So is a database that was damaged, and what could be read of it.
- While it is well the store's thread is asked now and then: one that is stuck answers nobody, and
  the watchdog hears no beat.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Literal, Protocol, TypeAlias

from gateway.errors import DiskFault
from gateway.records import Moment

log = logging.getLogger(__name__)

State: TypeAlias = Literal["well", "failing"]
Word: TypeAlias = Literal["failing", "back", "damaged"]

PAUSES: Final = (0.5, 1.0, 2.0, 5.0, 10.0)  # seconds
ASKED_EVERY: Final = 10.0  # seconds
PATIENCE: Final = 20  # times ASKED_EVERY: a large database takes long to be read anew


class Store(Protocol):
    """What is asked of gateway.store.database."""

    failed: asyncio.Event
    salvages: list[str]

    @property
    def fault(self) -> DiskFault | None: ...


class Disk:
    """`restore` is the buffer's, `look` asks the store something; `told` hears what happens, with a
    sentence; `random` gives 0 ≤ x < 1. `damage` is the last that was told of in this run.
    """

    def __init__(
        self,
        store: Store,
        restore: Callable[[], Awaitable[None]],
        look: Callable[[], Awaitable[None]],
        told: Callable[[Word, str], None],
        random: Callable[[], float],
        now: Callable[[], Moment],
    ) -> None:
        self._store, self._restore, self._look = store, restore, look
        self._told, self._random, self._now = told, random, now
        self.state: State = "well"
        self.reason = ""
        self.since = now()
        self.retries = 0
        self.damage = ""
        self._failures = 0

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self._tell_salvages()
            if self._store.fault is None:
                await self._watch()
            else:
                await self._retry(beat)

    async def close(self) -> None:
        """Before the last commit: the disk may be well again by now."""
        if self._store.fault is not None:
            with suppress(DiskFault):
                await self._restore()

    async def _watch(self) -> None:
        self._store.failed.clear()
        with suppress(DiskFault):
            await self._look()
        with suppress(TimeoutError):
            async with asyncio.timeout(ASKED_EVERY):
                await self._store.failed.wait()

    async def _retry(self, beat: Callable[[], None]) -> None:
        self._is("failing", str(self._store.fault))
        pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
        await asyncio.sleep(pause * (0.5 + self._random() / 2))
        self._failures += 1
        self.retries += 1
        if await self._restored(beat):
            self._failures = 0
            self._is("well", "")

    async def _restored(self, beat: Callable[[], None]) -> bool:
        restoring = asyncio.ensure_future(self._restore())
        try:
            for _ in range(PATIENCE):
                beat()
                if (await asyncio.wait({restoring}, timeout=ASKED_EVERY))[0]:
                    break
            await restoring
        except DiskFault:
            return False
        finally:
            restoring.cancel()
        return True

    def _is(self, state: State, reason: str) -> None:
        if state == self.state:
            self.reason = reason
            return
        self.state, self.reason, self.since = state, reason, self._now()
        if state == "failing":
            log.warning(
                "store failing, readings go on from memory: %s", reason, extra=_happening("failing")
            )
            self._told("failing", reason)
        else:
            log.warning("store back: what memory had alone is on disk", extra=_happening("back"))
            self._told("back", "")

    def _tell_salvages(self) -> None:
        while self._store.salvages:
            sentence = self._store.salvages.pop(0)
            log.error("store damaged: %s", sentence, extra=_happening("damaged"))
            self.damage = sentence
            self._told("damaged", sentence)


def _happening(word: Word) -> dict[str, str]:
    return {"reason": word, "happening": f"store_{word}"}
