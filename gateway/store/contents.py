"""What one buffer has, and where: its parts, for those who bring in, hand out and write."""

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.clock import Clock
from gateway.lorawan.correlations import Correlations
from gateway.store.archive import Archive
from gateway.store.bounds import Bounds
from gateway.store.chores import Chores
from gateway.store.database import Store
from gateway.store.lanes import Entry, Lanes
from gateway.store.numbers import Numbers
from gateway.store.replays import Replays
from gateway.store.tables import Stock
from gateway.store.unwritten import Unwritten
from gateway.store.walks import Walks


@dataclass(frozen=True, slots=True)
class Contents:
    """`out` are the batches that the forwarder has, by number; `arrived` is set when there may be
    something for it. `now` is monotonic.
    """

    store: Store
    unwritten: Unwritten
    lanes: Lanes
    sequence: Numbers
    batches: Numbers
    archive: Archive
    chores: Chores
    replays: Replays
    walks: Walks
    now: Callable[[], float]
    out: dict[int, list[Entry]]
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(
        cls,
        store: Store,
        stock: Stock,
        unwritten: Unwritten,
        now: Callable[[], float],
        *,
        bounds: Bounds,
        clock: Clock,
        archive_seconds: float,
        correlations: Correlations,
    ) -> "Contents":
        """What is on disk from the runs before: `stock`."""
        out: dict[int, list[Entry]] = {}
        lanes = Lanes(stock.records)
        sequence = Numbers.after("sequence", stock.reserved.get("sequence", 1))
        archive = Archive(
            archive_seconds,
            stock.archive,
            sequence,
            at=now(),
            clock=clock,
            fits=lambda records: bounds.exceeded(store.room, records) is None,
        )
        return cls(
            store,
            unwritten,
            lanes,
            sequence,
            Numbers.after("batch", stock.reserved.get("batch", 1)),
            archive,
            Chores(archive),
            Replays(stock.commands, archive, store.read_archived, now, clock, correlations),
            Walks(store, lanes, out, archive, sequence.next - 1),
            now,
            out,
        )


async def wait(event: asyncio.Event, seconds: float) -> None:
    """For the event, or until the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(None if seconds == math.inf else seconds):
            await event.wait()
