"""The composition root: every part is built here and handed what it needs; no part builds another.

One TaskGroup: receive, transmit, downlinks, forward, keep (what brings readings to the disk before
W ends), store, control, history and health. A fault of the port, the broker or the disk is retried
by its own task; any other exception ends the process, and systemd starts it again.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gateway import clock, gateway_eui, hardware
from gateway.clock import Clock
from gateway.codecs.javascript import JavaScript
from gateway.codecs.worker import Worker
from gateway.config import told_to_city
from gateway.decoding import Decoding
from gateway.diagnostics import (
    buffering,
    configuring,
    copying,
    devices,
    forwarding,
    joining,
    looking,
    report,
    telling,
)
from gateway.diagnostics.control import Control
from gateway.diagnostics.frames import Frames
from gateway.diagnostics.health import Health, tell_systemd
from gateway.diagnostics.log import Log, LogLevel
from gateway.diagnostics.sampling import Line, Now, Sampling
from gateway.diagnostics.watch import Watch
from gateway.disk import Disk
from gateway.downlinks import Downlinks
from gateway.duty_cycle import DutyCycle
from gateway.errors import GatewayError
from gateway.files import DATABASE
from gateway.gateway_eui import GatewayEui
from gateway.locked_sessions import LockedSessions
from gateway.lorawan.correlations import Correlations
from gateway.lorawan.downlink import largest_payload
from gateway.lorawan.join_control import JoinControl
from gateway.lorawan.network import Network
from gateway.lorawan.session import Changes, KnownState
from gateway.metrics.facts import Parts
from gateway.metrics.publishing import Metrics
from gateway.northbound import names
from gateway.northbound.commands import Commands
from gateway.northbound.forwarder import Forwarder
from gateway.northbound.names import Names
from gateway.radio import Radio
from gateway.records import Event
from gateway.replay import Command
from gateway.rhythm import Rhythm
from gateway.settings import Settings, codecs, with_devices_anew
from gateway.store.bounds import DAY, Bounds
from gateway.store.buffer import Buffer
from gateway.store.database import Store
from gateway.store.history import read as read_history
from gateway.store.secret import secret
from gateway.time_floor import TimeFloor
from gateway.transmitter import Transmitter
from gateway.uplinks import Uplinks

log = logging.getLogger(__name__)


async def serve(settings: Settings, stop: asyncio.Event, said: Log) -> None:
    """Open the store, run the daemon on it, close it."""
    store = await Store.open(Path(settings.config.gateway.state_dir) / DATABASE)
    try:
        key = await _pseudonym_key(settings, store)
        await Daemon(settings, store, await store.load(), said, key).run(stop)
    finally:
        await store.close()


async def _pseudonym_key(settings: Settings, store: Store) -> bytes | None:
    """None: the city is told the devices' own names."""
    if settings.config.mqtt.device_names == "plain":
        return None
    return await secret(store, names.NAME)


class Daemon:
    """All parts, and the few things that pass between them."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        known: KnownState,
        said: Log,
        pseudonym_key: bytes | None = None,
    ) -> None:
        """`said` is where the log goes."""
        config = settings.config
        self._settings, self._store, self._said = settings, store, said
        self._tasks = asyncio.TaskGroup()
        remembering = partial(self._tasks.create_task, name="remember EUI")
        self._eui = GatewayEui(config.gateway.eui, store, remembering)
        self._forwarder: Forwarder | None = None
        self._health, self._watch = Health(), Watch()
        self._clock = Clock(
            clock.Trust(config.clock.source, clock.was_synchronised()), clock.boot_id()
        )
        self._frames = Frames(self._clock.now, self._clock.dated, self._watch)
        self._floor = TimeFloor(store, self._clock.now)
        correlations = Correlations()
        self._buffer = Buffer(
            store,
            config.store.window,
            partial(telling.safe, self._watch),
            bounds=Bounds.of(config.store),
            clock=self._clock,
            archive=config.store.archive_days * DAY,
            correlations=correlations,
        )
        self._concentrator = hardware.concentrator(config.concentrator, settings.radio)
        rhythm = Rhythm()
        self._join_control = JoinControl(
            config.lorawan.join == "open",
            config.lorawan.join_allow,
            config.lorawan.joins_per_minute,
        )
        self._network = network = Network(
            settings.devices,
            known,
            settings.region,
            secrets.token_bytes,
            int(config.lorawan.net_id, 16),
            settings.heard,
            self._join_control,
            settings.rx,
            correlations,
        )
        self._names = Names(network.devices, pseudonym_key)
        self._listening = _listening(network)
        self._locked = LockedSessions(store, network.devices, self._clock.now, self._buffer.add)
        spawn = partial(self._tasks.create_task, name="answer")
        self._codecs = dict(settings.codecs)
        self._javascript = JavaScript(Worker(random.random))
        self._decoding = Decoding(
            network.devices,
            self._codecs,
            self._javascript,
            self._buffer.replace,
            partial(self._tasks.create_task, name="decode"),
            lambda reading: self._uplinks.show(reading),
        )
        self._downlinks = Downlinks(
            network,
            network.devices,
            self._buffer,
            self._clock,
            self._watch,
            spawn,
        )
        self._transmitter = Transmitter(
            self._concentrator,
            DutyCycle(settings.region.sub_bands, known.airtime, store.spend, self._clock.now),
            self._downlinks.told,
            self._downlinks.stands,
            self._frames.down,
        )
        self._uplinks = Uplinks(
            network,
            self._codecs,
            self._buffer,
            self._decoding,
            self._transmitter.answer,
            self._clock,
            self._watch,
            spawn,
            rhythm,
            self._downlinks.events,
            self._transmitter.withhold,
            self._frames.up,
            tell_foreign_joins=config.lorawan.tell_foreign_joins,
        )
        self._disk = Disk(
            store,
            partial(self._buffer.restore, network.everything),
            self._ask_store,
            self._disk_changed,
            random.random,
            self._clock.now,
        )
        self._radio = Radio(
            self._concentrator,
            self._uplinks.heard,
            self._radio_changed,
            random.random,
            self._clock.now,
            rhythm,
        )
        knowing = devices.Devices(
            network,
            self._uplinks.facts,
            rhythm,
            self._clock,
            self._renew_devices,
            self._place,
            self._names,
        )
        self._sampling = Sampling(
            self._look,
            self._line,
            self._clock.now,
            self._clock.dated,
            partial(store.inspect, read_history),
            store.keep_history,
        )
        self._metrics = Metrics(
            config.metrics,
            Parts(
                self.status,
                lambda: self._forwarder.state.pubacks if self._forwarder else None,
                store,
                self._buffer,
                self._uplinks,
                self._downlinks,
                self._radio,
                self._clock,
                said,
                network.devices if config.metrics.devices else (),
            ),
        )
        self._control = Control(
            Path(config.gateway.control_socket),
            self.status,
            self._watch,
            {
                "join": self._join,
                "forward": self._forwarding,
                "codecs": self._renew_codecs,
                "devices": knowing.answer,
                "config": lambda request: configuring.answer(
                    request, self._settings, self._join_control, self._forwarder
                ),
                "buffer": lambda request: buffering.answer(
                    request,
                    buffer=self._buffer,
                    store=store,
                    bounds=Bounds.of(config.store),
                    clock=self._clock,
                ),
                "frames": self._frames.answer,
                "history": self._sampling.answer,
                "backup": lambda request: copying.answer(store, self._eui.text, request),
                "metrics": self._metrics.answer,
            },
        )
        self._log_level = LogLevel()
        self._since = self._clock.now()

    async def run(self, stop: asyncio.Event) -> None:
        if self._settings.region.silence:
            log.warning("%s", self._settings.region.silence, extra={"reason": "silence"})
        await self._buffer.open()
        await self._downlinks.open()
        await self._eui.recall()
        await self._floor.recall()
        await self._locked.tell()
        await self._control.open()
        beat = self._health.task
        parts = {
            "receive": self._radio.run(beat("receive", 60)),
            "transmit": self._transmitter.run(beat("transmit", 30)),
            "downlinks": self._downlinks.run(self._transmitter, beat("downlinks", 60)),
            "forward": self._forward(beat("forward", 90)),
            "keep": self._buffer.run(beat("keep", 120)),
            "store": self._disk.run(beat("store", 30)),
            "control": self._control.run(beat("control", 30)),
            "history": self._sampling.run(beat("history", 60)),
            "health": self._tell_health(),
            "log": self._said.run(beat("log", 60)),
        }
        if self._metrics.wanted:
            parts["metrics"] = self._metrics.run(beat("metrics", 120))
        try:
            async with self._tasks as tasks:
                running = [tasks.create_task(part, name=name) for name, part in parts.items()]
                await stop.wait()
                tell_systemd(STOPPING=1)
                for task in running:
                    task.cancel()
        finally:
            await self._javascript.close()
            await self._disk.close()
            await self._buffer.close()
            await self._sampling.save()

    def status(self) -> dict[str, Any]:
        """What `kogge status` shows."""
        return report.status(
            self._settings,
            self._eui.text,
            since=self._since,
            dated=self._clock.dated,
            now=self._clock.now(),
            radio=self._radio,
            chip=self._concentrator.status(),
            city=self._forwarder.state if self._forwarder else None,
            backlog=self._buffer.backlog,
            lost=self._buffer.lost_records,
            archive=report.archive(self._buffer.archive, self._buffer.replays),
            uplinks=self._uplinks,
            answers=self._transmitter.answers,
            airtime_left=self._transmitter.duty_cycle(),
            downlinks=self._downlinks.waiting,
            join=joining.standing(self._join_control, self._clock.now().monotonic_s),
            locked=len(self._locked),
            store=report.store(
                self._disk,
                self._buffer.memory_records,
                self._store.quarantined,
                self._clock.dated,
            ),
            stuck=self._health.overdue(),
            codec_worker=self._decoding.status(),
        )

    async def _renew_codecs(self, _: dict[str, Any]) -> dict[str, Any]:
        """The codecs' files have changed: what comes from now on, and what is not decoded yet, is
        decoded by them. Wrong files change nothing.
        """
        try:
            found = await asyncio.to_thread(codecs, self._settings)
        except GatewayError as error:
            return {"error": str(error)}
        self._codecs.update(found)
        self._javascript.forgive()
        return {"codecs": sorted(found)}

    async def _renew_devices(self) -> dict[str, Any]:
        """devices.toml has changed: others notice nothing. A wrong file changes nothing, and raises
        ConfigError.
        """
        found = await asyncio.to_thread(with_devices_anew, self._settings)
        before, self._settings = dict(self._network.devices), found
        self._codecs.update(found.codecs)
        self._network.describe(found.devices)
        self._listening.clear()
        self._listening.update(_listening(self._network))
        self._uplinks.facts.keep_only(self._network.devices)
        return devices.changed(before, self._network.devices)

    async def _look(self) -> Now:
        """What the history keeps."""
        return await looking.look(
            self._uplinks,
            self._buffer,
            self._store,
            self._concentrator,
            self._settings.config.gateway.state_dir,
            self._clock,
        )

    def _line(self) -> Line:
        city = self._forwarder.state if self._forwarder else None
        return Line(city is not None and city.connected, self._radio.state == "receiving")

    def _place(self) -> dict[str, Any]:
        """What `kogge devices` has to know beside the devices."""
        up = self._clock.now().monotonic_s - self._since.monotonic_s
        return {
            "region": self._settings.region.name,
            "channels": sorted(self._settings.heard),
            "up_s": round(up, 1),
        }

    def _join(self, request: dict[str, Any]) -> dict[str, Any]:
        """What `kogge join` asks."""
        return joining.answer(self._join_control, request, self._clock.now().monotonic_s)

    def _forwarding(self, request: dict[str, Any]) -> dict[str, Any]:
        """What `kogge forward` asks."""
        return forwarding.answer(self._forwarder, request, self._buffer.backlog)

    async def _forward(self, beat: Callable[[], None]) -> None:
        eui = await self._eui.known(beat)
        self._forwarder = Forwarder(
            self._settings.config.mqtt,
            eui,
            self._buffer,
            self._commands(eui),
            dated=self._clock.dated,
            now=self._clock.now,
            radio=lambda: report.radio_state(self._radio),
            random=random.random,
            told=partial(telling.city, self._watch),
            finished=self._decoding.finished,
            floor=lambda: self._floor.at,
            names=self._names,
        )
        await self._forwarder.run(beat)

    def _commands(self, eui: str) -> Commands:
        settings = self._settings
        return Commands(
            f"{settings.config.mqtt.topic_prefix}/{eui}/command",
            order=self._downlinks.order,
            encode=self._decoding.encode,
            keep=self._keep_answers,
            now=self._clock.now,
            devices=self._network.devices,
            listening=self._listening,
            largest=largest_payload(settings.region),
            replays=self._buffer.replays,
            archives=settings.config.store.archive_days > 0,
            config=lambda: told_to_city(settings.config),
            set_log_level=self._log_level.change,
            names=self._names,
        )

    async def _keep_answers(self, events: Sequence[Event], commands: Sequence[Command]) -> None:
        """On disk when this returns, or the broker has them."""
        if not await self._buffer.keep(events, Changes(), commands):
            await self._buffer.safe(lambda record: any(record is event for event in events))

    async def _ask_store(self) -> None:
        await self._store.recall(gateway_eui.NAME)
        await self._locked.look_again()
        await self._floor.look_again()

    def _disk_changed(self, what: str, reason: str) -> None:
        self._network.disk_fails(self._disk.state == "failing")
        telling.store(self._watch, what, reason)
        self._buffer.add(Event("store", self._clock.now(), {"state": what, "reason": reason}))

    async def _tell_health(self) -> None:
        await self._radio.first_result.wait()
        tell_systemd(READY=1)
        await self._health.run()

    def _radio_changed(self, state: str, reason: str) -> None:
        if state == "receiving":
            self._eui.learn(self._concentrator.status().eui)
        telling.radio(self._watch, state, reason)
        self._buffer.add(Event("radio", self._clock.now(), {"state": state, "reason": reason}))


def _listening(network: Network) -> set[int]:
    """The DevEUIs of those that can be spoken to at any time."""
    return {dev_eui for dev_eui, one in network.devices.items() if one.device_class == "C"}
