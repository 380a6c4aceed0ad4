"""How the gateway is at this moment, in the few figures that the history keeps."""

import asyncio
from contextlib import suppress

from drivers.concentrator import Concentrator
from gateway.air.uplinks import Uplinks
from gateway.clock import Clock
from gateway.diagnostics import machine
from gateway.diagnostics.sampling import Now
from gateway.errors import DiskFault
from gateway.records import Moment
from gateway.store.buffer import Buffer
from gateway.store.database import Store
from gateway.store.tables import Segment


async def look(
    uplinks: Uplinks,
    buffer: Buffer,
    store: Store,
    concentrator: Concentrator,
    state_dir: str,
    clock: Clock,
) -> Now:
    seen = await asyncio.to_thread(machine.look, state_dir)
    oldest = await _oldest(buffer, store) if buffer.backlog else None
    return Now(
        uplinks.counts["readings"],
        sum(uplinks.drops.values()),
        buffer.backlog,
        0.0 if oldest is None else age(oldest, clock),
        seen.temperature,
        concentrator.status().temperature,
        None if seen.disk is None else seen.disk.percent / 100,
    )


async def _oldest(buffer: Buffer, store: Store) -> Moment | None:
    """Of what is on disk; else of what memory has."""
    found: list[Segment] = []
    with suppress(DiskFault):
        await store.read_segments(-1, 1, found.extend)
    if found:
        return found[0].records[0].moment
    newest = buffer.walks.newest
    return None if newest is None else newest.moment


def age(moment: Moment, clock: Clock) -> float:
    """Seconds; 0 where they cannot be known."""
    now, then = clock.now(), clock.dated(moment)
    if then.boot_id == now.boot_id:
        return max(0.0, now.monotonic_s - then.monotonic_s)
    return 0.0 if now.at is None or then.at is None else max(0.0, now.at - then.at)
