"""What the metrics are made of: the status as `kogge status` has it, and what is counted beside."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.air.downlinks import Downlinks
from gateway.air.radio import Radio
from gateway.air.uplinks import Uplinks
from gateway.clock import Clock, kernel_offset
from gateway.diagnostics import machine
from gateway.diagnostics.log import Log
from gateway.diagnostics.machine import Machine
from gateway.errors import DiskFault
from gateway.metrics.histogram import Histogram
from gateway.store.bounds import Reason, Room
from gateway.store.buffer import Buffer
from gateway.store.database import Store


class Said(NamedTuple):
    """Lines of the log by level, their bytes, and how many lines were not written, and why."""

    lines: Mapping[str, int]
    bytes: int
    unwritten: Mapping[str, int]

    @classmethod
    def of(cls, log: Log) -> "Said":
        return cls(log.written, log.bytes, {**log.kept_back, "fault": log.failed})


class Facts(NamedTuple):
    """At one moment. `waits_for`: seconds that the oldest record has waited; `records`, `lost`,
    `refused_joins`, `downlinks` count by what happened, why, why, and how it ended; `pubacks` are
    seconds; `last_seen` by DevEUI, seconds ago, where that is asked for; `clock_offset` seconds;
    `cpu` seconds; `unwritten` how often the textfile could not be written.
    """

    status: Mapping[str, Any]
    machine: Machine
    room: Room
    waits_for: float | None
    records: Mapping[str, int]
    lost: Mapping[Reason, int]
    refused_joins: Mapping[str, int]
    downlinks: Mapping[str, int]
    packets: int
    pubacks: Histogram | None
    last_seen: Mapping[str, float]
    clock_offset: float | None
    cpu: float
    said: Said
    unwritten: int


@dataclass(frozen=True, slots=True)
class Parts:
    """Of the daemon, which are asked; `devices`, by DevEUI, are those that `last_seen` tells of."""

    status: Callable[[], Mapping[str, Any]]
    pubacks: Callable[[], Histogram | None]
    store: Store
    buffer: Buffer
    uplinks: Uplinks
    downlinks: Downlinks
    radio: Radio
    clock: Clock
    said: Log
    devices: Iterable[int]

    async def facts(self, unwritten: int) -> Facts:
        """Asks kernel and disk too; a disk that refuses leaves its own out."""
        status = self.status()
        looked = await asyncio.to_thread(machine.look, status["state_dir"], os.getpid())
        waits_for = None
        with suppress(DiskFault):
            waits_for = await self.buffer.waits_for()
            await self.store.measure()
        return Facts(
            status=status,
            machine=looked,
            room=self.store.room,
            waits_for=waits_for,
            records=self.buffer.counts,
            lost=self.buffer.lost,
            refused_joins=self.uplinks.join_refusals,
            downlinks=self.downlinks.results,
            packets=self.radio.heard.total,
            pubacks=self.pubacks(),
            last_seen=self._last_seen(),
            clock_offset=kernel_offset(),
            cpu=time.process_time(),
            said=Said.of(self.said),
            unwritten=unwritten,
        )

    def _last_seen(self) -> dict[str, float]:
        now, heard = self.clock.now().monotonic_s, self.uplinks.facts
        seen = {dev_eui: heard.of(dev_eui).heard_at for dev_eui in self.devices}
        return {f"{eui:016x}": round(now - at, 1) for eui, at in seen.items() if at is not None}
