"""The line to the city: connect, forward, connect again; what happens on one connection.

The rules of this file:

- What is sent, and what becomes of it: sending.py. The retained status: presence.py.
- The back-off begins anew when readings or events were acknowledged, or the connection has held
  for a while: a broker that ends each connection soon is not asked four times a second.
- The watchdog's beat: before each attempt to connect, before each wait, and while connected at each
  look for which the sender has delivered since the last, or has no reason to: nothing is
  undelivered, something awaits its PUBACK (`PUBACK_SILENCE` ends that), a batch may still fill up,
  or a refusal holds the sending back. So a sender that hangs is noticed.
- A command is acknowledged when what follows from it is on disk. Without a subscription readings go
  on.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec
from aiomqtt import MqttError

from gateway.config import Mqtt
from gateway.northbound.backoff import Backoff
from gateway.northbound.broker import Broker, Unreachable
from gateway.northbound.client import Client, Refused
from gateway.northbound.connection import Lost
from gateway.northbound.formats.json import RadioState
from gateway.northbound.messages import Messages
from gateway.northbound.presence import Presence
from gateway.northbound.sending import Buffer, Commands, Sender
from gateway.northbound.state import State
from gateway.records import Moment

STEADY_SECONDS: Final = 10.0  # a connection that has held so long is one
_SESSION_TAKEN_OVER: Final = 0x8E


class Forwarder:
    """`dated` and `now` are the clock's; `radio` says how the radio is and why; `told` gets what
    changed ("connected", "disconnected", "refused") and a sentence for people.
    """

    def __init__(
        self,
        mqtt: Mqtt,
        eui: str,
        buffer: Buffer,
        commands: Commands,
        *,
        dated: Callable[[Moment], Moment],
        now: Callable[[], Moment],
        radio: Callable[[], RadioState],
        random: Callable[[], float],
        told: Callable[[str, str], None],
    ) -> None:
        self._mqtt, self._eui, self._commands = mqtt, eui, commands
        self._now, self._told = now, told
        self._messages = Messages(mqtt, eui, dated, now)
        self._broker = Broker(mqtt, f"kogge-{eui}")
        self._reconnect = Backoff(random)
        self._state = State(now())
        self._presence = Presence(
            self._messages, self._state, radio=radio, backlog=lambda: buffer.backlog, told=told
        )
        self._sender = Sender(
            mqtt,
            buffer,
            commands,
            self._messages,
            self._state,
            random=random,
            told=told,
            went_through=self._reconnect.reset,
        )

    @property
    def state(self) -> State:
        """A snapshot."""
        return msgspec.structs.replace(self._state, in_flight=self._sender.in_flight)

    async def run(self, beat: Callable[[], None]) -> None:
        """Connect, forward, connect again; ends only by cancellation."""
        task = asyncio.current_task()
        while True:
            wait = 0.0
            try:
                async with self._broker.connected(self._presence.will(), beat) as client:
                    await self._session(client, beat)
            except* MqttError as group:
                wait = self._disconnected(_first(group))
            if task is not None and task.cancelling():
                # before Python 3.13 a TaskGroup drops a cancellation that meets an error
                raise asyncio.CancelledError
            beat()  # a slow resolver and the longest wait together would look like a hang
            await asyncio.sleep(wait)

    async def _session(self, client: Client, beat: Callable[[], None]) -> None:
        """All that happens on one connection; raises an ExceptionGroup of MqttErrors at its end."""
        self._connected()
        announcing = self._presence.announce(client, self._look(beat))
        try:
            async with asyncio.TaskGroup() as tasks:
                sending = self._sender.send(client, self._broker.protocol, tasks)
                tasks.create_task(announcing, name="forward.status")
                tasks.create_task(self._listen(client), name="forward.commands")
                tasks.create_task(sending, name="forward.send")
                # in the body: a TaskGroup that fails while it is left miscounts cancellations
                await client.lost()
        except asyncio.CancelledError:
            self._changed(False, "stopped")
            await self._presence.say_goodbye(client)
            raise
        finally:
            self._sender.give_back()

    def _look(self, beat: Callable[[], None]) -> Callable[[], None]:
        """What is done at each look at a connection that begins now."""
        loop = asyncio.get_running_loop()
        began, published = loop.time(), self._state.published

        def look() -> None:
            nonlocal published
            if self._state.published != published or self._sender.may_rest:
                beat()
            published = self._state.published
            if loop.time() - began >= STEADY_SECONDS:
                self._reconnect.reset()

        return look

    async def _listen(self, client: Client) -> None:
        topic = self._messages.topic("command/+")
        try:
            await client.listen(topic)
        except Refused as refusal:
            self._state.refused += 1
            self._told(
                "refused",
                f"the broker refused the subscription to {topic}: {refusal}. No command reaches "
                "this gateway; check the broker's access list",
            )
            return
        self._state.commands = True
        async for message in client.received():
            await self._commands.take(message)
            client.done_with(message)

    def _connected(self) -> None:
        self._changed(True, "")
        self._state.connections += 1
        self._state.protocol = self._broker.protocol
        self._told("connected", f"{self._mqtt.url}, MQTT {self._broker.protocol}")

    def _disconnected(self, error: MqttError) -> float:
        """Note why; returns how long to wait. What repeats itself is told once."""
        answered = isinstance(error, Unreachable) and error.answered
        usurped = isinstance(error, Lost) and error.reason_code == _SESSION_TAKEN_OVER
        reason = str(error)
        if usurped:
            reason += f"; is another gateway using the EUI {self._eui}?"
        if reason != self._state.reason:
            self._told("disconnected", reason)
        self._changed(False, reason)
        return self._reconnect.next(quick=not (answered or usurped))

    def _changed(self, connected: bool, reason: str) -> None:
        if connected != self._state.connected:
            self._state.since = self._now()
        self._state.connected, self._state.reason = connected, reason
        self._state.commands = False


def _first(group: BaseExceptionGroup[MqttError]) -> MqttError:
    """The error that ended the connection; the others of the group followed from it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, MqttError)
    return error
