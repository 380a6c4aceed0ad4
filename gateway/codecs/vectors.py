"""Vectors: what a codec is to say of a payload, and what is otherwise in what it says.

One JSON object a line (*.jsonl), or a list of them (*.json): `vendor` and `codec`, or `codec`
alone, name the codec; `fPort` (0 where there is none), `bytes` (hex, or a list of numbers),
`recvTime`; `expected` is the output in TS013's form, for CayenneLPP the list of {channel, type,
name, value}.

Numbers are equal to 1e-9, with `"compare": "exact"` to the last digit. `errors` and `warnings` are
equal when both are empty or none is; where errors are expected, data is not looked at.
"""

import json
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from gateway import files
from gateway.errors import ConfigError
from gateway.one_line import one_line
from gateway.shapes import plainly

LARGEST: Final = 64 << 20  # bytes of a file
MOST_BYTES: Final = 1024  # of a payload; LoRaWAN has at most 242


_NAMES: Final = {"said_port": "fPort", "received": "recvTime", "octets": "bytes"}


class Vector(msgspec.Struct, frozen=True, rename=_NAMES):
    """One record; what else stands in it is left alone."""

    octets: str | Annotated[list[Annotated[int, Meta(ge=0, le=255)]], Meta(max_length=MOST_BYTES)]
    expected: dict[str, Any] | list[Any] | None = None
    codec: str = ""
    vendor: str | None = None
    id: str = ""
    description: str = ""
    compare: str = ""
    said_port: Annotated[int, Meta(ge=0, le=255)] | None = None
    received: datetime | None = None

    @property
    def name(self) -> str:
        """The catalogue's name of its codec."""
        return f"{self.vendor}/{self.codec}" if self.vendor else self.codec

    @property
    def f_port(self) -> int:
        return self.said_port or 0

    @property
    def payload(self) -> bytes:
        octets = self.octets
        return bytes.fromhex(octets) if isinstance(octets, str) else bytes(octets)

    @property
    def at(self) -> float | None:
        """Unix seconds; a time without zone is UTC."""
        if self.received is None:
            return None
        zone = self.received.tzinfo or UTC
        return self.received.replace(tzinfo=zone).timestamp()

    @property
    def output(self) -> dict[str, Any]:
        """What is expected, in TS013's form; {} where nothing is."""
        return {"data": self.expected} if isinstance(self.expected, list) else self.expected or {}


class Absent:
    """Stands for what is not there."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = Absent()


class Difference(NamedTuple):
    """`where` is a path: data.temperature, errors."""

    where: str
    expected: Any
    got: Any

    def told(self) -> dict[str, Any]:
        """As JSON; a side that has nothing is left out."""
        sides = {"expected": self.expected, "got": self.got}
        return {"field": self.where, **{k: v for k, v in sides.items() if v is not ABSENT}}

    def __str__(self) -> str:
        expected, got = _shown(self.expected), _shown(self.got)
        return one_line(f"{self.where}: expected {expected}, got {got}")


def read(file: Path) -> list[Vector]:
    """All records of a file; raises ConfigError, which says where it is wrong, PermissionError."""
    if file.is_file() and file.stat().st_size > LARGEST:
        raise ConfigError(file, "", None, f"is larger than {LARGEST >> 20} MiB")
    text = files.text_of(file)
    if text.lstrip().startswith("["):
        records = _json(text, file, "")
        return [_vector(record, file, f"[{n}]") for n, record in enumerate(records, 1)]
    return [
        _vector(_json(line, file, f"line {n}"), file, f"line {n}")
        for n, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]


def differences(vector: Vector, output: dict[str, Any]) -> list[Difference]:
    """What is otherwise in a codec's output; none: it is what the vector says."""
    expected = vector.output
    found = [
        Difference(key, expected.get(key) or [], output.get(key) or [])
        for key in ("errors", "warnings")
        if bool(expected.get(key)) != bool(output.get(key))
    ]
    if expected.get("errors"):
        return found
    wanted, got = (part.get("data", ABSENT) for part in (expected, output))
    return [*found, *_differing("data", wanted, got, vector.compare == "exact")]


def _differing(where: str, expected: Any, got: Any, exact: bool) -> Iterator[Difference]:
    parts: Iterable[tuple[str, Any, Any]]
    if isinstance(expected, dict) and isinstance(got, dict):
        keys = [*expected, *(key for key in got if key not in expected)]
        parts = ((f".{k}", expected.get(k, ABSENT), got.get(k, ABSENT)) for k in keys)
    elif isinstance(expected, list) and isinstance(got, list):
        longest = range(max(len(expected), len(got)))
        parts = ((f"[{n}]", _at(expected, n), _at(got, n)) for n in longest)
    else:
        if not _same(expected, got, exact):
            yield Difference(where, expected, got)
        return
    for key, one, other in parts:
        yield from _differing(where + key, one, other, exact)


def _same(expected: Any, got: Any, exact: bool) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float) and not exact:
        try:
            return math.isclose(expected, got, rel_tol=1e-9, abs_tol=1e-12)
        except OverflowError:  # an integer that no float can hold
            return expected == got
    return bool(expected == got)


def _at(values: list[Any], n: int) -> Any:
    return values[n] if n < len(values) else ABSENT


def _shown(value: Any) -> str:
    text = "nothing" if value is ABSENT else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _json(text: str, file: Path, place: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(file, place, None, f"is no JSON ({error})") from None


def _vector(record: Any, file: Path, place: str) -> Vector:
    """Raises ConfigError."""
    try:
        found = msgspec.convert(record, Vector)
        size = len(found.payload)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(file, place, None, f"is no vector: {plainly(error)}") from None
    if size > MOST_BYTES:
        raise ConfigError(file, place, None, f"has {size} bytes: more than {MOST_BYTES}")
    return found
