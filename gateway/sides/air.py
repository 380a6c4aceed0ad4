"""The side of the air: the radio, what is heard and decoded, and what is sent."""

import random
from functools import partial

from gateway.air.decoding import Decoding
from gateway.air.downlinks import Downlinks
from gateway.air.duty_cycle import DutyCycle
from gateway.air.radio import Radio
from gateway.air.rhythm import Rhythm
from gateway.air.transmitter import Transmitter
from gateway.air.uplinks import Uplinks
from gateway.board import hardware
from gateway.codecs.javascript import JavaScript
from gateway.codecs.worker import Worker
from gateway.diagnostics import telling
from gateway.diagnostics.frames import Frames
from gateway.records import Event
from gateway.sides.ground import Ground
from gateway.sides.keeping import Keeping


class Air:
    """`codecs` are those of the devices, by name, as their files are now."""

    def __init__(self, ground: Ground, keeping: Keeping) -> None:
        self._ground, self._keeping = ground, keeping
        settings, clock = ground.settings, ground.clock
        self.concentrator = hardware.concentrator(settings.config.concentrator, settings.radio)
        self.frames = Frames(clock.now, clock.dated, ground.watch, ground.network.devices)
        self.rhythm = Rhythm()
        self.codecs = dict(settings.codecs)
        self.javascript = JavaScript(Worker(random.random))
        self._answering = partial(ground.tasks.create_task, name="answer")
        self.decoding = self._make_decoding()
        self.downlinks = self._make_downlinks()
        self.transmitter = self._make_transmitter()
        self.uplinks = self._make_uplinks()
        self.radio = self._make_radio()

    def _make_decoding(self) -> Decoding:
        return Decoding(
            self._ground.network.devices,
            self.codecs,
            self.javascript,
            self._keeping.buffer.replace,
            partial(self._ground.tasks.create_task, name="decode"),
            lambda reading: self.uplinks.show(reading),
        )

    def _make_downlinks(self) -> Downlinks:
        ground = self._ground
        return Downlinks(
            ground.network,
            ground.network.devices,
            self._keeping.buffer,
            ground.clock,
            ground.watch,
            self._answering,
        )

    def _make_transmitter(self) -> Transmitter:
        ground = self._ground
        sub_bands, airtime = ground.settings.region.sub_bands, ground.known.airtime
        return Transmitter(
            self.concentrator,
            DutyCycle(sub_bands, airtime, ground.store.spend, ground.clock.now),
            self.downlinks.told,
            self.downlinks.stands,
            self.frames.down,
        )

    def _make_uplinks(self) -> Uplinks:
        ground = self._ground
        return Uplinks(
            ground.network,
            self.codecs,
            self._keeping.buffer,
            self.decoding,
            self.transmitter.answer,
            ground.clock,
            ground.watch,
            self._answering,
            self.rhythm,
            self.downlinks.events,
            self.transmitter.withhold,
            self.frames.up,
            tell_foreign_joins=ground.settings.config.lorawan.tell_foreign_joins,
        )

    def _make_radio(self) -> Radio:
        return Radio(
            self.concentrator,
            self.uplinks.heard,
            self._radio_changed,
            random.random,
            self._ground.clock.now,
            self.rhythm,
        )

    def _radio_changed(self, state: str, reason: str) -> None:
        if state == "receiving":
            self._keeping.eui.learn(self.concentrator.status().eui)
        telling.radio(self._ground.watch, state, reason)
        event = Event("radio", self._ground.clock.now(), {"state": state, "reason": reason})
        self._keeping.buffer.add(event)
