"""The composition root: the sides are built here one after the other (gateway/sides/), and run.

One TaskGroup: receive, transmit, downlinks, forward, keep (what brings readings to the disk before
W ends), store, control, history, health, log, and metrics where they are wanted. A fault of the
port, the broker or the disk is retried by its own task; any other exception ends the process, and
systemd starts it again.
"""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from gateway.config import Config
from gateway.diagnostics.health import Health, tell_systemd
from gateway.diagnostics.log import Log
from gateway.files import DATABASE
from gateway.lorawan.session import KnownState
from gateway.northbound import names
from gateway.settings import Settings
from gateway.sides.air import Air
from gateway.sides.city import City
from gateway.sides.ground import Ground
from gateway.sides.keeping import Keeping
from gateway.sides.technician import Technician
from gateway.store.bounds import MIB
from gateway.store.database import Store
from gateway.store.secret import secret

log = logging.getLogger(__name__)

OPENING: Final = 3600.0  # seconds; a GiB is copied before it is migrated, on a slow card
TOLD_EVERY: Final = 30.0  # seconds


async def serve(settings: Settings, stop: asyncio.Event, said: Log) -> None:
    """Open the store, run the daemon on it, close it."""
    store = await _opened(settings.config)
    try:
        key = await _pseudonym_key(settings, store)
        await Daemon(settings, store, await store.load(), said, key).run(stop)
    finally:
        await store.close()


async def _opened(config: Config) -> Store:
    """systemd waits as long as that takes."""
    path, min_free = Path(config.gateway.state_dir) / DATABASE, config.store.min_free_mib * MIB
    telling = asyncio.create_task(_ask_for_time(), name="opening")
    try:
        return await Store.open(path, min_free=min_free)
    finally:
        telling.cancel()


async def _ask_for_time() -> None:
    """Not for ever: a disk that hangs is tried anew."""
    more = int(3 * TOLD_EVERY * 1e6)  # microseconds
    for _ in range(int(OPENING / TOLD_EVERY)):
        await asyncio.sleep(TOLD_EVERY)
        tell_systemd(EXTEND_TIMEOUT_USEC=more, STATUS="opening the database: copied, or repaired")


async def _pseudonym_key(settings: Settings, store: Store) -> bytes | None:
    """None: the city is told the devices' own names."""
    if settings.config.mqtt.device_names == "plain":
        return None
    return await secret(store, names.NAME)


class Daemon:
    """`said` is where the log goes."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        known: KnownState,
        said: Log,
        pseudonym_key: bytes | None = None,
    ) -> None:
        self._said, self._health, self._tasks = said, Health(), asyncio.TaskGroup()
        self._ground = ground = Ground(settings, store, known, self._tasks, pseudonym_key)
        self._keeping = keeping = Keeping(ground)
        self._air = air = Air(ground, keeping)
        self._city = city = City(ground, keeping, air)
        self._technician = Technician(ground, keeping, air, city, self._health, said)

    async def run(self, stop: asyncio.Event) -> None:
        await self._open()
        parts = self._parts()
        try:
            async with self._tasks as tasks:
                running = [tasks.create_task(part, name=name) for name, part in parts.items()]
                await stop.wait()
                tell_systemd(STOPPING=1)
                for task in running:
                    task.cancel()
        finally:
            await self._close()

    async def _open(self) -> None:
        if self._ground.settings.region.silence:
            log.warning("%s", self._ground.settings.region.silence, extra={"reason": "silence"})
        await self._keeping.buffer.open()
        await self._air.downlinks.open()
        await self._keeping.eui.recall()
        await self._keeping.floor.recall()
        await self._keeping.locked.tell()
        await self._technician.control.open()

    def _parts(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What runs, by the names of its tasks; each says within so many seconds that it does."""
        keeping, air, technician = self._keeping, self._air, self._technician
        beat = self._health.task
        parts = {
            "receive": air.radio.run(beat("receive", 60)),
            "transmit": air.transmitter.run(beat("transmit", 30)),
            "downlinks": air.downlinks.run(
                air.transmitter, lambda: air.radio.state == "receiving", beat("downlinks", 60)
            ),
            "forward": self._city.run(beat("forward", 90)),
            "keep": keeping.buffer.run(beat("keep", 120)),
            "store": keeping.disk.run(beat("store", 30)),
            "control": technician.control.run(beat("control", 30)),
            "history": technician.sampling.run(beat("history", 60)),
            "health": self._tell_health(),
            "log": self._said.run(beat("log", 60)),
        }
        if technician.metrics.wanted:
            parts["metrics"] = technician.metrics.run(beat("metrics", 120))
        return parts

    async def _close(self) -> None:
        await self._air.javascript.close()
        await self._keeping.disk.close()
        await self._keeping.buffer.close()
        await self._technician.sampling.save()

    async def _tell_health(self) -> None:
        await self._air.radio.first_result.wait()
        tell_systemd(READY=1)
        await self._health.run()
