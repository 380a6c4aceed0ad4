"""A file of its operator's, changed in place: alone, whole or not at all, with its mode and owner.

- It is written beside its place, flushed to disk and renamed: whoever reads it gets the old file
  or the new one. Two editors of one directory wait for each other.
- Text is cut and joined by those who edit; here is what they share.
"""

import fcntl
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.board.radio_plan_text import quoted
from gateway.errors import ConfigError
from gateway.files import read_toml, toml_of
from gateway.whole_file import replacing


def value(found: object) -> str:
    """As TOML writes it."""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, list):
        return f"[{', '.join(map(value, found))}]"
    return quoted(found) if isinstance(found, str) else str(found)


def tables(text: str, file: Path) -> dict[str, Any]:
    """Of a text that has been edited. Raises ConfigError."""
    try:
        return toml_of(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            file, "", None, f"would not be valid TOML any more ({error}): edit it by hand"
        ) from None


def by_hand(file: Path) -> ConfigError:
    return ConfigError(
        file, "", None, "is written in a way that is not edited here: edit it by hand"
    )


@contextmanager
def alone(file: Path) -> Iterator[Path]:
    """The file itself, where `file` is a link; nobody else edits in its directory meanwhile."""
    read_toml(file)  # says it better where it is not there
    real = file.resolve()
    directory = os.open(real.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield real
    finally:
        os.close(directory)


def write(file: Path, text: str, group: int = -1) -> None:
    """One that is not there yet is for its owner and `group` alone (-1: that of who writes it).
    Raises PermissionError, ConfigError: the disk.
    """
    try:
        with replacing(file) as sink:
            _give(sink.fileno(), file, group)
            sink.write(text.encode())
    except PermissionError:
        raise PermissionError(f"{file} may not be changed by this user: use sudo") from None
    except OSError as error:
        raise ConfigError(file, "", None, f"cannot be written: {error.strerror}") from None


def _give(new: int, file: Path, group: int) -> None:
    """To those who had the file."""
    owner, mode = -1, 0o640
    if file.exists():
        was = file.stat()
        owner, group, mode = was.st_uid, was.st_gid, was.st_mode & 0o7777
    here = os.fstat(new)
    if (owner, group) != (-1, -1) and (owner, group) != (here.st_uid, here.st_gid):
        os.fchown(new, owner, group)
    os.fchmod(new, mode)
