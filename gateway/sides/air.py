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
        settings, network, clock = ground.settings, ground.network, ground.clock
        answering = partial(ground.tasks.create_task, name="answer")
        self.concentrator = hardware.concentrator(settings.config.concentrator, settings.radio)
        self.frames = Frames(clock.now, clock.dated, ground.watch)
        self.rhythm = Rhythm()
        self.codecs = dict(settings.codecs)
        self.javascript = JavaScript(Worker(random.random))
        self.decoding = Decoding(
            network.devices,
            self.codecs,
            self.javascript,
            keeping.buffer.replace,
            partial(ground.tasks.create_task, name="decode"),
            lambda reading: self.uplinks.show(reading),
        )
        self.downlinks = Downlinks(
            network, network.devices, keeping.buffer, clock, ground.watch, answering
        )
        self.transmitter = Transmitter(
            self.concentrator,
            DutyCycle(
                settings.region.sub_bands, ground.known.airtime, ground.store.spend, clock.now
            ),
            self.downlinks.told,
            self.downlinks.stands,
            self.frames.down,
        )
        self.uplinks = Uplinks(
            network,
            self.codecs,
            keeping.buffer,
            self.decoding,
            self.transmitter.answer,
            clock,
            ground.watch,
            answering,
            self.rhythm,
            self.downlinks.events,
            self.transmitter.withhold,
            self.frames.up,
            tell_foreign_joins=settings.config.lorawan.tell_foreign_joins,
        )
        self.radio = Radio(
            self.concentrator,
            self.uplinks.heard,
            self._radio_changed,
            random.random,
            clock.now,
            self.rhythm,
        )

    def _radio_changed(self, state: str, reason: str) -> None:
        if state == "receiving":
            self._keeping.eui.learn(self.concentrator.status().eui)
        telling.radio(self._ground.watch, state, reason)
        event = Event("radio", self._ground.clock.now(), {"state": state, "reason": reason})
        self._keeping.buffer.add(event)
