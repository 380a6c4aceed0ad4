"""What all sides stand on: the settings, the clock, the LoRaWAN network and who watches."""

import asyncio
import secrets

from gateway import clock
from gateway.clock import Clock
from gateway.diagnostics.watch import Watch
from gateway.lorawan.correlations import Correlations
from gateway.lorawan.join_control import JoinControl
from gateway.lorawan.network import Network
from gateway.lorawan.session import KnownState
from gateway.northbound.names import Names
from gateway.settings import Settings
from gateway.store.database import Store


class Ground:
    """`settings` has the devices as devices.toml has them now, as `network` has; `tasks` runs all
    that there is; `listening` are the DevEUIs of those that can be spoken to at any time.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        known: KnownState,
        tasks: asyncio.TaskGroup,
        pseudonym_key: bytes | None,
    ) -> None:
        """`known` is what the store has of sessions and airtime."""
        config = settings.config
        self.settings, self.store, self.known, self.tasks = settings, store, known, tasks
        self.watch = Watch()
        self.clock = Clock(
            clock.Trust(config.clock.source, clock.was_synchronised()), clock.boot_id()
        )
        self.correlations = Correlations()
        self.join_control = JoinControl(
            config.lorawan.join == "open",
            config.lorawan.join_allow,
            config.lorawan.joins_per_minute,
        )
        self.network = Network(
            settings.devices,
            known,
            settings.region,
            secrets.token_bytes,
            int(config.lorawan.net_id, 16),
            settings.heard,
            self.join_control,
            settings.rx,
            self.correlations,
        )
        self.names = Names(self.network.devices, pseudonym_key)
        self.listening: set[int] = set()
        self._note_listening()

    def describe(self, settings: Settings) -> None:
        """Take over the devices of these."""
        self.settings = settings
        self.network.describe(settings.devices)
        self._note_listening()

    def _note_listening(self) -> None:
        self.listening.clear()
        devices = self.network.devices.items()
        self.listening.update(dev_eui for dev_eui, one in devices if one.device_class == "C")
