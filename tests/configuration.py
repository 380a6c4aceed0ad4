"""docs/configuration.md, made of gateway/config.py and config/kogge.toml: `make configuration`.

Types, defaults and bounds are the structs', what takes effect without a restart is live_config's,
the words are the comments of the shipped file.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
from kogge import HOUSE
from msgspec import inspect

from gateway.config import Config
from gateway.live_config import LIVE

FILE = HOUSE / "docs" / "configuration.md"
SHIPPED = (HOUSE / "config" / "kogge.toml").read_text(encoding="utf-8")
HEAD = """# Every key of kogge.toml

Made of the code and of [`config/kogge.toml`](../config/kogge.toml) by `make configuration`; a test
holds it against them. The file is `/etc/kogge/kogge.toml`, or what `--config FILE` says. A key that
is not in it has its default; what cannot be is refused by name, with what is allowed. Relative
paths are relative to the file. `kogge config check` reads it, `kogge config set` changes it
([how](install.md#changing-it-later)), `kogge config show` says what is in force.

**Live**: `kogge config set` has the running daemon take it over at once; all else, and a change by
hand, wants `sudo systemctl restart kogge`. There is no secret in it: passwords, keys and
certificates stand in files, and their paths are here. The devices have
[a file of their own](devices.md).
"""
TABLES = {
    "gateway": "This gateway, and where its files are.",
    "concentrator": "The radio board ([hardware.md](hardware.md)), its region and channels "
    "([install.md](install.md#board-and-region)).",
    "lorawan": "The network that this gateway is to its devices ([lorawan.md](lorawan.md)).",
    "mqtt": "The line to the city ([mqtt.md](mqtt.md)).",
    "store": "The buffer: how soon a reading is on disk, and how much of the disk it may have "
    "([capacity](operations.md#capacity-and-retention)).",
    "clock": "Whose time is trusted.",
    "metrics": "For Prometheus ([metrics.md](metrics.md)).",
    "log": "What the log may cost the card ([metrics.md](metrics.md#the-log)).",
}


def reference() -> str:
    """What docs/configuration.md has to say."""
    parts = [HEAD]
    for table in inspect.type_info(Config).fields:  # type: ignore[attr-defined]
        parts += [f"## [{table.encode_name}]", "", TABLES[table.encode_name], ""]
        parts += ["| key | value | default | live | |", "|---|---|---|---|---|"]
        parts += _rows(table)
        parts += [""]
    return "\n".join(parts).rstrip() + "\n"


def _rows(table: inspect.Field) -> Iterator[str]:
    said = words(table.encode_name)
    defaults = msgspec.to_builtins(Config())[table.encode_name]
    for key in table.type.fields:  # type: ignore[attr-defined]
        name = key.encode_name
        live = "yes" if f"{table.encode_name}.{name}" in LIVE else ""
        cells = (f"`{name}`", _value(key.type), f"`{_toml(defaults[name])}`", live, said[name])
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def words(table: str) -> dict[str, str]:
    """The comment of each key in the shipped file."""
    (part,) = re.findall(rf"^\[{table}\]\n(.*?)(?=^\[|\Z)", SHIPPED, re.MULTILINE | re.DOTALL)
    found = {}
    for line in part.splitlines():
        if line and not line.startswith("#"):
            setting = re.fullmatch(r'(\w+) = (?:"[^"]*"|[^"#]*?)\s*(?:# (.*))?', line)
            assert setting, line
            found[setting[1]] = _linked(setting[2] or "")
    assert found.keys() == tomllib.loads(SHIPPED)[table].keys()
    return found


def _linked(text: str) -> str:
    """A page of docs/ that the comment names is a link beside this one."""
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", text)


def _value(kind: inspect.Type) -> str:
    """What may stand there, in words."""
    match kind:
        case inspect.BoolType():
            return "true, false"
        case inspect.StrType():
            return f"text: `{kind.pattern}`" if kind.pattern else "text"
        case inspect.LiteralType():
            return ", ".join(f"`{_toml(value)}`" for value in sorted(kind.values, key=str))
        case inspect.ListType():
            return f"list of {_value(kind.item_type)}"
        case inspect.UnionType():
            return ", or ".join(map(_value, kind.types))
        case inspect.IntType() | inspect.FloatType():
            return " ".join(filter(None, ["whole number" * (type(kind) is inspect.IntType)
                                          or "number", _bounds(kind)]))  # fmt: skip
    raise AssertionError(f"no words for {kind}")


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is None:
        return ""
    return f"{kind.ge:g} to {kind.le:g}" if kind.le is not None else f"from {kind.ge:g}"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case float():
            return f"{value:g}"
    return str(value)


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
