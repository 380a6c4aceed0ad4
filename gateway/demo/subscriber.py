"""The city's side: an MQTT client of its own at the broker, not through the proxy."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiomqtt
import msgspec

from gateway.demo.judge import Arrival, frame_key, readings

PREFIX = "kogge"


class Subscriber:
    """Hears every reading; `heard` is told of each, with its arrival."""

    def __init__(self, heard: Callable[[dict[str, Any], Arrival], None]) -> None:
        self._heard = heard
        self.arrivals: list[Arrival] = []
        self.subscribed = asyncio.Event()
        self.receiving = asyncio.Event()

    async def run(self, host: str, port: int) -> None:
        now = asyncio.get_running_loop().time
        async with aiomqtt.Client(host, port, identifier="city", clean_session=False) as client:
            await client.subscribe(f"{PREFIX}/+/readings", qos=1)
            await client.subscribe(f"{PREFIX}/+/status", qos=1)
            self.subscribed.set()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                if message.topic.matches("+/+/status"):
                    self._status(message.payload)
                else:
                    self._readings(message.payload, now())

    def _status(self, payload: bytes) -> None:
        """The gateway says of itself that its radio receives."""
        if msgspec.json.decode(payload)["radio"]["state"] == "receiving":
            self.receiving.set()

    def _readings(self, payload: bytes, at: float) -> None:
        for reading in readings(payload):
            arrival = Arrival(reading["id"], frame_key(reading), at)
            self.arrivals.append(arrival)
            self._heard(reading, arrival)
