"""Out of the buffer, and onto one connection after the other.

The rules of this file:

- A batch leaves the buffer with `next_batch` and goes back into it with exactly one of `delivered`
  (a PUBACK without a failure code), `park` and `returned` (anything else: a refusal, a lost
  connection, an end). So at least once, and never never.
- While less than half of the window is in flight a batch is sent as it is; beyond that it fills up.
- Live first: the backlog has its rates and its share of the window (pace.py). In strict order the
  oldest go first, one batch at a time: only so none overtakes one that was refused.
- What is refused: refusals.py.
- The answer to a command is an event; where it is wanted on a response topic too it goes there
  afterwards.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from gateway.config import Mqtt
from gateway.northbound.client import Client, Refused
from gateway.northbound.messages import Messages
from gateway.northbound.needs import Buffer, Commands, Finished
from gateway.northbound.pace import Rate, Share
from gateway.northbound.refusals import Refusals
from gateway.northbound.state import State
from gateway.records import Event, Moment
from gateway.store.buffer import Batch

# what encoding raises for a value that no message can carry: a lone surrogate, an endless integer
_UNSPEAKABLE: Final = (msgspec.MsgspecError, ValueError, TypeError, OverflowError)


class Sender:
    """`went_through` is called at each acknowledgement of a batch; `finished` decodes what is still
    undecoded on its way out.
    """

    def __init__(
        self,
        mqtt: Mqtt,
        buffer: Buffer,
        commands: Commands,
        messages: Messages,
        state: State,
        *,
        now: Callable[[], Moment],
        random: Callable[[], float],
        told: Callable[[str, str], None],
        went_through: Callable[[], None],
        finished: Finished,
    ) -> None:
        self._mqtt, self._buffer, self._commands = mqtt, buffer, commands
        self._messages, self._state, self._went_through = messages, state, went_through
        self._finished = finished
        self._refusals = Refusals(
            mqtt.batch_readings, buffer, state, now=now, random=random, told=told
        )
        self._fills_until = 0.0  # on the loop's clock
        self._in_flight: dict[int, Batch] = {}  # by number
        self._delivering: set[asyncio.Task[None]] = set()
        self._share = Share(mqtt.in_flight)
        self.change_pace()

    def change_pace(self) -> None:
        """As `mqtt` has it now."""
        self._messages_rate = Rate(self._mqtt.backlog_messages_per_s)
        self._bytes_rate = Rate(self._mqtt.backlog_kib_per_s * 1024)
        self._refusals.allow(self._mqtt.batch_readings)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def may_rest(self) -> bool:
        """Whether there is no reason to deliver just now."""
        waits = _time() < max(self._refusals.hold_until, self._fills_until)
        idle = self._buffer.rests or self._buffer.backlog <= self._buffer.parked
        return waits or bool(self._in_flight) or idle or self._backlog_wait() > 0

    async def send(self, client: Client, protocol: str, tasks: asyncio.TaskGroup) -> None:
        """For as long as this connection lasts; afterwards call `give_back`."""
        strict = self._mqtt.order == "strict"
        window = 1 if strict or self._refusals.searching else client.window
        room = asyncio.Semaphore(window)
        self._share = Share(window)
        self._refusals.connected()
        while True:
            await asyncio.sleep(max(0.0, self._refusals.hold_until - _time()))
            await room.acquire()
            idle = 2 * len(self._in_flight) < window
            linger = 0.0 if idle else self._mqtt.batch_seconds
            self._fills_until = _time() + linger
            batch = await self._buffer.next_batch(
                self._refusals.most, linger, backlog_wait=self._backlog_wait, in_order=strict
            )
            # noted before the task exists: one that is cancelled before its first step does nothing
            self._in_flight[batch.number] = batch
            if batch.historical:
                self._messages_rate.spend(1, _time())
            delivering = self._deliver(client, protocol, batch)
            sending = tasks.create_task(delivering, name="forward.batch")
            self._delivering.add(sending)
            sending.add_done_callback(self._delivering.discard)
            sending.add_done_callback(lambda _: room.release())

    async def finished(self) -> None:
        """Wait until nothing is in flight, once `send` has ended."""
        while self._delivering:
            await asyncio.wait(self._delivering)

    def give_back(self, reason_code: int = 0) -> None:
        """The connection is gone, by the server's DISCONNECT if it gave a code: what was in flight
        goes out again.
        """
        parked = self._refusals.ended(reason_code, tuple(self._in_flight.values()))
        if parked is not None:
            del self._in_flight[parked.number]
        while self._in_flight:  # the newest first, so that the buffer has them in order
            self._buffer.returned(self._in_flight.popitem()[1])

    def _backlog_wait(self) -> float:
        """Seconds until the backlog has its turn."""
        if sum(batch.historical for batch in self._in_flight.values()) >= self._share.size:
            return math.inf
        return max(self._messages_rate.wait(_time()), self._bytes_rate.wait(_time()))

    async def _deliver(self, client: Client, protocol: str, batch: Batch) -> None:
        going = replace(batch, records=tuple(await self._finished(batch.records)))
        try:
            topic, payload, content = self._messages.of(going, protocol)
        except _UNSPEAKABLE as error:
            del self._in_flight[batch.number]
            topic = self._messages.topic("readings")
            self._refusals.split(batch, topic, f"it cannot be written in this format ({error})")
            return
        began = _time()
        if batch.historical:
            self._bytes_rate.spend(len(payload), began)
        try:
            await client.publish(topic, payload, content=content)
        except Refused as refusal:
            del self._in_flight[batch.number]
            self._refusals.refused(batch, topic, refusal)
            return
        del self._in_flight[batch.number]
        self._state.pubacks.observe(_time() - began)
        if batch.historical:
            self._share.answered(_time() - began)
        self._buffer.delivered(batch)
        self._state.published += 1
        self._refusals.passed(batch)
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
            except Refused as refusal:
                self._state.refuse(refusal.name)


def _time() -> float:
    return asyncio.get_running_loop().time()
