"""devices.toml as its operator writes it: devices are added and removed, and all else stays.

- The text is cut and joined, never written anew: comments, order and spacing of the others stay.
- A device is its [[device]] table, with the comment right above it; but what begins in the file's
  first line is the file's own.
- Before anything is written the whole of the new text is checked as the daemon checks it, and it
  must say the same of all other devices as the old one. What is written in a way that cannot be
  cut so (`device = [{…}]`) is refused.
- How it is written: gateway/file_edit.py.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway import file_edit
from gateway.codecs.catalogue import Catalogue
from gateway.devices import devices_toml
from gateway.errors import ConfigError
from gateway.files import read_toml, toml_of

Fields = Mapping[str, Any]
Tables = list[dict[str, Any]]

_HEADER: Final = re.compile(r"^\s*\[\[\s*device\s*\]\]")
_COMMENT: Final = re.compile(r"^\s*#")


def add(file: Path, devices: Iterable[Fields], catalogue: Catalogue) -> None:
    """At the end. Raises ConfigError, PermissionError."""
    new = [dict(device) for device in devices]
    _edit(file, catalogue, lambda text: appended(text, new), lambda before: [*before, *new])


def remove(file: Path, dev_eui: str, catalogue: Catalogue) -> None:
    """Raises ConfigError (also if it is not there), PermissionError."""

    def others(before: Tables) -> Tables:
        return [one for one in before if one.get("dev_eui") != dev_eui]

    def cut(text: str) -> str:
        euis = [one.get("dev_eui") for one in toml_of(text).get("device", [])]
        if dev_eui not in euis:
            raise ConfigError(file, "dev_eui", dev_eui, "no device in it has this DevEUI")
        return without(text, euis.index(dev_eui))

    _edit(file, catalogue, cut, others)


def appended(text: str, devices: Iterable[Fields]) -> str:
    blocks = "".join(f"\n{table(device)}" for device in devices)
    return (text if not text or text.endswith("\n") else f"{text}\n") + blocks


def table(device: Fields) -> str:
    """One [[device]] as text."""
    lines = [
        f"{name} = {file_edit.value(device[name])}" for name in devices_toml.NAMES if name in device
    ]
    return "\n".join(["[[device]]", *lines]) + "\n"


def without(text: str, number: int) -> str:
    """The text without its device of that number, from 0."""
    lines = text.splitlines(keepends=True)
    starts = list(_starts(lines))
    if number >= len(starts):
        return text  # it is not written as tables: the check will say so
    ends = [*starts[1:], len(lines)][number]
    return "".join(lines[: starts[number]] + lines[ends:])


def _starts(lines: list[str]) -> Iterator[int]:
    """Where each device begins."""
    for at, line in enumerate(lines):
        if not _HEADER.match(line):
            continue
        above = at
        while above and _COMMENT.match(lines[above - 1]):
            above -= 1
        yield at if above == 0 else above


def _edit(
    file: Path,
    catalogue: Catalogue,
    change: Callable[[str], str],
    expected: Callable[[Tables], Tables],
) -> None:
    with file_edit.alone(file) as real:
        devices_toml.load(file, catalogue)
        before = read_toml(file).get("device", [])
        text = change(real.read_bytes().decode())
        tables = file_edit.tables(text, file)
        devices_toml.check(tables, file, catalogue)
        if tables.get("device", []) != expected(before):
            raise file_edit.by_hand(file)
        file_edit.write(real, text)
