"""`format = "json"`: the messages of docs/mqtt.md; their schemas stand in config/schema.

Every moment is dated when the message is made, so that readings from before the clock was set
carry the time that was learnt since (docs/architecture.md §5).
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from gateway import VERSION
from gateway.records import Event, Moment, Radio, Reading, Record, Value
from native.rfc3339 import rfc3339

Dated = Callable[[Moment], Moment]

_encode = msgspec.json.Encoder().encode


class _Reading(msgspec.Struct, gc=False):
    """A reading on the wire; the order of the fields is the order in the message."""

    id: str
    device: str
    session: str
    name: str
    received_at: str | None
    time_quality: str
    boot_id: str
    monotonic_s: float
    f_port: int | None
    f_cnt: int
    confirmed: bool
    measurements: dict[str, Value]
    units: dict[str, str]
    flags: dict[str, str] | UnsetType
    payload: str | UnsetType
    error: str | UnsetType
    radio: Radio
    historical: bool


class _Readings(msgspec.Struct):
    v: int
    gateway: str
    batch: int
    readings: list[_Reading]


class RadioState(msgspec.Struct, frozen=True):
    """How the radio is and why; how often it was started anew, and the last reason for that."""

    state: str
    reason: str
    restarts: int = 0
    last_reason: str = ""


class _Status(msgspec.Struct):
    v: int
    gateway: str
    state: Literal["online", "offline"]
    since: str | None
    version: str
    backlog: int
    radio: RadioState
    paused: bool
    certificate_until: str | UnsetType


def readings(
    gateway: str, batch: int, records: Iterable[Reading], historical: bool, dated: Dated
) -> bytes:
    """The message for `{prefix}/{gateway}/readings`."""
    wire = [_reading(record, historical, dated(record.moment)) for record in records]
    return _encode(_Readings(1, gateway, batch, wire))


def _reading(reading: Reading, historical: bool, moment: Moment) -> _Reading:
    return _Reading(
        reading.id,
        reading.device,
        reading.session,
        reading.name,
        _time(moment),
        moment.time_quality,
        moment.boot_id,
        moment.monotonic_s,
        reading.f_port,
        reading.f_cnt,
        reading.confirmed,
        reading.measurements,
        reading.units,
        UNSET if reading.flags is None else reading.flags,
        UNSET if reading.payload is None else reading.payload,
        UNSET if reading.error is None else reading.error,
        reading.radio,
        historical,
    )


def events(gateway: str, records: Iterable[Event], dated: Dated) -> bytes:
    """The message for `{prefix}/{gateway}/events`."""
    wire = [_event(event, dated(event.moment)) for event in records]
    return _encode({"v": 1, "gateway": gateway, "events": wire})


def _event(event: Event, moment: Moment) -> dict[str, Any]:
    head = {"id": event.id, "type": event.type, "at": _time(moment)}
    return {**head, **event.detail, **(event.tables or {})}


def alone(record: Record, moment: Moment) -> object:
    """A record as its message has it, for one who reads the buffer; `moment` is when it was."""
    if isinstance(record, Event):
        return _event(record, moment)
    return _reading(record, True, moment)


def status(
    gateway: str,
    state: Literal["online", "offline"],
    since: Moment | None,
    backlog: int,
    radio: RadioState,
    paused: bool,
    certificate_until: float | None = None,
) -> bytes:
    """The retained message for `{prefix}/{gateway}/status`.

    `since` is None in the last will: only the broker will know when it was. `certificate_until` is
    left out where there is none.
    """
    at = None if since is None else _time(since)
    until = UNSET if certificate_until is None else rfc3339(certificate_until)
    return _encode(_Status(1, gateway, state, at, VERSION, backlog, radio, paused, until))


def _time(moment: Moment) -> str | None:
    return None if moment.at is None else rfc3339(moment.at)
