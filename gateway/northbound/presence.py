"""The retained `{prefix}/{eui}/status`: online while connected, offline as last will and at a stop.

It is told at once, when the radio changes or a pause begins or ends, and now and then for the
backlog alone.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal

from aiomqtt import MqttError, Will

from gateway.northbound.client import Client, Refused
from gateway.northbound.connection import GOODBYE_SECONDS
from gateway.northbound.formats.json import RadioState
from gateway.northbound.messages import Message, Messages
from gateway.northbound.reasons import PUBACK, named
from gateway.northbound.state import State
from gateway.records import Moment

LOOK_SECONDS: Final = 1.0  # how often the status is compared with what was last said
BACKLOG_SECONDS: Final = 60.0  # a changed backlog alone is news this often


class Presence:
    """`radio` says how the radio is and why, `backlog` how many records wait, `paused` whether
    they wait because somebody wants it so; `certificate_until` when the one that we show ends.
    """

    def __init__(
        self,
        messages: Messages,
        state: State,
        *,
        radio: Callable[[], RadioState],
        backlog: Callable[[], int],
        paused: Callable[[], bool],
        certificate_until: Callable[[], float | None],
        told: Callable[[str, str], None],
    ) -> None:
        self._messages, self._state = messages, state
        self._radio, self._backlog, self._paused, self._told = radio, backlog, paused, told
        self._certificate_until = certificate_until

    async def announce(self, client: Client, look: Callable[[], None]) -> None:
        """While the connection lasts; `look` is called at each look, `LOOK_SECONDS` apart."""
        said: tuple[RadioState, bool, int] | None = None
        said_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            look()
            news = (self._radio(), self._paused(), self._backlog())
            due = news != said and loop.time() - said_at >= BACKLOG_SECONDS
            if said is None or news[:2] != said[:2] or due:
                said, said_at = news, loop.time()
                await self._publish(client, "online")
            await asyncio.sleep(LOOK_SECONDS)

    async def say_goodbye(self, client: Client) -> None:
        """As far as the broker listens still."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._publish(client, "offline")
        except (MqttError, TimeoutError) as error:
            self._told("disconnected", f"the broker did not hear that this gateway stops: {error}")

    def will(self) -> Will:
        status = self._status("offline", None)
        return Will(status.topic, status.payload, qos=1, retain=True)

    async def _publish(self, client: Client, state: Literal["online", "offline"]) -> None:
        status = self._status(state, self._state.since)
        try:
            await client.publish(status.topic, status.payload, retain=True)
        except Refused as refusal:
            self._state.refuse(refusal.name)
            reason = named(refusal.name, refusal.reason_code, PUBACK)
            self._told("refused", f"the broker refused {status.topic}: {reason}")

    def _status(self, state: Literal["online", "offline"], since: Moment | None) -> Message:
        paused = state == "online" and self._paused()  # a stop ends it
        until = self._certificate_until()
        return self._messages.status(state, since, self._backlog(), self._radio(), paused, until)
