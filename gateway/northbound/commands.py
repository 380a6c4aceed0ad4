"""Commands from the city: `{prefix}/{eui}/command/{down,replay,config,log_level}`, checked and
carried out.

Rules:

- A command returns from `take` when what follows from it is on disk; only then it is acknowledged.
  With the disk dead what would have to be kept is refused, and the broker has that first.
  So it may come twice. A `correlation` is a command's identity, of whatever kind it is: what comes
  again is the same, and changes nothing; it is acknowledged when its first copy is on disk.
- Strangers' bytes: whatever is wrong is counted, and said in an event with the reason. That of a
  `down` is a `downlink` event, if it names a device in the right form, else a `command` event.
- Nothing is guessed: unknown keys are refused, a wrong type is not converted.
- Answers are events, through the buffer. With an MQTT 5 response topic they are published there
  too: best effort, from memory, forgotten at a restart. A topic of our own is none.
"""

import asyncio
from base64 import b64decode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.air.decoding import NotEncoded
from gateway.air.downlinks import downlink_event
from gateway.errors import DiskFault
from gateway.lorawan.order import Order, Verdict
from gateway.northbound.client import Received
from gateway.northbound.names import PLAIN, Names
from gateway.records import Event, Moment
from gateway.replay import WAITING, Command, Span, answer

LARGEST: Final = 16 * 1024  # bytes of a command
LONGEST_REPLY: Final = 1024  # bytes of a response topic, and of correlation data
REPLIES: Final = 1000
NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Correlation = Annotated[str, Meta(min_length=1, max_length=128)]
Eui = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Text = TypeVar("Text", bound=msgspec.Struct)
Once = TypeVar("Once", "_Down", "_Replay", "_Config", "_LogLevel")


class _Down(msgspec.Struct, forbid_unknown_fields=True):
    correlation: Correlation
    device: Eui
    f_port: int
    payload: str | UnsetType = UNSET
    object: dict[str, Any] | UnsetType = UNSET
    confirmed: bool = False
    priority: Annotated[int, Meta(ge=0, le=255)] = 0
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None


class _Replay(msgspec.Struct, forbid_unknown_fields=True):
    correlation: Correlation
    begins: Annotated[datetime, Meta(tz=True)] = msgspec.field(name="from")
    ends: Annotated[datetime, Meta(tz=True)] = msgspec.field(name="to")
    device: Eui | None = None


class _Config(msgspec.Struct, forbid_unknown_fields=True):
    correlation: Correlation


class _LogLevel(msgspec.Struct, forbid_unknown_fields=True):
    correlation: Correlation
    level: Literal["debug", "info", "warning", "error"]
    minutes: Annotated[int, Meta(ge=1, le=1440)] = 10


class Refusal(Exception):
    """A command that is not carried out, and why."""


class Reply(NamedTuple):
    """Where an answer goes beside the events."""

    topic: str
    correlation_data: bytes


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
        self._replies: dict[str, Reply] = {}
        self.counts: Counter[str] = Counter(taken=0, refused=0)

    async def take(self, message: Received) -> None:
        """Carry out one command; what is wrong with it becomes an event."""
        verb = message.topic.removeprefix(f"{self.topic}/")
        said: dict[str, Any] = {}
        try:
            said = _said(message)
            self._remember(message, _as(Correlation, said.get("correlation")))
            await self._carry_out(verb, said)
        except (Refusal, DiskFault) as refusal:
            self.counts["refused"] += 1
            await self._keep([self._refused(verb, said, str(refusal))], [])
        else:
            self.counts["taken"] += 1

    def reply_to(self, event: Event) -> Reply | None:
        """Where this event is wanted too; after a final answer nothing more is."""
        correlation = event.detail.get("correlation")
        if not isinstance(correlation, str):
            return None
        if event.detail.get("final", True):
            return self._replies.pop(correlation, None)
        return self._replies.get(correlation)

    async def _carry_out(self, verb: str, said: dict[str, Any]) -> None:
        match verb:
            case "down":
                await self._once(_typed(said, _Down), self._order_down)
            case "replay":
                await self._once(_typed(said, _Replay), self._replay)
            case "config":
                await self._once(_typed(said, _Config), self._tell_config)
            case "log_level":
                await self._once(_typed(said, _LogLevel), self._change_log_level)
            case _:
                raise Refusal("there is no such command: down, replay, config, log_level")

    async def _once(self, command: Once, carry_out: Callable[[Once], Awaitable[None]]) -> None:
        if self._replays.knows(command.correlation):
            await self._keep([], [])  # its first copy's commit may be under way
        else:
            await carry_out(command)

    async def _order_down(self, down: _Down) -> None:
        await self._order(await self._down(down))

    async def _down(self, down: _Down) -> Order:
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

    async def _f_port_and_payload(self, down: _Down, dev_eui: int) -> tuple[int, bytes]:
        if isinstance(down.object, UnsetType):
            return down.f_port, _payload(down)
        if down.payload is not UNSET:
            raise Refusal("give one of payload (base64) and object")
        try:
            return await self._encode(dev_eui, down.f_port, down.object)
        except NotEncoded as reason:
            raise Refusal(str(reason)) from None

    async def _replay(self, wanted: _Replay) -> None:
        device = None if wanted.device is None else f"{self._meant(wanted.device):016x}"
        if wanted.begins >= wanted.ends:
            raise Refusal("from is not before to")
        if not self._archives:
            raise Refusal("this gateway keeps no archive: store.archive_days is 0")
        command = Command(wanted.correlation, "replay", done=False, span=_span(wanted, device))
        if len(self._replays) < WAITING:
            await self._keep([], [command])
        else:
            reason = f"{WAITING} replays wait already"
            full = answer(self._now(), "replay", wanted.correlation, "QUEUE_FULL", reason, count=0)
            await self._keep([full], [replace(command, done=True)])

    async def _tell_config(self, wanted: _Config) -> None:
        reason = "as it is in use, without secrets"
        told = answer(
            self._now(), "config", wanted.correlation, "OK", reason, devices=len(self._devices)
        )
        told = msgspec.structs.replace(told, tables={"config": dict(self._config())})
        await self._keep([told], [Command(wanted.correlation, "config")])

    async def _change_log_level(self, wanted: _LogLevel) -> None:
        reason = f"{wanted.level} for {wanted.minutes} minutes"
        told = answer(self._now(), "log_level", wanted.correlation, "OK", reason)
        try:
            await self._keep([told], [Command(wanted.correlation, "log_level")])
        except asyncio.CancelledError:  # its commit may stand
            self._set_log_level(wanted.level, wanted.minutes)
            raise
        self._set_log_level(wanted.level, wanted.minutes)

    def _refused(self, verb: str, said: dict[str, Any], reason: str) -> Event:
        correlation = _as(Correlation, said.get("correlation"))
        device = _as(Eui, said.get("device"))
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

    def _remember(self, message: Received, correlation: str | None) -> None:
        reply = Reply(message.response_topic, message.correlation_data)
        if correlation is None or not self._is_usable(reply):
            return
        self._replies[correlation] = reply
        if len(self._replies) > REPLIES:
            del self._replies[next(iter(self._replies))]

    def _is_usable(self, reply: Reply) -> bool:
        ours = self.topic.removesuffix("command")
        short = max(len(reply.topic), len(reply.correlation_data)) <= LONGEST_REPLY
        is_topic = bool(reply.topic) and not set(reply.topic) & set("+#\0")
        return short and is_topic and not reply.topic.startswith(ours)


def _said(message: Received) -> dict[str, Any]:
    """The command's JSON object. Raises Refusal."""
    if message.retained:
        raise Refusal("it is a retained message, which would come again and again: not carried out")
    if len(message.payload) > LARGEST:
        raise Refusal(f"{len(message.payload)} bytes: a command has at most {LARGEST}")
    try:
        return msgspec.json.decode(message.payload, type=dict[str, Any])
    except NOT_JSON as error:
        raise Refusal(f"it is not a JSON object: {error}") from None


def _typed(said: dict[str, Any], shape: type[Text]) -> Text:
    try:
        return msgspec.convert(said, shape)
    except msgspec.ValidationError as error:
        raise Refusal(str(error)) from None


def _as(shape: Any, value: object) -> str | None:
    """The value if it has this form."""
    try:
        found: str = msgspec.convert(value, shape)
    except msgspec.ValidationError:
        return None
    return found


def _span(wanted: _Replay, device: str | None) -> Span:
    return Span(wanted.begins.timestamp(), wanted.ends.timestamp(), device)


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _payload(down: _Down) -> bytes:
    if isinstance(down.payload, UnsetType):
        raise Refusal("give one of payload (base64) and object")
    try:
        return b64decode(down.payload, validate=True)
    except (NotBase64, ValueError) as error:
        raise Refusal(f"payload is not base64: {error}") from None
