"""The city: a subscriber with a persistent session, which comes back after each end of the broker.

It acknowledges a message when it has noted it, and not before: paho calls back first.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from gateway.demo.judge import Arrival, frame_key, readings

LONGEST_WAIT = 1  # seconds between two attempts to connect


class City:
    """`arrivals` in their order; `subscribed` is called once it hears everything, in a thread."""

    def __init__(self, subscribed: Callable[[], object]) -> None:
        self.arrivals: list[Arrival] = []
        self._subscribed = subscribed
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="city", clean_session=False
        )
        self._client.reconnect_delay_set(LONGEST_WAIT, LONGEST_WAIT)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._hears
        self._client.on_message = self._message

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()
        try:
            yield
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _connected(self, *_: Any) -> None:
        self._client.subscribe("kogge/+/readings", qos=1)

    def _hears(self, *_: Any) -> None:
        self._subscribed()

    def _message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        for reading in readings(bytes(message.payload)):
            self.arrivals.append(Arrival(reading["id"], frame_key(reading), 0.0))
