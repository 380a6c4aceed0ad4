"""Commands from the city: `{prefix}/{eui}/command/{down,replay,config,log_level}`, checked and
carried out.

Rules:

- A command returns from `take` when what follows from it is on disk; only then it is acknowledged.
  With the disk dead what would have to be kept is refused, and the broker has that first.
  So it may come twice. A `correlation` is a command's identity, of whatever kind it is: what comes
  again is the same, and changes nothing; it is acknowledged when its first copy is on disk.
- Strangers' bytes: whatever is wrong (command_forms.py) is counted, and said in an event with the
  reason. That of a `down` is a `downlink` event, if it names a device in the right form, else a
  `command` event.
- Answers are events, through the buffer. With an MQTT 5 response topic they are published there
  too (replies.py).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from gateway.air.decoding import NotEncoded
from gateway.air.downlinks import downlink_event
from gateway.errors import DiskFault
from gateway.lorawan.order import Order, Verdict
from gateway.northbound.client import Received
from gateway.northbound.command_forms import (
    Config,
    Correlation,
    Down,
    Eui,
    LogLevel,
    Refusal,
    Replay,
    said_in,
    text_of,
    typed,
)
from gateway.northbound.names import PLAIN, Names
from gateway.northbound.replies import Replies, Reply
from gateway.records import Event, Moment
from gateway.replay import WAITING, Command, answer

Once = TypeVar("Once", Down, Replay, Config, LogLevel)


class Encode(Protocol):
    """FPort and payload of a downlink given as an object; raises NotEncoded."""

    async def __call__(
        self, dev_eui: int, f_port: int, data: dict[str, Any]
    ) -> tuple[int, bytes]: ...


class Keep(Protocol):
    """Takes events, and commands to be remembered or replayed: on disk when it returns."""

    async def __call__(self, events: Sequence[Event], commands: Sequence[Command]) -> None: ...


class Replays(Protocol):
    """What is asked of gateway.store.replays: how many wait, and which commands are known."""

    def __len__(self) -> int: ...

    def knows(self, correlation: str) -> bool: ...


class Commands:
    """`order` takes a downlink: on disk when it returns. `devices` are DevEUIs, `listening` of
    class C; `largest` bytes fit a downlink at the best data rate. `archives`: there is something to
    replay. What `config` gives is told to whoever asks: without secrets. `set_log_level` takes a
    level and minutes; `names` says whom the city means.
    """

    def __init__(
        self,
        topic: str,
        *,
        order: Callable[[Order], Awaitable[None]],
        encode: Encode,
        keep: Keep,
        now: Callable[[], Moment],
        devices: Collection[int],
        listening: Collection[int],
        largest: int,
        replays: Replays,
        archives: bool,
        config: Callable[[], Mapping[str, Any]],
        set_log_level: Callable[[str, int], None],
        names: Names = PLAIN,
    ) -> None:
        self.topic = topic
        self._order, self._encode, self._keep, self._now = order, encode, keep, now
        self._devices, self._listening, self._largest = devices, listening, largest
        self._replays, self._archives, self._config = replays, archives, config
        self._set_log_level, self._names = set_log_level, names
        self._replies = Replies(topic.removesuffix("command"))
        self.counts: Counter[str] = Counter(taken=0, refused=0)

    async def take(self, message: Received) -> None:
        """Carry out one command; what is wrong with it becomes an event."""
        verb = message.topic.removeprefix(f"{self.topic}/")
        said: dict[str, Any] = {}
        try:
            said = said_in(message)
            correlation = text_of(Correlation, said.get("correlation"))
            if correlation is not None:
                self._replies.remember(message, correlation)
            await self._carry_out(verb, said)
        except (Refusal, DiskFault) as refusal:
            self.counts["refused"] += 1
            await self._keep([self._refused(verb, said, str(refusal))], [])
        else:
            self.counts["taken"] += 1

    def reply_to(self, event: Event) -> Reply | None:
        """Where this event is wanted too; after a final answer nothing more is."""
        return self._replies.to(event)

    async def _carry_out(self, verb: str, said: dict[str, Any]) -> None:
        match verb:
            case "down":
                await self._once(typed(said, Down), self._order_down)
            case "replay":
                await self._once(typed(said, Replay), self._replay)
            case "config":
                await self._once(typed(said, Config), self._tell_config)
            case "log_level":
                await self._once(typed(said, LogLevel), self._change_log_level)
            case _:
                raise Refusal("there is no such command: down, replay, config, log_level")

    async def _once(self, command: Once, carry_out: Callable[[Once], Awaitable[None]]) -> None:
        if self._replays.knows(command.correlation):
            await self._keep([], [])  # its first copy's commit may be under way
        else:
            await carry_out(command)

    async def _order_down(self, down: Down) -> None:
        await self._order(await self._down(down))

    async def _down(self, down: Down) -> Order:
        dev_eui = self._meant(down.device)
        if not 1 <= down.f_port <= 223:
            raise Refusal(f"f_port is {down.f_port}: applications have 1 to 223")
        if down.at is not None and dev_eui not in self._listening:
            raise Refusal('at is for devices with class = "C": others listen after their uplinks')
        f_port, payload = await self._f_port_and_payload(down, dev_eui)
        if len(payload) > self._largest:
            raise Refusal(f"{len(payload)} bytes: at no data rate fit more than {self._largest}")
        return Order(
            correlation=down.correlation,
            dev_eui=dev_eui,
            f_port=f_port,
            payload=payload,
            confirmed=down.confirmed,
            priority=down.priority,
            expires_at=_unix(down.expires_at),
            at=_unix(down.at),
        )

    def _meant(self, device: str) -> int:
        """The DevEUI of the device that the city calls so."""
        dev_eui = self._names.dev_eui(device)
        if dev_eui is None or dev_eui not in self._devices:
            raise Refusal("no device in devices.toml has this DevEUI, or this pseudonym")
        return dev_eui

    async def _f_port_and_payload(self, down: Down, dev_eui: int) -> tuple[int, bytes]:
        if isinstance(down.object, UnsetType):
            return down.f_port, down.bytes_of_payload()
        if down.payload is not UNSET:
            raise Refusal("give one of payload (base64) and object")
        try:
            return await self._encode(dev_eui, down.f_port, down.object)
        except NotEncoded as reason:
            raise Refusal(str(reason)) from None

    async def _replay(self, wanted: Replay) -> None:
        device = None if wanted.device is None else f"{self._meant(wanted.device):016x}"
        if wanted.begins >= wanted.ends:
            raise Refusal("from is not before to")
        if not self._archives:
            raise Refusal("this gateway keeps no archive: store.archive_days is 0")
        command = Command(wanted.correlation, "replay", done=False, span=wanted.span(device))
        if len(self._replays) < WAITING:
            await self._keep([], [command])
        else:
            reason = f"{WAITING} replays wait already"
            full = answer(self._now(), "replay", wanted.correlation, "QUEUE_FULL", reason, count=0)
            await self._keep([full], [replace(command, done=True)])

    async def _tell_config(self, wanted: Config) -> None:
        reason = "as it is in use, without secrets"
        told = answer(
            self._now(), "config", wanted.correlation, "OK", reason, devices=len(self._devices)
        )
        told = msgspec.structs.replace(told, tables={"config": dict(self._config())})
        await self._keep([told], [Command(wanted.correlation, "config")])

    async def _change_log_level(self, wanted: LogLevel) -> None:
        reason = f"{wanted.level} for {wanted.minutes} min"
        told = answer(self._now(), "log_level", wanted.correlation, "OK", reason)
        try:
            await self._keep([told], [Command(wanted.correlation, "log_level")])
        except asyncio.CancelledError:  # its commit may stand
            self._set_log_level(wanted.level, wanted.minutes)
            raise
        self._set_log_level(wanted.level, wanted.minutes)

    def _refused(self, verb: str, said: dict[str, Any], reason: str) -> Event:
        correlation = text_of(Correlation, said.get("correlation"))
        device = text_of(Eui, said.get("device"))
        dev_eui = None if device is None else self._names.dev_eui(device)
        if verb != "down" or dev_eui is None:
            return answer(self._now(), verb[:64], correlation, str(Verdict.REFUSED), reason)
        return downlink_event(
            self._now(),
            correlation=correlation,
            device=f"{dev_eui:016x}",
            status=Verdict.REFUSED,
            reason=reason,
        )


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
