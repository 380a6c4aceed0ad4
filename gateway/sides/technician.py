"""The side of the technician: what the control socket answers, the history, and the metrics."""

from functools import partial
from pathlib import Path
from typing import Any

from gateway.diagnostics import (
    buffering,
    configuring,
    copying,
    devices,
    forwarding,
    joining,
    looking,
    report,
)
from gateway.diagnostics.control import Control, Lines, Op
from gateway.diagnostics.health import Health
from gateway.diagnostics.log import Log
from gateway.diagnostics.sampling import Line, Now, Sampling
from gateway.metrics.facts import Parts
from gateway.metrics.publishing import Metrics
from gateway.sides.air import Air
from gateway.sides.city import City
from gateway.sides.ground import Ground
from gateway.sides.keeping import Keeping
from gateway.sides.renewing import Renewing
from gateway.store.bounds import Bounds
from gateway.store.history import read as read_history


class Technician:
    """`said` is where the log goes."""

    def __init__(
        self,
        ground: Ground,
        keeping: Keeping,
        air: Air,
        city: City,
        health: Health,
        said: Log,
    ) -> None:
        self._ground, self._keeping, self._air, self._city = ground, keeping, air, city
        self._health = health
        self._renewing = Renewing(ground, air)
        self._since = ground.clock.now()
        self.sampling = Sampling(
            self._look,
            self._line,
            ground.clock.now,
            ground.clock.dated,
            partial(ground.store.inspect, read_history),
            ground.store.keep_history,
        )
        self.metrics = Metrics(ground.settings.config.metrics, self._counted(said))
        self.control = Control(
            Path(ground.settings.config.gateway.control_socket),
            self.status,
            ground.watch,
            self._ops(),
        )

    def _counted(self, said: Log) -> Parts:
        """Those whose work the metrics count."""
        return Parts(
            self.status,
            self._city.pubacks,
            self._ground.store,
            self._keeping.buffer,
            self._air.uplinks,
            self._air.downlinks,
            self._air.radio,
            self._ground.clock,
            said,
            self._ground.network.devices if self._ground.settings.config.metrics.devices else (),
        )

    def _ops(self) -> dict[str, Op]:
        """What can be asked on the control socket, beside `status` and `watch`."""
        return {
            "join": self._join,
            "forward": self._forward,
            "codecs": self._renewing.codecs,
            "devices": self._devices().answer,
            "config": self._config,
            "buffer": self._buffer,
            "frames": self._air.frames.answer,
            "history": self.sampling.answer,
            "backup": self._backup,
            "metrics": self.metrics.answer,
        }

    def status(self) -> dict[str, Any]:
        """What `kogge status` shows."""
        ground, keeping, air = self._ground, self._keeping, self._air
        now = ground.clock.now()
        return report.status(
            ground.settings,
            keeping.eui.text,
            since=self._since,
            dated=ground.clock.dated,
            now=now,
            radio=air.radio,
            chip=air.concentrator.status(),
            city=self._city.state,
            backlog=keeping.buffer.backlog,
            lost=keeping.buffer.lost_records,
            archive=report.archive(keeping.buffer.archive, keeping.buffer.replays),
            uplinks=air.uplinks,
            answers=air.transmitter.answers,
            airtime_left=air.transmitter.duty_cycle(),
            downlinks=air.downlinks.waiting,
            join=joining.standing(ground.join_control, now.monotonic_s),
            locked=len(keeping.locked),
            store=report.store(
                keeping.disk,
                keeping.buffer.memory_records,
                ground.store.quarantined,
                ground.store.uncopied,
                ground.clock.dated,
            ),
            stuck=self._health.overdue(),
            codec_worker=air.decoding.status(),
        )

    async def _look(self) -> Now:
        """What the history keeps."""
        ground = self._ground
        return await looking.look(
            self._air.uplinks,
            self._keeping.buffer,
            ground.store,
            self._air.concentrator,
            ground.settings.config.gateway.state_dir,
            ground.clock,
        )

    def _line(self) -> Line:
        city = self._city.state
        return Line(city is not None and city.connected, self._air.radio.state == "receiving")

    def _devices(self) -> devices.Devices:
        ground, air = self._ground, self._air
        return devices.Devices(
            ground.network,
            air.uplinks.facts,
            air.rhythm,
            ground.clock,
            self._renewing.devices,
            self._place,
            ground.names,
        )

    def _place(self) -> dict[str, Any]:
        """What `kogge devices` has to know beside the devices."""
        settings = self._ground.settings
        up = self._ground.clock.now().monotonic_s - self._since.monotonic_s
        return {
            "region": settings.region.name,
            "channels": sorted(settings.heard),
            "up_s": round(up, 1),
        }

    def _join(self, request: dict[str, Any]) -> dict[str, Any]:
        ground = self._ground
        return joining.answer(ground.join_control, request, ground.clock.now().monotonic_s)

    def _forward(self, request: dict[str, Any]) -> dict[str, Any]:
        return forwarding.answer(self._city.forwarder, request, self._keeping.buffer.backlog)

    async def _config(self, request: dict[str, Any]) -> dict[str, Any]:
        ground = self._ground
        return await configuring.answer(
            request, ground.settings, ground.join_control, self._city.forwarder
        )

    def _buffer(self, request: dict[str, Any]) -> Lines:
        ground = self._ground
        return buffering.answer(
            request,
            buffer=self._keeping.buffer,
            store=ground.store,
            bounds=Bounds.of(ground.settings.config.store),
            clock=ground.clock,
        )

    async def _backup(self, request: dict[str, Any]) -> dict[str, Any]:
        return await copying.answer(self._ground.store, self._keeping.eui.text, request)
