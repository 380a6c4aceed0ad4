"""JavaScript codecs as files: FILE.js, and its examples in FILE.jsonl, if there are some.

An example is a vector: {"fPort": 1, "bytes": hex, …}, one a line.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from gateway.codecs.javascript import Example, Script
from gateway.errors import ConfigError

LONGEST: Final = 256 << 10  # characters; the largest published codec has 84 000
_SCRIPT = re.compile(r"""^script\s*=\s*["']([^"']+)["']""", re.MULTILINE)


def load(file: Path) -> Script:
    """FILE.js, with the examples in FILE.jsonl where there are some; raises ConfigError."""
    try:
        source = file.read_text(encoding="utf-8")
        beside = file.with_suffix(".jsonl")
        examples = beside.read_text(encoding="utf-8") if beside.exists() else ""
    except OSError as error:
        raise ConfigError(file, "", None, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", None, f"is not UTF-8 text (byte {error.start})") from None
    if len(source) > LONGEST:
        allowed = f"has {len(source)} characters; a codec has at most {LONGEST}"
        raise ConfigError(file, "", None, allowed)
    try:
        records = _decoder.decode_lines(examples)
        found = tuple(Example(one.f_port, bytes.fromhex(one.bytes)) for one in records)
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(beside, "", None, f"is no list of vectors ({error})") from None
    return Script(source, found)


class _Example(msgspec.Struct, rename={"f_port": "fPort"}):
    """A vector, as far as an example goes."""

    bytes: str
    f_port: int = 1


_decoder = msgspec.json.Decoder(_Example)


def plain(own: Path, device_files: Iterable[Path]) -> dict[str, Path]:
    """The JavaScript files that no device file speaks of: their name is their path."""
    mapped = spoken_of(device_files)
    return {
        file.relative_to(own).with_suffix("").as_posix(): file
        for file in sorted(own.glob("**/*.js"))
        if file not in mapped
    }


def spoken_of(device_files: Iterable[Path]) -> set[Path]:
    """The JavaScript files that these device files name."""
    return {
        file.parent / name
        for file in device_files
        for name in _SCRIPT.findall(file.read_text(encoding="utf-8"))
    }
