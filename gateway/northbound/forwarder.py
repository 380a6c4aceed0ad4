"""From the buffer to the broker: batches, QoS 1, bounded in flight, delivered only when PUBACKed.

The rules of this file:

- A batch leaves the buffer with `next_batch` and goes back into it with exactly one of `delivered`
  (a PUBACK without a failure code) and `returned` (anything else: a refusal, a lost connection, an
  end). So at least once, and never never.
- While less than half of the window is in flight a batch is sent as it is; beyond that it fills up.
- A refusal (PUBACK ≥ 0x80) holds the sending back for a while; the connection stays.
- A batch that is too large for the broker goes out again in halves, and so do all that follow on
  this connection; one record that is too large is a refusal.
- The back-off begins anew when readings or events were acknowledged, or the connection has held
  for a while: a broker that ends each connection soon is not asked four times a second.
- The watchdog's beat: before each attempt to connect, before each wait, and while connected at each
  look for which the sender has delivered since the last, or has no reason to: nothing is
  undelivered, something awaits its PUBACK (`PUBACK_SILENCE` ends that), a batch may still fill up,
  or a refusal holds the sending back. So a sender that hangs is noticed.
- A command is acknowledged when what follows from it is on disk. Without a subscription readings go
  on. Its answer is an event; where it is wanted on a response topic too it goes there afterwards.
- `{prefix}/{eui}/status` is retained: online while connected, offline as last will and at a stop.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Literal, Protocol

import msgspec
from aiomqtt import MqttError, Will

from gateway.config import Mqtt
from gateway.northbound.backoff import Backoff
from gateway.northbound.broker import Broker, Unreachable
from gateway.northbound.client import TOO_LARGE, Client, Received, Refused
from gateway.northbound.commands import Reply
from gateway.northbound.connection import GOODBYE_SECONDS, Lost
from gateway.northbound.formats.json import RadioState
from gateway.northbound.messages import Message, Messages
from gateway.records import Event, Moment
from gateway.store.buffer import Batch

LOOK_SECONDS: Final = 1.0  # how often the status is compared with what was last said
BACKLOG_SECONDS: Final = 60.0  # a changed backlog alone is news this often
STEADY_SECONDS: Final = 10.0  # a connection that has held so long is one
_SESSION_TAKEN_OVER: Final = 0x8E


class Buffer(Protocol):
    """What the forwarder asks of gateway.store.buffer."""

    @property
    def backlog(self) -> int: ...

    async def next_batch(self, limit: int, linger: float) -> Batch: ...

    def delivered(self, batch: Batch) -> None: ...

    def returned(self, batch: Batch) -> None: ...


class Commands(Protocol):
    """What the forwarder asks of gateway.northbound.commands."""

    async def take(self, message: Received) -> None: ...

    def reply_to(self, event: Event) -> Reply | None: ...


class State(msgspec.Struct):
    """For `kogge status`: `since` is the moment of the last change of `connected`; `commands`:
    they can reach us.
    """

    since: Moment
    connected: bool = False
    commands: bool = False
    protocol: str = ""
    reason: str = "not yet connected"
    published: int = 0
    refused: int = 0
    connections: int = 0
    in_flight: int = 0


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
        self._mqtt, self._eui, self._buffer, self._commands = mqtt, eui, buffer, commands
        self._now, self._radio, self._told = now, radio, told
        self._messages = Messages(mqtt, eui, dated, now)
        self._broker = Broker(mqtt, f"kogge-{eui}")
        self._reconnect, self._retry = Backoff(random), Backoff(random)
        self._hold_until = self._fills_until = 0.0  # on the loop's clock
        self._most = mqtt.batch_readings  # records in a batch of this connection
        self._in_flight: dict[int, Batch] = {}  # by number
        self._state = State(now())

    @property
    def state(self) -> State:
        """A snapshot."""
        return msgspec.structs.replace(self._state, in_flight=len(self._in_flight))

    async def run(self, beat: Callable[[], None]) -> None:
        """Connect, forward, connect again; ends only by cancellation."""
        task = asyncio.current_task()
        while True:
            wait = 0.0
            try:
                async with self._broker.connected(self._will(), beat) as client:
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
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._announce(client, beat), name="forward.status")
                tasks.create_task(self._listen(client), name="forward.commands")
                tasks.create_task(self._send(client, tasks), name="forward.send")
                # in the body: a TaskGroup that fails while it is left miscounts cancellations
                await client.lost()
        except asyncio.CancelledError:
            await self._say_goodbye(client)
            raise
        finally:
            while self._in_flight:  # the newest first, so that the buffer has them in order
                self._buffer.returned(self._in_flight.popitem()[1])

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

    async def _send(self, client: Client, tasks: asyncio.TaskGroup) -> None:
        room = asyncio.Semaphore(client.window)
        while True:
            await asyncio.sleep(max(0.0, self._hold_until - asyncio.get_running_loop().time()))
            await room.acquire()
            idle = 2 * len(self._in_flight) < client.window
            linger = 0.0 if idle else self._mqtt.batch_seconds
            self._fills_until = asyncio.get_running_loop().time() + linger
            batch = await self._buffer.next_batch(self._most, linger)
            # noted before the task exists: one that is cancelled before its first step does nothing
            self._in_flight[batch.number] = batch
            sending = tasks.create_task(self._deliver(client, batch), name="forward.batch")
            sending.add_done_callback(lambda _: room.release())

    async def _deliver(self, client: Client, batch: Batch) -> None:
        topic, payload, content = self._messages.of(batch, self._broker.protocol)
        try:
            await client.publish(topic, payload, content=content)
        except Refused as refusal:
            self._buffer.returned(self._in_flight.pop(batch.number))
            if refusal.reason_code == TOO_LARGE and len(batch.records) > 1:
                self._most = min(self._most, len(batch.records) // 2)
            else:
                self._hold(topic, refusal)
        else:
            self._buffer.delivered(self._in_flight.pop(batch.number))
            self._state.published += 1
            self._reconnect.reset()
            self._retry.reset()
            await self._reply(client, batch)

    async def _reply(self, client: Client, batch: Batch) -> None:
        """The answers among the events, on the response topics of their commands."""
        for event in batch.records:
            reply = self._commands.reply_to(event) if isinstance(event, Event) else None
            if reply is None or not isinstance(event, Event):
                continue
            message = self._messages.events([event])
            try:
                await client.publish(reply.topic, message, correlation_data=reply.correlation_data)
            except Refused:
                self._state.refused += 1

    def _hold(self, topic: str, refusal: Refused) -> None:
        """Stop sending for a while; several refusals of one moment count once."""
        self._state.refused += 1
        now = asyncio.get_running_loop().time()
        if now < self._hold_until:
            return
        wait = self._retry.next(quick=False)
        self._hold_until = now + wait
        advice = "check the broker's access list and quota for this gateway"
        if refusal.reason_code == TOO_LARGE:
            advice = (
                "this is one record, a smaller mqtt.batch_readings does not help: raise the "
                "broker's Maximum Packet Size"
            )
        self._told(
            "refused",
            f"the broker refused {topic}: {refusal}. Nothing is lost, it is sent again "
            f"in {wait:.0f} s; {advice}",
        )

    async def _announce(self, client: Client, beat: Callable[[], None]) -> None:
        """Publish the status at once, when the radio changes, and now and then the backlog."""
        said: tuple[RadioState, int] | None = None
        said_at = 0.0
        loop = asyncio.get_running_loop()
        began = loop.time()
        published = self._state.published
        while True:
            if self._state.published != published or self._may_rest():
                beat()
            published = self._state.published
            if loop.time() - began >= STEADY_SECONDS:
                self._reconnect.reset()
            news = (self._radio(), self._buffer.backlog)
            due = news != said and loop.time() - said_at >= BACKLOG_SECONDS
            if said is None or news[0] != said[0] or due:
                said, said_at = news, loop.time()
                await self._publish_status(client, "online")
            await asyncio.sleep(LOOK_SECONDS)

    def _may_rest(self) -> bool:
        """Whether the sender has no reason to deliver just now."""
        waits = asyncio.get_running_loop().time() < max(self._hold_until, self._fills_until)
        return waits or bool(self._in_flight) or not self._buffer.backlog

    async def _publish_status(self, client: Client, state: Literal["online", "offline"]) -> None:
        status = self._status(state, self._state.since)
        try:
            await client.publish(status.topic, status.payload, retain=True)
        except Refused as refusal:
            self._state.refused += 1
            self._told("refused", f"the broker refused {status.topic}: {refusal}")

    async def _say_goodbye(self, client: Client) -> None:
        self._changed(False, "stopped")
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._publish_status(client, "offline")
        except (MqttError, TimeoutError) as error:
            self._told("disconnected", f"the broker did not hear that this gateway stops: {error}")

    def _will(self) -> Will:
        status = self._status("offline", None)
        return Will(status.topic, status.payload, qos=1, retain=True)

    def _status(self, state: Literal["online", "offline"], since: Moment | None) -> Message:
        return self._messages.status(state, since, self._buffer.backlog, self._radio())

    def _connected(self) -> None:
        self._changed(True, "")
        self._most = self._mqtt.batch_readings
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
