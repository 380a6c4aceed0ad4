"""Payloads as data: the table [layout] of a device file, and the fields that other tables have too.

[layout] has frames of a fixed form, told apart by FPort, length and bits; the first that fits
counts. How a field becomes a value: native/layout.pyx, which is loaded for devices that have such a
table. ValueError where a table cannot be.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from native.layout import Field, Frame

Decode: TypeAlias = Callable[[int, bytes], dict[str, Any]]
Byte: TypeAlias = Annotated[int, Meta(ge=0, le=255)]
Words: TypeAlias = dict[str, str | int | bool]

_HALVES = {-95: "UTC-9:30", -35: "UTC-3:30", 57: "UTC+5:45", 127: "UTC+12:45"} | {
    10 * hour + 5: f"UTC+{hour}:30" for hour in (3, 4, 5, 6, 9, 10)
}
_ZONES = {10 * hour: f"UTC{hour:+d}" if hour else "UTC" for hour in range(-12, 15)} | _HALVES

SHARED: dict[str, Words] = {
    "enable": {"0": "disable", "1": "enable"},
    "yes": {"0": "no", "1": "yes"},
    "condition": {"0": "disable", "1": "below", "2": "above", "3": "between", "4": "outside"},
    "release": {"0": "threshold_alarm_release", "1": "threshold_alarm"},
    "time_zone": {str(tenths): name for tenths, name in _ZONES.items()},  # of an hour
}
"""Words that many tables use, by the name that `words` may give instead of them."""


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"value": "is"}):
    """The byte at `at`, of it the bits `mask`, is `value`."""

    at: Byte
    value: Byte
    mask: Byte = 255


class FieldTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"size": "bytes"}):
    """One field: keys as native.layout.Field takes them; `order` is of its bytes."""

    name: str = ""
    at: Byte = 0
    size: Annotated[int, Meta(ge=1, le=8)] = 1
    order: Literal["", "big", "little"] = ""
    signed: bool = False
    floating: bool = False
    shift: int = 0
    mask: int = 0
    add: float = 0
    multiply: float = 1
    divide: float = 1
    most: float | None = None
    wraps: int = 0
    words: Words | str | None = None
    otherwise: str | int | bool | None = None
    instead: Words | None = None
    constant: str | int | bool | None = None
    source: Literal["", "port", "length", "bytes"] = ""
    fixed: int = -1
    digits: int = 0
    decimals: int = -1
    prefix: str = ""
    suffix: str = ""
    parts: list["FieldTable"] | None = None
    join: str = ""
    base: int = 0
    fields: list["FieldTable"] | None = None
    when: list[Condition] | None = None

    def field(self, order: str) -> "Field":
        from native.layout import Field

        keys = {name: getattr(self, name) for name in _SAME if getattr(self, name) is not None}
        return Field(
            self.name,
            little=(self.order or order) == "little",
            words=_numbered(self.words),
            instead=_numbered(self.instead),
            when=_conditions(self.when),
            parts=None if self.parts is None else fields_of(self.parts, order),
            fields=None if self.fields is None else fields_of(self.fields, order),
            **keys,
        )


_SAME = (
    *("at", "size", "signed", "floating", "shift", "mask", "add", "multiply", "divide", "most"),
    *("wraps", "otherwise", "constant", "source", "fixed", "digits", "decimals"),
    *("prefix", "suffix", "join", "base"),
)


def _numbered(words: Words | str | None) -> dict[int, str | int | bool] | None:
    """TOML's keys are texts: "3", "0x1f"."""
    if isinstance(words, str):
        if words not in SHARED:
            raise ValueError(f"there are no words {words!r}; known are {', '.join(SHARED)}")
        words = SHARED[words]
    return None if words is None else {int(number, 0): word for number, word in words.items()}


def _conditions(conditions: list[Condition] | None) -> list[tuple[int, int, int]] | None:
    return [(one.at, one.mask, one.value) for one in conditions] if conditions else None


def fields_of(tables: Iterable[FieldTable], order: str) -> "list[Field]":
    return [table.field(order) for table in tables]


class FrameTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One form of payload: `length` bytes, or `at_least` so many; `error` instead of fields."""

    ports: list[int] | None = None
    length: Annotated[int, Meta(ge=1)] | None = None
    at_least: Annotated[int, Meta(ge=0)] = 0
    when: list[Condition] | None = None
    fields: list[FieldTable] = []
    error: str | None = None

    def frame(self, order: str) -> "Frame":
        from native.layout import Frame

        length = -self.at_least if self.length is None else self.length
        fields = fields_of(self.fields, order)
        return Frame(self.ports, length, _conditions(self.when), fields, self.error)


class LayoutTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    frame: list[FrameTable]
    order: Literal["big", "little"] = "big"

    def decode(self) -> Decode:
        from native.layout import Layout

        return Layout([frame.frame(self.order) for frame in self.frame]).decode
