"""kogge.toml as its operator writes it: values are set, and all else stays.

- The text is cut and joined, never written anew: comments, order and spacing stay. A key that is
  not there yet comes behind the last one of its table; a table that is not there, at the end.
- Before anything is written the whole of the new text is checked as the daemon checks it at its
  start, and it must say the same as the old one of all other keys. What is written in a way that
  cannot be cut so (`mqtt.url = …` without its table) is refused.
- How it is written: gateway/file_edit.py.
"""

import copy
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gateway import config, file_edit, settings
from gateway.config import Config
from gateway.errors import ConfigError
from gateway.files import read_toml, toml_of

Tables = dict[str, Any]

NAME: Final = r"""[ \t]*(?:{0}|"{0}"|'{0}')[ \t]*"""
ALIKE: Final = 0.8  # of two keys: a letter of five is another
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_VALUE: Final = re.compile(r"[^=]*=[ \t]*")


class Set(NamedTuple):
    """One key: what the file says of it now, and what it said (None: nothing)."""

    key: str
    value: Any
    before: Any


class Assignment(NamedTuple):
    """Lines from `begin` to before `end`."""

    begin: int
    end: int


def change(file: Path, wanted: Mapping[str, str]) -> list[Set]:
    """Give keys (`mqtt.url`) values, as they are typed. Raises ConfigError, PermissionError."""
    found = {key: typed(key, text, file) for key, text in wanted.items()}
    with file_edit.alone(file) as real:
        text = before = real.read_bytes().decode()
        was = read_toml(real)
        for key, value in found.items():
            table, _, name = key.partition(".")
            text = with_key(text, table, name, value)
        tables = file_edit.tables(text, file)
        settings.of(config.of_tables(tables, file), file)
        if tables != _expected(was, found):
            raise file_edit.by_hand(file)
        if text != before:
            file_edit.write(real, text)
    return [Set(key, value, _at(was, key)) for key, value in found.items()]


def typed(key: str, text: str, file: Path) -> Any:
    """What was typed, as this key wants it: as it stands, or read as TOML. What neither fits is
    left to the check of the whole. Raises ConfigError: there is no such key.
    """
    shape = shape_of(key, file)
    readings: list[Any] = [text]
    with suppress(tomllib.TOMLDecodeError):
        readings.append(toml_of(f"x = {text}")["x"])
    for reading in readings:
        try:
            msgspec.convert(reading, shape)
        except msgspec.ValidationError:
            continue
        return reading
    return readings[-1]


def shape_of(key: str, file: Path) -> Any:
    """The type of one key. Raises ConfigError."""
    shapes = {
        f"{table.encode_name}.{field.encode_name}": field.type
        for table in msgspec.structs.fields(Config)
        for field in msgspec.structs.fields(table.type)
    }
    if key not in shapes:
        raise ConfigError(file, key, None, f"there is no such key; {_nearest(key, list(shapes))}")
    return shapes[key]


def _nearest(key: str, known: list[str]) -> str:
    import difflib  # for mistakes alone: memory

    short = {one.partition(".")[2]: one for one in known}
    name = key.rpartition(".")[2]
    near = [short[name]] if name in short else difflib.get_close_matches(key, known, 1)
    near = near or [short[one] for one in difflib.get_close_matches(name, short, 1, ALIKE)]
    return f"did you mean {near[0]!r}?" if near else "kogge config show lists those that there are"


def with_key(text: str, table: str, name: str, value: Any) -> str:
    """The text in which a key of a table has this value."""
    lines = _LINE.findall(text)
    header = _header(lines, table)
    if header is None:
        return f"{_ended(text)}\n[{table}]\n{name} = {file_edit.value(value)}\n"
    last = header
    for found in _assignments(lines, header + 1):
        body = "".join(lines[found.begin : found.end])
        if re.match(NAME.format(name) + "=", body):
            lines[found.begin : found.end] = [_with_value(body, file_edit.value(value))]
            return "".join(lines)
        last = found.end - 1
    lines[last] = _ended(lines[last])
    lines.insert(last + 1, f"{name} = {file_edit.value(value)}\n")
    return "".join(lines)


def _header(lines: list[str], table: str) -> int | None:
    is_header = re.compile(rf"[ \t]*\[{NAME.format(table)}\]").match
    return next((at for at, line in enumerate(lines) if is_header(line)), None)


def _assignments(lines: list[str], begin: int) -> Iterator[Assignment]:
    """Those of the table whose lines begin there."""
    at = begin
    while at < len(lines) and not lines[at].lstrip().startswith("["):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        end = next((end for end in range(at + 1, len(lines) + 1) if _is_toml(lines[at:end])), None)
        if end is None:
            return  # the check of the whole will say so
        yield Assignment(at, end)
        at = end


def _with_value(body: str, value: str) -> str:
    """One assignment with another value; its comment stays where it is, if there is room."""
    text = body.rstrip("\r\n")
    places = [found.start() for found in re.finditer("#", text)]
    comment = next((at for at in places if _is_toml([text[:at]])), len(text))
    begins = _VALUE.match(text)
    start = begins.end() if begins else 0
    new = text[:start] + value
    if comment < len(text):
        column = comment - (text.rfind("\n", 0, comment) + 1)
        new = new.ljust(column) if len(new) < column else f"{new}  "
    return new + text[comment:] + body[len(text) :]


def _is_toml(lines: list[str]) -> bool:
    try:
        toml_of("".join(lines))
    except tomllib.TOMLDecodeError:
        return False
    return True


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _expected(was: Tables, found: Mapping[str, Any]) -> Tables:
    tables = copy.deepcopy(was)
    for key, value in found.items():
        table, _, name = key.partition(".")
        tables.setdefault(table, {})[name] = value
    return tables


def _at(tables: Tables, key: str) -> Any:
    table, _, name = key.partition(".")
    return tables.get(table, {}).get(name)
