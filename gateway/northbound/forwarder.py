"""The line to the city: connect, forward, connect again; what happens on one connection.

The rules of this file:

- What is sent, and what becomes of it: sending.py. The retained status: presence.py. Which broker:
  brokers.py.
- The back-off begins anew when readings or events were acknowledged, or the connection has held
  for a while: a broker that ends each connection soon is not asked four times a second.
- A connection that is left of our own will (leaving.py) is made anew at once. The city is told
  "offline" first: the next connection may not come.
- The watchdog's beat: before each attempt to connect, before each wait, and while connected at each
  look for which the sender has delivered since the last, or has no reason to: nothing is
  undelivered, something awaits its PUBACK (`PUBACK_SILENCE` ends that), a batch may still fill up,
  a refusal or a pause holds the sending back. So a sender that hangs is noticed.
- A command is acknowledged when what follows from it is on disk. Without a subscription readings go
  on. In a pause too.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final, TypeVar, cast

import msgspec
from aiomqtt import MqttError

from gateway.config import Mqtt
from gateway.northbound.backoff import Backoff
from gateway.northbound.broker import Broker, Unreachable
from gateway.northbound.brokers import Brokers
from gateway.northbound.certificate import SOON_DAYS
from gateway.northbound.client import Client, Refused
from gateway.northbound.connection import Lost
from gateway.northbound.formats.json import RadioState
from gateway.northbound.leaving import Leaving, Occasions
from gateway.northbound.messages import Messages
from gateway.northbound.names import PLAIN, Names
from gateway.northbound.needs import Buffer, Commands, Finished, as_they_are
from gateway.northbound.pause import Pause
from gateway.northbound.presence import Presence
from gateway.northbound.reasons import ELSEWHERE, PUBACK, SESSION_TAKEN_OVER, is_soon_over, named
from gateway.northbound.sending import Sender
from gateway.northbound.state import State
from gateway.northbound.tls import Certificates
from gateway.records import Moment
from native.rfc3339 import rfc3339

E = TypeVar("E", bound=MqttError)

STEADY_SECONDS: Final = 10.0  # a connection that has held so long is one


class Forwarder:
    """`dated` and `now` are the clock's; `floor` is a time that has certainly passed; `radio` says
    how the radio is and why; `told` gets what changed ("connected", "disconnected", "refused",
    "parked", "paused") and a sentence for people; `finished` decodes what is still undecoded;
    `names` says what devices are called.
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
        finished: Finished = as_they_are,
        floor: Callable[[], float] = lambda: 0.0,
        names: Names = PLAIN,
    ) -> None:
        self._eui, self._buffer, self._commands = eui, buffer, commands
        self._now, self._told = now, told
        self._messages = Messages(mqtt, eui, dated, now, names)
        self._certificates = Certificates(mqtt, lambda: now().at is not None, floor)
        self._brokers = Brokers(
            [
                Broker(mqtt, url, f"kogge-{eui}", self._certificates)
                for url in (mqtt.url, *mqtt.fallback_urls)
            ],
            random,
        )
        self._reconnect, self._pause = Backoff(random), Pause()
        self._state = State(now())
        self._presence = Presence(
            self._messages,
            self._state,
            radio=radio,
            backlog=lambda: buffer.backlog,
            paused=lambda: self._pause.seconds_left is not None,
            certificate_until=lambda: self._certificates.own_until,
            told=told,
        )
        self._sender = Sender(
            mqtt,
            buffer,
            commands,
            self._messages,
            self._state,
            now=now,
            random=random,
            told=told,
            went_through=self._went_through,
            finished=finished,
        )
        self._leaving = Occasions(self._certificates, self._brokers, self._sender)

    @property
    def state(self) -> State:
        """A snapshot."""
        return msgspec.structs.replace(
            self._state,
            in_flight=self._sender.in_flight,
            parked=self._buffer.parked,
            paused=self._pause.seconds_left,
            certificate_until=self._certificates.own_until,
            warnings=list(self._warnings()),
        )

    def pause(self, seconds: float) -> None:
        """Send no readings and no events for so long; they are received and stored."""
        self._pause.begin(seconds)
        self._told("paused", f"forwarding is paused for {seconds / 60:.0f} min")

    def resume(self) -> None:
        if self._pause.seconds_left is not None:
            self._pause.end()
            self._told("paused", "forwarding goes on")

    def change_pace(self) -> None:
        """The rates and the size of a batch have changed in `mqtt`."""
        self._sender.change_pace()

    def retry_parked(self) -> int:
        """How many are tried again now."""
        return self._buffer.retry_parked()

    async def run(self, beat: Callable[[], None]) -> None:
        """Connect, forward, connect again; ends only by cancellation."""
        task = asyncio.current_task()
        while True:
            wait = 0.0
            try:
                async with self._brokers.current.connected(self._presence.will(), beat) as client:
                    await self._session(client, beat)
            except* MqttError as group:
                wait = self._disconnected(_first(group))
            if task is not None and task.cancelling():
                # before Python 3.13 a TaskGroup drops a cancellation that meets an error
                raise asyncio.CancelledError
            beat()  # a slow resolver and the longest wait together would look like a hang
            await asyncio.sleep(wait)

    async def _session(self, client: Client, beat: Callable[[], None]) -> None:
        """All that happens on one connection; raises an ExceptionGroup of MqttErrors at its end,
        but for one that we have chosen.
        """
        self._connected()
        try:
            await self._do_all(client, beat)
        except* Leaving as group:
            await self._leave(client, _first(group))
        except* Lost as group:
            self._sender.give_back(_first(group).reason_code)
            raise
        finally:
            self._sender.give_back()

    async def _do_all(self, client: Client, beat: Callable[[], None]) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                announcing = self._presence.announce(client, self._look(beat))
                tasks.create_task(announcing, name="forward.status")
                tasks.create_task(self._listen(client), name="forward.commands")
                sending = tasks.create_task(self._send(client, tasks), name="forward.pauses")
                self._leaving.watch(tasks, sending)
                # in the body: a TaskGroup that fails while it is left miscounts cancellations
                await client.lost()
        except asyncio.CancelledError:
            self._changed(False, "stopped")
            await self._presence.say_goodbye(client)
            raise

    async def _send(self, client: Client, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._pause.over()
            sending = self._sender.send(client, self._brokers.current.protocol, tasks)
            task = tasks.create_task(sending, name="forward.send")
            try:
                await self._pause.begun()
            finally:
                task.cancel()
            await asyncio.wait({task})  # the buffer serves one at a time

    async def _leave(self, client: Client, leaving: Leaving) -> None:
        self._changed(False, str(leaving))
        self._told("disconnected", f"left {self._state.url}: {leaving}")
        await self._presence.say_goodbye(client)
        if leaving.for_first:
            self._brokers.return_to_first()

    def _look(self, beat: Callable[[], None]) -> Callable[[], None]:
        """What is done at each look at a connection that begins now."""
        loop = asyncio.get_running_loop()
        began, published = loop.time(), self._state.published

        def look() -> None:
            nonlocal published
            paused = self._pause.seconds_left is not None
            if self._state.published != published or paused or self._sender.may_rest:
                beat()
            published = self._state.published
            if loop.time() - began >= STEADY_SECONDS:
                self._went_through()

        return look

    def _went_through(self) -> None:
        self._reconnect.reset()
        self._brokers.worked()

    async def _listen(self, client: Client) -> None:
        topic = self._messages.topic("command/+")
        try:
            await client.listen(topic)
        except Refused as refusal:
            self._state.refuse(refusal.name)
            reason = named(refusal.name, refusal.reason_code, PUBACK)
            self._told(
                "refused",
                f"the broker refused the subscription to {topic}: {reason}. No command reaches "
                "this gateway",
            )
            return
        self._state.commands = True
        async for message in client.received():
            await self._commands.take(message)
            client.done_with(message)

    def _connected(self) -> None:
        broker = self._brokers.current
        self._changed(True, "")
        self._state.connections += 1
        self._state.protocol, self._state.url = broker.protocol, broker.url
        self._state.is_fallback = self._brokers.is_fallback
        self._told("connected", f"{broker.url}, MQTT {broker.protocol}")
        for warning in self._warnings():
            self._told("connected", warning)

    def _warnings(self) -> Iterator[str]:
        """What works, and should not stay as it is."""
        certificates = self._certificates
        if self._state.connected and self._state.is_fallback:
            yield f"this is a fallback: {self._brokers.first_url} does not answer"
        if certificates.problem:
            yield certificates.problem
        if self._state.connected and certificates.floor is not None:
            yield (
                "the clock is not set, so dates of certificates are not checked; the broker's own "
                f"had not expired on {rfc3339(certificates.floor)[:10]}"
            )

        at, until = self._now().at, certificates.own_until
        if at is not None and until is not None and until < at + SOON_DAYS * 86400:
            yield (
                f"this gateway's certificate is good until {rfc3339(until)[:10]}, and after that no"
                " reading reaches the city: put a new one into mqtt.cert_file"
            )

    def _disconnected(self, error: MqttError) -> float:
        """Note why; returns how long to wait. What repeats itself is told once."""
        code = error.reason_code if isinstance(error, Lost) else 0
        soon = error.soon if isinstance(error, Unreachable) else is_soon_over(code)
        reason = str(error)
        if code == SESSION_TAKEN_OVER:
            reason += f" ({self._eui})"
        if reason != self._state.reason:
            self._told("disconnected", reason)
        self._changed(False, reason)
        self._state.end(error.kind if isinstance(error, Unreachable | Lost) else "broke")
        is_elsewhere = isinstance(error, Unreachable) and error.elsewhere
        self._brokers.failed(is_elsewhere or code in ELSEWHERE)
        return self._reconnect.next(quick=soon)

    def _changed(self, connected: bool, reason: str) -> None:
        if connected != self._state.connected:
            self._state.since = self._now()
        self._state.connected, self._state.reason = connected, reason
        self._state.commands = False


def _first(group: BaseExceptionGroup[E]) -> E:
    """The error that ended the connection; the others of the group followed from it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return cast(E, error)
