"""The catalogue of devices: config/devices/*.toml, each a codec and its mapping to the vocabulary.

Rules of `Codec.decode`:

- No application payload (FPort none or 0) is an empty reading, not an error.
- It never raises on content: what cannot be decoded is an error in words (D5).
- A codec with channels (CayenneLPP) names every measurement with its channel, `temperature_3`, for
  it cannot know how many channels the device has in its other frames.
- What is not plausible, or nearer than the sensor can see (`blind_zone`), is there and has a flag.
- A `distance` becomes a `fill_level` too when the depth of its bin or shaft is known.

`script = "FILE.js"` in a device file is a codec in JavaScript. In an operator's own catalogue a
JavaScript file of which no device file speaks is a codec too, without a mapping.

A device file is read when one of its codecs is asked for: a daemon holds those that it uses. What
codecs a file has is its first `codecs = [...]` that begins a line.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway import config, files
from gateway.codecs import native_codecs, scripts, unmapped, vocabulary
from gateway.codecs.decentlab import DecentlabTable
from gateway.codecs.javascript import Script
from gateway.codecs.layouts import Decode, LayoutTable
from gateway.codecs.mapping import Row, Rows
from gateway.codecs.milesight import MilesightTable
from gateway.codecs.netvox import NetvoxTable
from gateway.codecs.vocabulary import Vocabulary
from gateway.errors import ConfigError, GatewayError
from gateway.records import Value

BLIND_ZONE = "blind_zone"
NO_REASON = "the codec says that it failed, and not why"


class UnknownCodecError(GatewayError):
    """No device file has this codec; `allowed` says what comes near."""

    def __init__(self, name: str, allowed: str) -> None:
        self.name, self.allowed = name, allowed
        super().__init__(f"there is no codec {name!r}; {allowed}")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Measurements by vocabulary name with their SenML units, or what went wrong, or both.

    `flags`: of which measurements there is doubt, and why.
    """

    measurements: dict[str, Value]
    units: dict[str, str]
    error: str | None = None
    flags: dict[str, str] = field(default_factory=dict)


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"class_": "class"}):
    """One file of config/devices: what the device is, what its codec is, what its fields mean.

    `blind_zone`: the sensor sees nothing that is nearer, metres.
    """

    vendor: str
    model: str
    codecs: Annotated[list[str], Meta(min_length=1)]
    lorawan: Literal["1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.1.0"]
    class_: Literal["A", "B", "C"]
    ports: list[Annotated[int, Meta(ge=1, le=223)]]
    interval_s: Annotated[int, Meta(ge=1)] | None = None
    measurement: list[Row] = []
    script: str | None = None
    channels: bool = False
    error_field: str | None = None
    blind_zone: Annotated[float, Meta(gt=0)] | None = None
    decentlab: DecentlabTable | None = None
    layout: LayoutTable | None = None
    milesight: MilesightTable | None = None
    netvox: NetvoxTable | None = None


class Codec:
    """A payload format together with what its fields mean.

    One with a `script` is JavaScript: gateway.codecs.javascript has its output, `measured` makes
    measurements of it. `output` and `decode` are the others'.
    """

    def __init__(
        self, name: str, device: Device, engine: Decode | Script, rows: Rows, words: Vocabulary
    ) -> None:
        self.name, self.device = name, device
        self.script = engine if isinstance(engine, Script) else None
        self._engine, self._rows, self._words = engine, rows, words

    @property
    def engine(self) -> str:
        return "native" if self.script is None else "javascript"

    def output(self, f_port: int | None, payload: bytes) -> dict[str, Any]:
        """The codec's own words, TS013's form: data, warnings, errors."""
        assert not isinstance(self._engine, Script)
        return self._engine(f_port or 0, payload)

    def decode(self, f_port: int | None, payload: bytes, depth: float | None = None) -> Decoded:
        """Measurements of one uplink; `depth` of the device's bin or shaft in metres."""
        if not f_port:
            return Decoded({}, {})
        return self.measured(self.output(f_port, payload), f_port, payload, depth)

    def measured(
        self, output: dict[str, Any], f_port: int, payload: bytes, depth: float | None = None
    ) -> Decoded:
        """What an output of this codec means."""
        data = output.get("data")
        measurements: dict[str, Value] = {}
        units: dict[str, str] = {}
        flags: dict[str, str] = {}
        if self.script is not None and (output.get("errors") or not isinstance(data, dict)):
            data = None
        if self._is_unmapped:
            unmapped.measure(data or {}, self._words, measurements, units)
            data = measurements  # nothing in it is one: it knows nothing
        else:
            for part, suffix in self._parts(data):
                self._rows.measure(part, measurements, units, flags, suffix)
        if self.device.blind_zone:
            _flag_blind(measurements, units, flags, self.device.blind_zone)
        if depth:
            _add_fill_levels(measurements, units, flags, depth)
        error = self._error(output, data, f_port, payload)
        return Decoded(measurements, units, error, flags)

    @property
    def _is_unmapped(self) -> bool:
        return self.script is not None and not self.device.measurement

    def _parts(self, data: Any) -> Iterator[tuple[dict[str, Any], str]]:
        """The data as a whole, or one part a channel with the channel's suffix."""
        if not self.device.channels:
            yield data or {}, ""
        elif isinstance(data, dict):
            for key, value in data.items():
                name, _, channel = key.rpartition("_")
                yield {name: value}, f"_{channel}"
        else:
            for entry in data or []:
                yield {entry["name"]: entry["value"]}, f"_{entry['channel']}"

    def _error(self, output: dict[str, Any], data: Any, f_port: int, payload: bytes) -> str | None:
        errors = output.get("errors")
        if errors:
            return "; ".join(str(error) for error in errors if error) or NO_REASON
        if not data:
            return f"{self.name} knows nothing of {len(payload)} bytes on FPort {f_port}"
        if self.device.error_field is not None and self.device.error_field in data:
            return str(data[self.device.error_field])
        return None


def _distances(measurements: dict[str, Value], units: dict[str, str]) -> list[tuple[str, float]]:
    return [
        (name, float(value))
        for name, value in measurements.items()
        if units.get(name) == "m" and re.fullmatch(r"distance(_\d+)?", name)
    ]


def _flag_blind(
    measurements: dict[str, Value], units: dict[str, str], flags: dict[str, str], blind_zone: float
) -> None:
    for name, distance in _distances(measurements, units):
        if distance < blind_zone:
            flags[name] = BLIND_ZONE


def _add_fill_levels(
    measurements: dict[str, Value], units: dict[str, str], flags: dict[str, str], depth: float
) -> None:
    """How full a bin of `depth` metres is, %, where a sensor in its lid measures a distance.

    What the device says of its level itself stays; doubt in the distance is doubt in the level.
    """
    for name, distance in _distances(measurements, units):
        level = "fill_level" + name.removeprefix("distance")
        if level in measurements:
            continue
        measurements[level] = round(min(max(1 - distance / depth, 0), 1) * 100, 1)
        units[level] = "/100"
        if name in flags:
            flags[level] = flags[name]


class Catalogue:
    """Every codec by its name; `files`: which device file has it."""

    def __init__(self, files: dict[str, Path], words: Vocabulary) -> None:
        self._files, self.vocabulary = files, words
        self._codecs: dict[str, Codec] = {}

    @classmethod
    def load(cls, directory: Path, own: Path | None = None) -> "Catalogue":
        """Read directory/vocabulary.toml, and the names of the codecs in directory/devices/*.toml
        and in the operator's `own` directory, if there is one; of one name the operator's counts.

        Raises ConfigError.
        """
        words = vocabulary.load(directory / "vocabulary.toml")
        found = _files_by_name(sorted((directory / "devices").glob("*.toml")))
        if own is not None:
            device_files = sorted(own.glob("**/*.toml"))
            found |= scripts.plain(own, device_files) | _files_by_name(device_files)
        return cls(found, words)

    def names(self) -> list[str]:
        return sorted(self._files)

    def codec(self, name: str) -> Codec:
        """The codec of that name; raises UnknownCodecError, ConfigError if its file is wrong."""
        if name not in self._codecs:
            for codec in self.read(self.file(name), name):
                self._codecs.setdefault(codec.name, codec)
        return self._codecs[name]

    def file(self, name: str) -> Path:
        """The file that has it; raises UnknownCodecError."""
        if name not in self._files:
            raise self._unknown(name)
        return self._files[name]

    def examples(self, name: str) -> Path | None:
        """Those of a script, beside it; None: there are none. Raises as `codec` does."""
        file, device = self.file(name), self.codec(name).device
        script = file.parent / device.script if device.script else file
        beside = script.with_suffix(".jsonl")
        return beside if beside.exists() else None

    def read(self, file: Path, name: str = "") -> list[Codec]:
        """The codecs of a device file or, called `name`, of a JavaScript file; raises ConfigError.

        It need not be in the catalogue.
        """
        if file.suffix == ".js":
            return [self.plain(name or file.stem, scripts.load(file))]
        return list(_codecs_of(file, self.vocabulary))

    def plain(self, name: str, script: Script) -> Codec:
        """A script of whose device nothing is known."""
        device = Device(vendor="", model=name, codecs=[name], lorawan="1.0.3", class_="A", ports=[])
        return Codec(name, device, script, Rows([], self.vocabulary, Path(name)), self.vocabulary)

    def _unknown(self, name: str) -> UnknownCodecError:
        return UnknownCodecError(name, self.near(name))

    def near(self, name: str) -> str:
        """What may be meant by a name that no codec has."""
        import difflib  # for mistakes alone: memory

        near = difflib.get_close_matches(name, self._files, 3)
        if near:
            return f"did you mean {' or '.join(near)}?"
        return "kogge codec list shows those that there are"


def _files_by_name(device_files: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in device_files:
        for name in _names_in(file):
            if name in found:
                raise ConfigError(file, "codecs", name, "another device file has it too")
            found[name] = file
    return found


_CODECS = re.compile(r"^codecs\s*=\s*\[([^]]*)]", re.MULTILINE)


def _names_in(file: Path) -> list[str]:
    """The names that a device file gives its codecs; all of the file is checked if it has none."""
    found = _CODECS.search(file.read_text(encoding="utf-8"))
    if found is None:
        return config.convert(files.read_toml(file), Device, file).codecs
    return re.findall(r"[\w./+-]+", found[1])


def _codecs_of(file: Path, words: Vocabulary) -> Iterator[Codec]:
    device = config.convert(files.read_toml(file), Device, file)
    rows = Rows(device.measurement, words, file)
    for name in device.codecs:
        yield Codec(name, device, _engine_of(name, device, file), rows, words)


def _engine_of(name: str, device: Device, file: Path) -> Decode | Script:
    """The file's script, the engine of its table, or the native function of that name."""
    tables = (device.decentlab, device.layout, device.milesight, device.netvox)
    given = [table for table in tables if table is not None]
    if device.script is not None:
        if given:
            raise ConfigError(file, "script", device.script, "stands beside a table; keep one")
        return scripts.load(file.parent / device.script)
    if not given:
        if name not in native_codecs.BY_NAME:
            known = ", ".join(sorted(native_codecs.BY_NAME))
            raise ConfigError(file, "codecs", name, f"is no native codec; known are {known}")
        return native_codecs.load(name)
    if len(given) > 1:
        raise ConfigError(file, "codecs", name, "has more than one table of its payload; keep one")
    try:
        return given[0].decode()
    except ValueError as error:
        raise ConfigError(file, "the payload's table", None, str(error)) from None
