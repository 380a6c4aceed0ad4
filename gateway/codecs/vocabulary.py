"""What a measurement is called, its unit, and what it can be: config/vocabulary.toml, typed."""

import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from gateway import config, files
from gateway.errors import ConfigError
from gateway.records import Value

Kind: TypeAlias = Literal["number", "integer", "boolean", "text"]


class Measurement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One name. `unit` is SenML's (RFC 8428, RFC 8798) or ""; `range` is what is plausible."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$")]
    kind: Kind
    de: str
    en: str
    unit: str = ""
    range: tuple[float, float] | None = None

    def plausible(self, value: Value) -> bool:
        """Whether a number is within the range, both ends included."""
        if self.range is None or isinstance(value, bool | str):
            return True
        return self.range[0] <= value <= self.range[1]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    measurement: list[Measurement]


Vocabulary: TypeAlias = dict[str, Measurement]


def load(file: Path) -> Vocabulary:
    """Read and check the vocabulary; raises ConfigError."""
    vocabulary: Vocabulary = {}
    for entry in config.convert(files.read_toml(file), _File, file).measurement:
        if entry.name in vocabulary:
            raise ConfigError(file, entry.name, None, "stands here twice; keep one")
        if entry.range is not None and entry.range[0] > entry.range[1]:
            raise ConfigError(file, f"{entry.name}.range", entry.range, "must rise")
        vocabulary[entry.name] = entry
    return vocabulary


def look_up(vocabulary: Vocabulary, name: str) -> Measurement | None:
    """The entry of `name`, or of what stands before its channel number: `temperature_3`."""
    return vocabulary.get(name) or vocabulary.get(re.sub(r"_\d+$", "", name))
