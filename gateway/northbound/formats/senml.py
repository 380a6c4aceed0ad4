"""`format = "senml+json"` and `"senml+cbor"`: readings as a SenML pack (RFC 8428).

The rules of this file:

- A name is a DEV URN of RFC 9039: `urn:dev:mac:` + DevEUI + `_` + what was measured. A base name or
  base time stands where it changes; both hold for the records that follow.
- Each reading begins with its record `uplink`: `session/f_cnt`. Device, session and f_cnt are what
  its id is the hash of (docs/architecture.md, D2), so its name and value name a reading as the id
  does. The id itself is not sent: its 16 bytes are random, and more than all else of a reading.
- A time is absolute where it is trusted. Where it is not, but the reading is of this boot, it is
  relative to the moment of sending (RFC 8428 §4.5.3). Else there is none; as that alone would mean
  "now", the labels `boot` and `monotonic` stand in each of the reading's records. A reader ignores
  labels that it does not know (RFC 8428 §4.4).
- A value that is not to be believed has the label `flag`: `out_of_range`, `blind_zone`.
- A measurement that is called as one of the pack's own records (OWN) has a `_` behind its name: a
  codec without a mapping may call its fields `error` or `payload`.
- No number is NaN or infinite: SenML has no such values.
"""

import math
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeAlias

import msgspec

from gateway.records import Moment, Reading, Value

Record: TypeAlias = dict[str, Any]

OWN: Final = frozenset({"batch", "historical", "uplink", "name", "error", "payload"})

# RFC 8428 §12.2: the labels of its records in CBOR; all others are text there too
LABELS: Final = {"bn": -2, "bt": -3, "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "vd": 8}
ABSOLUTE: Final = 2**28  # times below are relative (RFC 8428 §4.5.3)
_FRACTIONS: Final = 1024  # of a second: finer than its milliseconds, and a short mantissa

_encode_json = msgspec.json.Encoder().encode


def to_json(pack: list[Record]) -> bytes:
    """application/senml+json; data values in base64url (RFC 8428 §5)."""
    return _encode_json([_with_text(record) for record in pack])


def to_cbor(pack: list[Record]) -> bytes:
    """application/senml+cbor, with RFC 8428 §6's integers for labels."""
    from cbor2 import dumps  # only who wants it pays for it

    return dumps([_with_numbers(record) for record in pack])


def _with_numbers(record: Record) -> dict[int | str, Any]:
    if "bt" in record:
        record = record | {"bt": round(record["bt"] * _FRACTIONS) / _FRACTIONS}
    return {LABELS.get(key, key): value for key, value in record.items()}


def _with_text(record: Record) -> Record:
    if "vd" not in record:
        return record
    return record | {"vd": urlsafe_b64encode(record["vd"]).decode().rstrip("=")}


def pack(
    gateway: str,
    batch: int,
    readings: Iterable[Reading],
    historical: bool,
    dated: Callable[[Moment], Moment],
    now: Moment,
) -> list[Record]:
    """The records of a message: the gateway's own, then those of each reading in their order."""
    records = list(_of_message(gateway, batch, historical))
    base_name, base_time = _base_name(gateway), 0.0
    named: set[str] = set()
    for reading in readings:
        moment = dated(reading.moment)
        time = _time(moment, now)
        own = list(_of_reading(reading, reading.device not in named))
        named.add(reading.device)
        if time is None:
            unknown = {"boot": moment.boot_id, "monotonic": moment.monotonic_s}
            own = [record | unknown for record in own]
        if base_time != (time or 0.0):
            base_time = time or 0.0
            own[0] = {"bt": base_time} | own[0]
        if base_name != _base_name(reading.device):
            base_name = _base_name(reading.device)
            own[0] = {"bn": base_name} | own[0]
        records += own
    return records


def _of_message(gateway: str, batch: int, historical: bool) -> Iterator[Record]:
    yield {"bn": _base_name(gateway), "n": "batch", "v": batch}
    if historical:
        yield {"n": "historical", "vb": True}


def _of_reading(reading: Reading, introduce: bool) -> Iterator[Record]:
    yield {"n": "uplink", "vs": f"{reading.session}/{reading.f_cnt}"}
    if introduce:
        yield {"n": "name", "vs": reading.name}
    for name, value in reading.measurements.items():
        if not isinstance(value, float) or math.isfinite(value):
            unit, flag = reading.units.get(name), (reading.flags or {}).get(name)
            marks = ({"u": unit} if unit else {}) | ({"flag": flag} if flag else {})
            yield {"n": f"{name}_" if name in OWN else name} | marks | _value(value)
    if reading.error is not None:
        yield {"n": "error", "vs": reading.error}
    if reading.payload is not None:
        yield {"n": "payload", "vd": bytes.fromhex(reading.payload)}


def _value(value: Value) -> Record:
    if isinstance(value, bool):
        return {"vb": value}
    return {"vs": value} if isinstance(value, str) else {"v": value}


def _base_name(eui: str) -> str:
    return f"urn:dev:mac:{eui}_"


def _time(moment: Moment, now: Moment) -> float | None:
    """SenML's: Unix seconds, or seconds from now (never positive); None where it is unknown."""
    if moment.at is not None and moment.at >= ABSOLUTE:
        return round(moment.at, 3)
    if moment.boot_id == now.boot_id:
        return min(0.0, round(moment.monotonic_s - now.monotonic_s, 3))
    return None
