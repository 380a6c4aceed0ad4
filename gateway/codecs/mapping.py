"""From a codec's own fields to the vocabulary: the rows [[measurement]] of config/devices/*.toml.

A row takes the first of its fields that is there and makes it the kind that the vocabulary says:
number and integer are scaled and shifted, text such as "2000 mm" is read as a number of its
declared unit, boolean is the value's truth, its being one of `true_if` or its text having
`contains` in it. What does not fit is left out.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta

from gateway.codecs.vocabulary import Kind, Measurement, Vocabulary, look_up
from gateway.errors import ConfigError
from gateway.records import Value

OUT_OF_RANGE = "out_of_range"
LARGEST = 2.0**63  # an integer beyond stays a float
DECIMALS = 6  # no city sensor resolves more, and 0.1 + 0.2 shall read 0.3


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` of the vocabulary from `field` of the codec: value × scale + offset."""

    name: str
    field: str | Annotated[list[str], Meta(min_length=1)]
    scale: float = 1.0
    offset: float = 0.0
    text_unit: str | None = None
    true_if: list[str | int] | None = None
    contains: str = ""


Read: TypeAlias = Callable[[Any], Value | None]


class Rows:
    """The rows of one device, ready to be used."""

    def __init__(self, rows: Iterable[Row], vocabulary: Vocabulary, file: Path) -> None:
        self._rows: list[tuple[Measurement, str, list[tuple[str, list[str]]], Read]] = []
        for row in rows:
            entry = look_up(vocabulary, row.name)
            if entry is None:
                raise ConfigError(
                    file, f"measurement {row.name}", None, "is no name of vocabulary.toml"
                )
            fields = [row.field] if isinstance(row.field, str) else row.field
            paths = [(head, rest) for head, *rest in (field.split(".") for field in fields)]
            self._rows.append((entry, row.name, paths, _reader(row, entry.kind)))

    def measure(
        self,
        data: dict[str, Any],
        measurements: dict[str, Value],
        units: dict[str, str],
        flags: dict[str, str],
        suffix: str = "",
    ) -> None:
        """Add what the rows find in `data`; what is not plausible is there and has a flag."""
        for entry, name, paths, read in self._rows:
            for head, rest in paths:
                found = data.get(head)
                if rest:
                    found = _within(found, rest)
                if found is not None:
                    value = read(found)
                    if value is not None:
                        measurements[name + suffix] = value
                        if entry.unit:
                            units[name + suffix] = entry.unit
                        if not entry.plausible(value):
                            flags[name + suffix] = OUT_OF_RANGE
                    break


def _within(data: Any, path: list[str]) -> Any:
    for key in path:
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def _reader(row: Row, kind: Kind) -> Read:
    """How a field's value becomes the measurement's, None if it is not of that kind."""
    if kind == "text":
        return lambda value: value if isinstance(value, str) else None
    if kind == "boolean":
        true_if = row.true_if
        if row.contains:
            return lambda value: row.contains in str(value)
        if true_if is not None:
            return lambda value: value in true_if
        return lambda value: bool(value) if isinstance(value, bool | int | float) else None
    whole = kind == "integer"

    def number(value: Any) -> float | int | None:
        if row.text_unit is not None and isinstance(value, str):
            value = _number_of(value, row.text_unit)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            result = value * row.scale + row.offset
        except OverflowError:  # an integer that no float can hold
            return None
        if not math.isfinite(result):
            return None
        return round(result) if whole and abs(result) < LARGEST else round(result, DECIMALS)

    return number


def _number_of(text: str, unit: str) -> float | None:
    """ "2000 mm" in "mm" is 2000; None if the text is no number of that unit."""
    if not text.endswith(unit):
        return None
    try:
        return float(text[: len(text) - len(unit)])
    except ValueError:
        return None
