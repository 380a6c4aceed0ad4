"""The operator's own directory of codecs: what is put into it, and taken out of it.

- A codec's name is its place, so it is one or two plain words: `level`, `acme/level`. Names come
  from files of strangers; none leads out of the directory.
- `put` expects what was checked. Every file is whole at any moment: written beside its place, then
  renamed. A device file comes last and goes first, for it speaks of the others.
- A codec has up to three files: script (.js), its examples (.jsonl beside it), device file (.toml).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.codecs import scripts
from gateway.codecs.catalogue import Catalogue, Codec, UnknownCodecError
from gateway.errors import GatewayError
from gateway.whole_file import replacing

LONGEST: Final = 1 << 20  # bytes of a device file, or of examples
_WORD: Final = r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}"


class Refused(GatewayError):
    """Why a codec is not put into the directory, or not taken out of it."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of one codec are, or go."""

    script: Path | None
    device: Path | None

    @property
    def examples(self) -> Path | None:
        return self.script.with_suffix(".jsonl") if self.script else None

    @property
    def all(self) -> list[Path]:
        """The device file first."""
        return [file for file in (self.device, self.script, self.examples) if file is not None]


def checked_name(name: str) -> str:
    """Raises Refused."""
    if not re.fullmatch(f"{_WORD}(/{_WORD})?", name) or ".." in name:
        raise Refused(
            f"{name[:80]!r} is no name of a codec: write vendor/model, of letters, digits and ._+-"
        )
    return name


class Own:
    """`directory` need not be there yet. Raises ConfigError where a file in it is wrong."""

    def __init__(self, directory: Path, shipped: Path) -> None:
        self.directory = directory
        self.catalogue = Catalogue.load(shipped, directory)
        self._shipped = Catalogue.load(shipped)

    def has(self, name: str) -> bool:
        return name in self.catalogue.names() and self.catalogue.file(name).is_relative_to(
            self.directory
        )

    def is_shipped(self, name: str) -> bool:
        return name in self._shipped.names()

    def places(self, name: str) -> Places:
        """Where it is. Raises Refused if it is not in the directory."""
        if not self.has(name):
            if self.is_shipped(name):
                raise Refused(f"{name} is a codec of Kogge's own: it is not in {self.directory}")
            raise UnknownCodecError(name, f"kogge codec list shows those in {self.directory}")
        file = self.catalogue.file(name)
        if file.suffix == ".js":
            return Places(file, None)
        script = self.catalogue.codec(name).device.script
        return Places(file.parent / script if script else None, file)

    def places_for_script(self, name: str) -> Places:
        """Where FILE.js goes that is to be the codec `name`: what maps it stays. Raises Refused."""
        if not self.has(checked_name(name)):
            return Places(self.directory / f"{name}.js", None)
        places = self.places(name)
        if places.script is None:
            raise Refused(
                f"{name} is no JavaScript in {places.device}: add a device file with a script"
            )
        return Places(places.script, None)

    def places_for_device(self, codecs: list[Codec]) -> Places:
        """Where FILE.toml, which has these codecs, goes with its script. Raises Refused."""
        names = [checked_name(codec.name) for codec in codecs]
        device = self.directory / f"{names[0]}.toml"
        if self.has(names[0]) and self.catalogue.file(names[0]).suffix == ".toml":
            device = self.catalogue.file(names[0])
        named = codecs[0].device.script
        script = device.parent / checked_script(named) if named else None
        for name in names:
            if self.has(name) and self.catalogue.file(name) not in (device, script):
                raise Refused(f"{self.catalogue.file(name)} has {name} too: remove it first")
        return Places(script, device)

    def put(self, places: Places, script: str, examples: str, device: str) -> None:
        """Write them; empty examples take old ones away. Raises PermissionError, Refused."""
        texts = {places.examples: examples, places.script: script, places.device: device}
        try:
            for file, text in texts.items():
                if file is not None and text:
                    _write(file, text.encode())
            if places.examples is not None and not examples:
                places.examples.unlink(missing_ok=True)
        except OSError as error:
            raise _explained(error, self.directory) from None

    def names_in(self, places: Places) -> list[str]:
        """All codecs that go with these files."""
        file = places.device or places.script
        return [name for name in self.catalogue.names() if self.catalogue.file(name) == file]

    def take_out(self, places: Places) -> list[Path]:
        """Delete its files, but a script of which another device file speaks; those deleted."""
        gone = [file for file in places.all if file.exists() and not self._is_shared(file, places)]
        try:
            for file in gone:
                file.unlink()
            for directory in {file.parent for file in gone} - {self.directory}:
                if not any(directory.iterdir()):
                    directory.rmdir()
        except OSError as error:
            raise _explained(error, self.directory) from None
        return gone

    def _is_shared(self, file: Path, places: Places) -> bool:
        others = (one for one in self.directory.glob("**/*.toml") if one != places.device)
        return file.with_suffix(".js") in scripts.spoken_of(others)


def checked_script(name: str) -> str:
    """A device file's script lies beside it. Raises Refused."""
    if not re.fullmatch(_WORD, name) or not name.endswith(".js"):
        raise Refused(
            f"script = {name[:80]!r}: it must lie beside its device file, and be called FILE.js"
        )
    return name


def used_by(devices: Mapping[str, object]) -> dict[str, list[str]]:
    """The names of the devices that use a codec, by codec; `devices` is devices.toml as it is read.

    What else is wrong in it is not said here.
    """
    found: dict[str, list[str]] = {}
    entries = devices.get("device")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("codec"), str):
            name = entry.get("name") or entry.get("dev_eui")
            found.setdefault(entry["codec"], []).append(str(name))
    return found


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all, and readable for the daemon's user, whatever umask root has."""
    _make(file.parent)
    with replacing(file) as sink:
        os.fchmod(sink.fileno(), 0o644)
        sink.write(data)


def _make(directory: Path) -> None:
    if not directory.is_dir():
        _make(directory.parent)
        directory.mkdir()
        directory.chmod(0o755)


def _explained(error: OSError, directory: Path) -> Exception:
    if isinstance(error, PermissionError):
        return PermissionError(f"this user may not change {directory}: use sudo")
    return Refused(f"{directory} cannot be changed: {error}")
