"""One vendor's folder, read-only: nothing outside of it is read, and nothing large."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from gateway.codecs.profiles import lenient_json
from gateway.errors import GatewayError
from gateway.files import toml_of

LARGEST: Final = 1 << 20  # bytes of one file
MOST_FILES: Final = 5000
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .+-]{0,99}")


class Unusable(GatewayError):
    """Why something in a folder is not used."""


class Folder:
    """`path` is the vendor's own folder."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.vendor = self.path.name

    def has(self, *parts: str) -> bool:
        return self.path.joinpath(*parts).is_file()

    def names(self, *parts: str) -> list[str]:
        """The plain names of the files in a directory of it; none where there is no such one."""
        directory = self.path.joinpath(*parts)
        if not directory.is_dir():
            return []
        found = sorted(file.name for file in directory.iterdir())
        if len(found) > MOST_FILES:
            raise Unusable(f"{directory} has {len(found)} files: more than {MOST_FILES}")
        return [name for name in found if _NAME.fullmatch(name)]

    def text(self, *parts: str) -> str:
        """A file's text; raises Unusable."""
        where = "/".join(parts)
        for part in parts:
            if not _NAME.fullmatch(part):
                raise Unusable(f"{part[:80]!r} is no plain name of a file")
        file = self.path.joinpath(*parts)
        if not Path(os.path.realpath(file)).is_relative_to(self.path):
            raise Unusable(f"{where} leads out of the folder")
        if file.exists() and not file.is_file():
            raise Unusable(f"{where} is no file")
        try:
            if file.stat().st_size > LARGEST:
                raise Unusable(f"{where} is larger than {LARGEST >> 10} KiB")
            return file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise Unusable(f"{where} cannot be read: {_reason(error)}") from None

    def toml(self, *parts: str) -> dict[str, Any]:
        try:
            return toml_of(self.text(*parts))
        except tomllib.TOMLDecodeError as error:
            raise Unusable(f"{'/'.join(parts)} is no TOML ({error})") from None

    def yaml(self, *parts: str) -> Any:
        from gateway.codecs.profiles import yaml_core  # the only user of PyYAML

        try:
            return yaml_core.load(self.text(*parts))
        except ValueError as error:
            raise Unusable(f"{'/'.join(parts)} is no YAML ({error})") from None

    def json(self, *parts: str) -> Any:
        try:
            return lenient_json.load(self.text(*parts))
        except ValueError as error:
            raise Unusable(f"{'/'.join(parts)} is no JSON ({error})") from None


def table(value: Any) -> dict[str, Any]:
    """The value, if it is a table; else an empty one."""
    return value if isinstance(value, dict) else {}


def entries(value: Any) -> list[Any]:
    """The value, if it is a list; else an empty one."""
    return value if isinstance(value, list) else []


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
