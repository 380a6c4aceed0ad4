"""What the forwarder asks of the rest of the gateway."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from gateway.northbound.client import Received
from gateway.northbound.replies import Reply
from gateway.records import Event, Record
from gateway.store.buffer import Batch

Finished: TypeAlias = Callable[[Sequence[Record]], Awaitable[Sequence[Record]]]
"""Records as they go out: decoded (gateway.air.decoding)."""


async def as_they_are(records: Sequence[Record]) -> Sequence[Record]:
    """Where nothing is undecoded."""
    return records


class Buffer(Protocol):
    """gateway.store.buffer."""

    @property
    def backlog(self) -> int: ...

    @property
    def rests(self) -> bool: ...

    @property
    def parked(self) -> int: ...

    async def next_batch(
        self,
        limit: int,
        linger: float,
        *,
        backlog_wait: Callable[[], float],
        in_order: bool,
    ) -> Batch: ...

    def delivered(self, batch: Batch) -> None: ...

    def returned(self, batch: Batch) -> None: ...

    def park(self, batch: Batch) -> None: ...

    def retry_parked(self) -> int: ...

    def add(self, record: Record) -> None: ...


class Commands(Protocol):
    """gateway.northbound.commands."""

    async def take(self, message: Received) -> None: ...

    def reply_to(self, event: Event) -> Reply | None: ...
