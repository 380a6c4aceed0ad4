"""The side of the disk: the buffer, and what the store remembers of this box."""

import random
from functools import partial

from gateway import gateway_eui
from gateway.devices.locked_sessions import LockedSessions
from gateway.diagnostics import telling
from gateway.disk import Disk
from gateway.gateway_eui import GatewayEui
from gateway.records import Event
from gateway.sides.ground import Ground
from gateway.store.bounds import DAY, Bounds
from gateway.store.buffer import Buffer
from gateway.time_floor import TimeFloor


class Keeping:
    """`disk` brings the store back after a fault."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        config, store, now = ground.settings.config, ground.store, ground.clock.now
        self.buffer = Buffer(
            store,
            config.store.window,
            partial(telling.safe, ground.watch),
            bounds=Bounds.of(config.store),
            clock=ground.clock,
            archive=config.store.archive_days * DAY,
            correlations=ground.correlations,
        )
        remembering = partial(ground.tasks.create_task, name="remember EUI")
        self.eui = GatewayEui(config.gateway.eui, store, remembering)
        self.floor = TimeFloor(store, now)
        self.locked = LockedSessions(store, ground.network.devices, now, self.buffer.add)
        self.disk = Disk(
            store,
            partial(self.buffer.restore, ground.network.everything),
            self._ask_store,
            self._disk_changed,
            random.random,
            now,
        )

    async def _ask_store(self) -> None:
        await self._ground.store.recall(gateway_eui.NAME)
        await self.locked.look_again()
        await self.floor.look_again()

    def _disk_changed(self, what: str, reason: str) -> None:
        ground = self._ground
        ground.network.disk_fails(self.disk.state == "failing")
        telling.store(ground.watch, what, reason)
        self.buffer.add(Event("store", ground.clock.now(), {"state": what, "reason": reason}))
