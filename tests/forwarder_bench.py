"""A `Forwarder` with a buffer in memory, and what was told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from messages import EUI, MOMENT, replaced
from patience import HUNG

from gateway.config import Mqtt
from gateway.northbound.client import Received
from gateway.northbound.formats.json import RadioState
from gateway.northbound.forwarder import Forwarder
from gateway.northbound.needs import Commands
from gateway.northbound.replies import Reply
from gateway.records import Event, Reading, Record
from gateway.store.buffer import Batch

CONNACK = "20 03 00 00 00"


class MemoryBuffer:
    """The contract of gateway.store.buffer: a record is `waiting`, `out` or `done`."""

    def __init__(self, records: int = 0) -> None:
        self.waiting: deque[Record] = deque(reading(n) for n in range(records))
        self.out: dict[int, Batch] = {}
        self.done: list[Record] = []
        self.kept: list[Record] = []  # parked
        self.replays = False
        self.asked: list[tuple[int, float]] = []
        self._changed = asyncio.Event()
        self._number = 0

    @property
    def backlog(self) -> int:
        return (
            len(self.waiting) + sum(len(batch.records) for batch in self.out.values()) + self.parked
        )

    @property
    def rests(self) -> bool:
        return False

    @property
    def parked(self) -> int:
        return len(self.kept)

    async def next_batch(self, limit: int, linger: float, **_: Any) -> Batch:
        self.asked.append((limit, linger))
        await self.until(lambda: bool(self.waiting))
        kind = type(self.waiting[0])
        records: list[Record] = []
        while self.waiting and len(records) < limit and type(self.waiting[0]) is kind:
            records.append(self.waiting.popleft())
        self._number += 1
        batch = Batch(tuple(records), self.replays, self._number, self.replays)
        self.out[batch.number] = batch
        self._changed.set()
        return batch

    def delivered(self, batch: Batch) -> None:
        self.done.extend(self.out.pop(batch.number).records)
        self._changed.set()

    def returned(self, batch: Batch) -> None:
        self.waiting.extendleft(reversed(self.out.pop(batch.number).records))
        self._changed.set()

    def park(self, batch: Batch) -> None:
        self.kept.extend(self.out.pop(batch.number).records)
        self._changed.set()

    def retry_parked(self) -> int:
        count = self.parked
        self.waiting.extend(self.kept)
        self.kept.clear()
        self._changed.set()
        return count

    def add(self, record: Record) -> None:
        self.waiting.append(record)
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()


class Words:
    """What was told, and a way to wait for the next word of a kind."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    def __call__(self, kind: str, text: str) -> None:
        self.all.append((kind, text))
        self._news.set()

    def of(self, kind: str) -> list[str]:
        return [text for said, text in self.all if said == kind]

    async def wait(self, kind: str, times: int = 1) -> str:
        while len(self.of(kind)) < times:
            self._news.clear()
            await self._news.wait()
        return self.of(kind)[times - 1]


class NoCommands:
    """Of a gateway that is sent none."""

    async def take(self, message: Received) -> None:
        raise AssertionError(message)

    def reply_to(self, event: Event) -> Reply | None:
        return None


class Gateway:
    """A forwarder under test, with the clock still and no jitter."""

    def __init__(
        self, port: int, buffer: MemoryBuffer, commands: Commands | None = None, **settings: Any
    ) -> None:
        usual: dict[str, Any] = {"url": f"mqtt://127.0.0.1:{port}", "plain_is_ok": True}
        self.buffer, self.words = buffer, Words()
        self.radio = RadioState("receiving", "")
        self.beats = 0
        self.forwarder = Forwarder(
            Mqtt(**usual | settings),
            EUI,
            buffer,
            commands or NoCommands(),
            dated=lambda moment: moment,
            now=lambda: MOMENT,
            radio=lambda: self.radio,
            random=lambda: 0.9,
            told=self.words,
        )

    def beat(self) -> None:
        self.beats += 1

    async def subscribed(self, connections: int = 1) -> None:
        """Wait until commands can reach it, on its first connection or a later one."""
        async with asyncio.timeout(HUNG):
            while True:
                state = self.forwarder.state
                if state.commands and state.connections >= connections:
                    return
                await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    port: int, buffer: MemoryBuffer, commands: Commands | None = None, **settings: Any
) -> AsyncIterator[Gateway]:
    gateway = Gateway(port, buffer, commands, **settings)
    task = asyncio.create_task(gateway.forwarder.run(gateway.beat))
    try:
        yield gateway
    finally:
        assert not task.done() or task.exception() is None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert buffer.out == {}, "a batch was neither delivered nor returned"


def reading(number: int) -> Reading:
    return replaced(id=f"{number:032x}", f_cnt=number)
