"""The side of the city: what goes to the broker, and what it orders.

Its names have the gateway's EUI in them: nothing is forwarded before that is known.
"""

import random
from collections.abc import Callable, Sequence
from functools import partial

from gateway.config import told_to_city
from gateway.diagnostics import report, telling
from gateway.diagnostics.log import LogLevel
from gateway.lorawan.downlink import largest_payload
from gateway.lorawan.session import Changes
from gateway.metrics.histogram import Histogram
from gateway.northbound.commands import Commands
from gateway.northbound.forwarder import Forwarder
from gateway.northbound.state import State
from gateway.records import Event
from gateway.replay import Command
from gateway.sides.air import Air
from gateway.sides.ground import Ground
from gateway.sides.keeping import Keeping


class City:
    """`forwarder` is None until the EUI is known."""

    def __init__(self, ground: Ground, keeping: Keeping, air: Air) -> None:
        self._ground, self._keeping, self._air = ground, keeping, air
        self._log_level = LogLevel()
        self.forwarder: Forwarder | None = None

    @property
    def state(self) -> State | None:
        return self.forwarder.state if self.forwarder else None

    def pubacks(self) -> Histogram | None:
        """The seconds that each has taken."""
        return self.forwarder.state.pubacks if self.forwarder else None

    async def run(self, beat: Callable[[], None]) -> None:
        ground, air = self._ground, self._air
        eui = await self._keeping.eui.known(beat)
        self.forwarder = Forwarder(
            ground.settings.config.mqtt,
            eui,
            self._keeping.buffer,
            self._commands(eui),
            dated=ground.clock.dated,
            now=ground.clock.now,
            radio=lambda: report.radio_state(air.radio),
            random=random.random,
            told=partial(telling.city, ground.watch),
            finished=air.decoding.finished,
            floor=lambda: self._keeping.floor.at,
            names=ground.names,
        )
        await self.forwarder.run(beat)

    def _commands(self, eui: str) -> Commands:
        ground, air, config = self._ground, self._air, self._ground.settings.config
        return Commands(
            f"{config.mqtt.topic_prefix}/{eui}/command",
            order=air.downlinks.order,
            encode=air.decoding.encode,
            keep=self._keep_answers,
            now=ground.clock.now,
            devices=ground.network.devices,
            listening=ground.listening,
            largest=largest_payload(ground.settings.region),
            replays=self._keeping.buffer.replays,
            archives=config.store.archive_days > 0,
            config=lambda: told_to_city(config),
            set_log_level=self._log_level.change,
            names=ground.names,
        )

    async def _keep_answers(self, events: Sequence[Event], commands: Sequence[Command]) -> None:
        """On disk when this returns, or the broker has them."""
        buffer = self._keeping.buffer
        if not await buffer.keep(events, Changes(), commands):
            await buffer.safe(lambda record: any(record is event for event in events))
