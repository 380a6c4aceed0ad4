"""Devices as a table (CSV), as spreadsheets write and read it.

- A first line `sep=;`, which Excel writes and reads, says what parts fields.
- The next line has the names: those of devices.toml, in any order and case, with or without `_`,
  `-` and blanks (`DevEUI`, `dev_eui`); `AppEUI` is `join_eui`. A name that is not known is refused.
- Else fields are parted by commas, semicolons or tabs, whatever that line has most of. UTF-8 with
  or without a mark at its beginning, UTF-16 with one, else Windows-1252.
- Hex may be in capitals and have `:`, `-` or blanks between its digits. A comma in a number is a
  point. Empty fields and empty lines are left out. Errors name the line, as an editor counts it.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.devices.devices_toml import NAMES
from gateway.errors import ConfigError

LARGEST: Final = 4 << 20  # bytes: ten thousand devices with keys take two thirds of it
HEX: Final = ("dev_eui", "join_eui", "dev_addr")
FLAGS: Final = ("adr", "reset_f_cnt")
TRUE, FALSE = ("true", "yes", "ja", "wahr", "1"), ("false", "no", "nein", "falsch", "0")
_ALIASES: Final = {"appeui": "join_eui", "deviceeui": "dev_eui"}

_A_NUMBER: Final = (
    "the spreadsheet has made a number of the hex digits, and some are lost: set the column to"
    ' "Text", and put them in anew'
)
_SEP: Final = re.compile(r"sep=([,;|\t])\r?\n", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\d([.,]\d+)?E\+\d+", re.IGNORECASE)
_PLACE: Final = re.compile(r"device\[(\d+)\]\.?")

Fields = dict[str, Any]


class Table(NamedTuple):
    """The devices, as [[device]] tables, and the line of each."""

    devices: list[Fields]
    lines: list[int]

    def placed(self, error: ConfigError) -> ConfigError:
        """What is wrong with its `device[N]`, by its line."""
        found = _PLACE.match(error.key)
        if found is None:
            return error
        place = _at(error.file, self.lines[int(found[1]) - 1])
        return ConfigError(place, error.key[found.end() :], error.value, error.allowed)


def load(file: Path) -> Table:
    """What a field must be, whoever takes them checks. Raises ConfigError, PermissionError."""
    table = Table([], [])
    for line, row in _rows(file, strict=True):
        table.devices.append({name: _value(name, text, file, line) for name, text in row.items()})
        table.lines.append(line)
    return table


def keys_of(file: Path, dev_eui: str) -> Fields:
    """The keys that a table has for one device; other columns do not matter. Raises ConfigError."""
    for _line, row in _rows(file, strict=False):
        if plain_hex(row.get("dev_eui", "")) == dev_eui:
            found = {name: plain_hex(text) for name, text in row.items() if name.endswith("_key")}
            if found:
                return found
    raise ConfigError(file, "", None, f"has no line with keys for the device {dev_eui}")


def plain_hex(text: str) -> str:
    """As devices.toml has it, if it is hex with something between its digits."""
    bare = re.sub(r"[\s:.'_-]", "", text).lower().removeprefix("0x")
    return bare if set(bare) <= set("0123456789abcdef") else text


def text_of(devices: Iterable[Mapping[str, Any]]) -> str:
    """As a table; columns that no device has are left out."""
    rows = list(devices)
    columns = [name for name in NAMES if any(name in row for row in rows)] or ["dev_eui", "name"]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name, "")) for name in columns] for row in rows)
    return out.getvalue()


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rows(file: Path, *, strict: bool) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line with something in it: its number, and its cells by the names of their columns."""
    filled = _filled(file)
    if not filled:
        raise ConfigError(file, "", None, "is empty: its first line has the names of the columns")
    names = [_name(cell, file, strict=strict) for cell in filled[0][1]]
    if "dev_eui" not in names:
        raise ConfigError(file, "", None, "has no column dev_eui in its first line")
    if strict and (twice := {name for name in names if name and names.count(name) > 1}):
        raise ConfigError(file, min(twice), None, "stands twice in the first line")
    for number, line in filled[1:]:
        if strict and any(cell.strip() for cell in line[len(names) :]):
            raise ConfigError(_at(file, number), "", None, "has more fields than the first line")
        cells = ((name, cell.strip()) for name, cell in zip(names, line, strict=False))
        yield number, {name: cell for name, cell in cells if name and cell}


def _filled(file: Path) -> list[tuple[int, list[str]]]:
    """The lines with something in them, and where each begins."""
    text, before = _text(file), 0
    if said := _SEP.match(text):
        text, before = text[said.end() :], 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=said[1] if said else _part(text))
    found = []
    try:
        while True:
            begins = before + reader.line_num + 1
            line = next(reader)
            if any(cell.strip() for cell in line):
                found.append((begins, line))
    except StopIteration:
        return found
    except csv.Error as error:
        raise ConfigError(file, "", None, f"is no table (CSV) ({error})") from None


def _at(file: Path | str, line: int) -> str:
    return f"{file}:{line}"


def _name(cell: str, file: Path, *, strict: bool) -> str:
    """ "" for a column without a name, or one that does not matter."""
    bare = re.sub(r"[\s_-]", "", cell).lower()
    known = {name.replace("_", ""): name for name in NAMES} | _ALIASES
    if bare in known or not bare or not strict:
        return known.get(bare, "")
    import difflib  # for mistakes alone: memory

    near = difflib.get_close_matches(bare, known, 1)
    hint = f"did you mean {known[near[0]]}?" if near else f"known are {', '.join(NAMES)}"
    raise ConfigError(file, cell.strip()[:40], None, f"there is no such column; {hint}")


def _value(name: str, text: str, file: Path, line: int) -> object:
    if name in HEX or name.endswith("_key"):
        if _NUMBER.fullmatch(text):
            raise ConfigError(_at(file, line), name, None, _A_NUMBER)
        return plain_hex(text)
    if name == "depth":
        try:
            return float(text.replace(",", "."))
        except ValueError:
            allowed = "write metres, such as 1.20"
            raise ConfigError(_at(file, line), name, text[:40], allowed) from None
    if name in FLAGS:
        if text.lower() not in (*TRUE, *FALSE):
            raise ConfigError(_at(file, line), name, text[:40], "write true or false")
        return text.lower() in TRUE
    return text.upper() if name == "class" else text


def _text(file: Path) -> str:
    try:
        with file.open("rb") as source:
            data = source.read(LARGEST + 1)
    except PermissionError:
        raise PermissionError(f"{file} may not be read by this user: use sudo") from None
    except OSError as error:
        raise ConfigError(file, "", None, f"cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise ConfigError(file, "", None, f"is larger than {LARGEST >> 20} MiB: part it")
    return decoded(data)


def decoded(data: bytes) -> str:
    """Whatever it is, it becomes text."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _part(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=first.count)
