"""Out of the buffer, and onto one connection after the other.

The rules of this file:

- A batch leaves the buffer with `next_batch` and goes back into it with exactly one of `delivered`
  (a PUBACK without a failure code) and `returned` (anything else: a refusal, a lost connection, an
  end). So at least once, and never never.
- While less than half of the window is in flight a batch is sent as it is; beyond that it fills up.
- A refusal (PUBACK ≥ 0x80) holds the sending back for a while; the connection stays.
- A batch that is too large for the broker goes out again in halves, and so do all that follow on
  this connection; one record that is too large is a refusal.
- The answer to a command is an event; where it is wanted on a response topic too it goes there
  afterwards.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.config import Mqtt
from gateway.northbound.backoff import Backoff
from gateway.northbound.client import TOO_LARGE, Client, Received, Refused
from gateway.northbound.commands import Reply
from gateway.northbound.messages import Messages
from gateway.northbound.state import State
from gateway.records import Event
from gateway.store.buffer import Batch


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


class Sender:
    """`went_through` is called at each acknowledgement of a batch."""

    def __init__(
        self,
        mqtt: Mqtt,
        buffer: Buffer,
        commands: Commands,
        messages: Messages,
        state: State,
        *,
        random: Callable[[], float],
        told: Callable[[str, str], None],
        went_through: Callable[[], None],
    ) -> None:
        self._mqtt, self._buffer, self._commands = mqtt, buffer, commands
        self._messages, self._state = messages, state
        self._told, self._went_through = told, went_through
        self._retry = Backoff(random)
        self._hold_until = self._fills_until = 0.0  # on the loop's clock
        self._most = mqtt.batch_readings  # records in a batch of this connection
        self._in_flight: dict[int, Batch] = {}  # by number

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def may_rest(self) -> bool:
        """Whether there is no reason to deliver just now."""
        waits = asyncio.get_running_loop().time() < max(self._hold_until, self._fills_until)
        return waits or bool(self._in_flight) or not self._buffer.backlog

    async def send(self, client: Client, protocol: str, tasks: asyncio.TaskGroup) -> None:
        """For as long as this connection lasts; afterwards call `give_back`."""
        self._most = self._mqtt.batch_readings
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
            sending = tasks.create_task(
                self._deliver(client, protocol, batch), name="forward.batch"
            )
            sending.add_done_callback(lambda _: room.release())

    def give_back(self) -> None:
        """The connection is gone: what was in flight goes out again."""
        while self._in_flight:  # the newest first, so that the buffer has them in order
            self._buffer.returned(self._in_flight.popitem()[1])

    async def _deliver(self, client: Client, protocol: str, batch: Batch) -> None:
        topic, payload, content = self._messages.of(batch, protocol)
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
            self._retry.reset()
            self._went_through()
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
