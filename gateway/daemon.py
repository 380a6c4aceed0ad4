"""The composition root: every part is built here and handed what it needs; no part builds another.

One TaskGroup: receive, transmit, downlinks, forward, keep (what brings readings to the disk before
W ends), store, control and health. A fault of the port or the broker is retried by its own task;
any other exception ends the process, a StoreError too, and systemd starts it again.
"""

import asyncio
import logging
import random
import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from gateway import clock, hardware
from gateway.clock import Clock
from gateway.diagnostics import joining, report
from gateway.diagnostics.control import Control
from gateway.diagnostics.health import Health, tell_systemd
from gateway.diagnostics.log import LogLevel
from gateway.diagnostics.watch import Watch
from gateway.downlinks import Downlinks
from gateway.duty_cycle import DutyCycle
from gateway.errors import GatewayError, StoreError
from gateway.lorawan.downlink import largest_payload
from gateway.lorawan.join_control import JoinControl
from gateway.lorawan.network import Network
from gateway.lorawan.session import Changes, KnownState
from gateway.northbound.commands import Commands
from gateway.northbound.forwarder import Forwarder
from gateway.radio import Radio
from gateway.records import Event, Reading, Record, Value
from gateway.rhythm import Rhythm
from gateway.settings import Settings, warnings
from gateway.store import sealing
from gateway.store.bounds import Bounds
from gateway.store.buffer import Buffer
from gateway.store.database import Store
from gateway.transmitter import Transmitter
from gateway.uplinks import Uplinks

log = logging.getLogger(__name__)

DATABASE: Final = "kogge.db"
EUI: Final = "gateway_eui"
LOCKED_SHOWN: Final = 20  # names in one message
STORE_ASKED_EVERY: Final = 10.0  # seconds; a store thread that does not answer is stuck


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    state_dir = Path(settings.config.gateway.state_dir)
    _make(state_dir)
    sealing.read_keys(state_dir)  # a wrong key file is not put right by starting again: ConfigError
    for warning in warnings(settings):
        log.warning("%s", warning)
    code = 0
    try:
        asyncio.run(_until_stopped(settings))
    except* GatewayError as faults:
        for fault in _leaves(faults):
            log.critical("%s", fault)
        code = 1
    return code


def _make(state_dir: Path) -> None:
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except PermissionError as error:
        raise PermissionError(
            f"gateway.state_dir {state_dir} may not be made by this user: run the daemon as its"
            " service (sudo systemctl start kogge), or name a directory of your own"
        ) from error
    except OSError as error:
        raise StoreError(
            f"gateway.state_dir {state_dir} cannot be made ({error.strerror}): readings would"
            " have no place; name a directory, or one that can be made"
        ) from error


def _leaves(group: BaseExceptionGroup[GatewayError]) -> Iterator[GatewayError]:
    for each in group.exceptions:
        yield from _leaves(each) if isinstance(each, BaseExceptionGroup) else (each,)


async def _until_stopped(settings: Settings) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    await serve(settings, stop)


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Open the store, run the daemon on it, close it."""
    store = await Store.open(Path(settings.config.gateway.state_dir) / DATABASE)
    try:
        await Daemon(settings, store, await store.load()).run(stop)
    finally:
        await store.close()


class Daemon:
    """All parts, and the few things that pass between them."""

    def __init__(self, settings: Settings, store: Store, known: KnownState) -> None:
        config = settings.config
        self._settings, self._store = settings, store
        self._tasks = asyncio.TaskGroup()
        self._eui: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._forwarder: Forwarder | None = None
        self._locked: list[int] = []
        self._health, self._watch = Health(), Watch()
        self._clock = Clock(clock.trust(config.clock.source), clock.boot_id())
        self._buffer = Buffer(
            store,
            config.store.window,
            self._safe,
            bounds=Bounds.of(config.store),
            clock=self._clock,
        )
        self._concentrator = hardware.concentrator(config.concentrator, settings.radio)
        rhythm = Rhythm()
        self._join_control = JoinControl(
            config.lorawan.join == "open",
            config.lorawan.join_allow,
            config.lorawan.joins_per_minute,
        )
        network = Network(
            settings.devices,
            known,
            settings.region,
            secrets.token_bytes,
            int(config.lorawan.net_id, 16),
            settings.heard,
            self._join_control,
        )
        spawn = partial(self._tasks.create_task, name="answer")
        self._downlinks = Downlinks(
            network,
            (device.dev_eui for device in settings.devices),
            self._buffer,
            self._clock,
            self._watch,
            spawn,
        )
        self._transmitter = Transmitter(
            self._concentrator,
            DutyCycle(settings.region.sub_bands, known.airtime, store.spend, self._clock.now),
            self._downlinks.told,
        )
        self._uplinks = Uplinks(
            network,
            settings.codecs,
            self._buffer,
            self._transmitter.answer,
            self._clock,
            self._watch,
            spawn,
            rhythm,
            self._downlinks.events,
        )
        self._radio = Radio(
            self._concentrator,
            self._uplinks.heard,
            self._radio_changed,
            random.random,
            self._clock.now,
            rhythm,
        )
        self._control = Control(
            Path(config.gateway.control_socket), self.status, self._watch, {"join": self._join}
        )
        self._log_level = LogLevel()
        self._since = self._clock.now()

    async def run(self, stop: asyncio.Event) -> None:
        if self._settings.region.silence:
            log.warning("%s", self._settings.region.silence)
        await self._buffer.open()
        await self._downlinks.open()
        await self._recall_eui()
        await self._tell_locked()
        await self._control.open()
        beat = self._health.task
        parts = {
            "receive": self._radio.run(beat("receive", 60)),
            "transmit": self._transmitter.run(beat("transmit", 30)),
            "downlinks": self._downlinks.run(self._transmitter, beat("downlinks", 60)),
            "forward": self._forward(beat("forward", 90)),
            "keep": self._buffer.run(beat("keep", 120)),
            "store": self._ask_store(beat("store", 30)),
            "control": self._control.run(beat("control", 30)),
            "health": self._tell_health(),
        }
        try:
            async with self._tasks as tasks:
                running = [tasks.create_task(part, name=name) for name, part in parts.items()]
                await stop.wait()
                tell_systemd(STOPPING=1)
                for task in running:
                    task.cancel()
        finally:
            await self._buffer.close()

    def status(self) -> dict[str, Any]:
        """What `kogge status` shows."""
        return report.status(
            self._settings,
            self._eui.result() if self._eui.done() else "",
            since=self._since,
            dated=self._clock.dated,
            now=self._clock.now(),
            radio=self._radio,
            chip=self._concentrator.status(),
            city=self._forwarder.state if self._forwarder else None,
            backlog=self._buffer.backlog,
            lost=self._buffer.lost_records,
            uplinks=self._uplinks,
            answers=self._transmitter.answers,
            airtime_left=self._transmitter.duty_cycle(),
            downlinks=self._downlinks.waiting,
            join=joining.standing(self._join_control, self._clock.now().monotonic_s),
            locked=len(self._locked),
            stuck=self._health.overdue(),
        )

    def _join(self, request: dict[str, Any]) -> dict[str, Any]:
        """What `kogge join` asks."""
        return joining.answer(self._join_control, request, self._clock.now().monotonic_s)

    async def _forward(self, beat: Callable[[], None]) -> None:
        while not self._eui.done():
            beat()
            await asyncio.wait({self._eui}, timeout=STORE_ASKED_EVERY)
        self._forwarder = Forwarder(
            self._settings.config.mqtt,
            self._eui.result(),
            self._buffer,
            self._commands(self._eui.result()),
            dated=self._clock.dated,
            now=self._clock.now,
            radio=lambda: report.radio_state(self._radio),
            random=random.random,
            told=self._city_changed,
        )
        await self._forwarder.run(beat)

    def _commands(self, eui: str) -> Commands:
        settings = self._settings
        return Commands(
            f"{settings.config.mqtt.topic_prefix}/{eui}/command",
            order=self._downlinks.order,
            keep=lambda event: self._buffer.keep([event], Changes()),
            now=self._clock.now,
            devices={device.dev_eui for device in settings.devices},
            largest=largest_payload(settings.region),
            set_log_level=self._log_level.change,
        )

    async def _ask_store(self, beat: Callable[[], None]) -> None:
        while True:
            await self._store.recall(EUI)
            if self._locked:
                self._locked = await self._find_locked()
            beat()
            await asyncio.sleep(STORE_ASKED_EVERY)

    async def _tell_health(self) -> None:
        await self._radio.first_result.wait()
        tell_systemd(READY=1)
        await self._health.run()

    async def _recall_eui(self) -> None:
        """The configured EUI, else the chip's as it was when it last answered."""
        eui = self._settings.config.gateway.eui or await self._store.recall(EUI)
        if eui:
            self._eui.set_result(eui)

    async def _tell_locked(self) -> None:
        """Whose session another key has sealed: it is kept, and they are not heard."""
        self._locked = found = await self._find_locked()
        if not found:
            return
        names = {device.dev_eui: device.name for device in self._settings.devices}
        shown = [f"{names[eui]} ({eui:016x})" for eui in found[:LOCKED_SHOWN]]
        more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
        reason = (
            f"the sessions of {len(found)} devices are sealed under another key, so these devices"
            f" are not heard: {', '.join(shown)}{more}. Put that key back ({sealing.FILE} beside"
            f" the database, or the credential {sealing.CREDENTIAL}) and start again, or let the"
            " devices join again: switch them off and on"
        )
        log.warning("%s", reason)
        detail: dict[str, Value | None] = {"state": "locked", "count": len(found), "reason": reason}
        self._buffer.add(Event("store", self._clock.now(), detail))

    async def _find_locked(self) -> list[int]:
        ours = {device.dev_eui for device in self._settings.devices}
        return [eui for eui in await self._store.locked() if eui in ours]

    def _learn_eui(self) -> None:
        """The first EUI that is known stays ours for this run; the next begins with the chip's."""
        chip = self._concentrator.status().eui
        if chip is None or self._settings.config.gateway.eui:
            return
        eui = f"{chip:016x}"
        if not self._eui.done():
            self._eui.set_result(eui)
        elif self._eui.result() == eui:
            return
        self._tasks.create_task(self._store.remember(EUI, eui), name="remember EUI")

    def _radio_changed(self, state: str, reason: str) -> None:
        if state == "receiving":
            self._learn_eui()
        self._watch.tell("radio", state=state, reason=reason)
        self._buffer.add(Event("radio", self._clock.now(), {"state": state, "reason": reason}))
        tell_systemd(STATUS=f"radio {state}{f': {reason}' if reason else ''}")

    def _city_changed(self, what: str, sentence: str) -> None:
        log.log(logging.INFO if what == "connected" else logging.WARNING, "city %s", sentence)
        self._watch.tell("city", what=what, reason=sentence)

    def _safe(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record, Reading):
                self._watch.tell("safe", id=record.id)
