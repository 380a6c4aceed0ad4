"""The files that a backup takes beside the database, by their part in it, and where each goes.

A part's name does not change with the place: `config/devices` is what gateway.devices names, here
and on the box that takes over. A backup writes nowhere but where its own kogge.toml says.
"""

import grp
import os
import pwd
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from drivers.sx1302.firmware import KNOWN
from gateway import config
from gateway.config import Config
from gateway.errors import BackupError
from gateway.files import DATABASE, toml_of
from gateway.store import sealing

MANIFEST: Final = "manifest.json"
IMAGE: Final = "state/kogge.db"
KEYS: Final = "state/kogge.key"
READINGS: Final = "readings/"
KOGGE_TOML: Final = "config/kogge.toml"
_CODECS: Final = "config/codecs/"
_FIRMWARE: Final = "firmware/"
_FOR_BROKER: Final = ("password_file", "ca_file", "cert_file", "key_file")
_SECTION: Final = re.compile(r"^\s*\[\s*gateway\s*\][^\n]*$", re.MULTILINE)
_EUI: Final = re.compile(r"^\s*eui\s*=\s*(\"\"|'')", re.MULTILINE)


class Owned(NamedTuple):
    """A file's permission bits, and the names of its user and group; "" if they have none."""

    mode: int
    user: str = ""
    group: str = ""

    @classmethod
    def of(cls, file: Path) -> "Owned":
        found = file.stat()
        return cls(stat.S_IMODE(found.st_mode), _user(found.st_uid), _group(found.st_gid))


class Part(NamedTuple):
    """One file of a backup."""

    name: str
    content: bytes
    owned: Owned


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


def places(found: Config, file: Path) -> dict[str, Path]:
    """Where each part is, or goes, of the configuration `found` in `file`; names of directories end
    with a slash.
    """
    board, plan = found.concentrator.board, found.concentrator.plan
    named = {f"config/mqtt.{key}": getattr(found.mqtt, key) for key in _FOR_BROKER}
    return {
        KOGGE_TOML: file.absolute(),
        "config/devices": Path(found.gateway.devices),
        **{name: Path(path) for name, path in named.items() if path},
        "config/board": file.absolute().parent / board,
        "config/plan": file.absolute().parent / (plan or "plan"),
        _CODECS: Path(found.gateway.codecs),
        _FIRMWARE: Path(found.concentrator.firmware_dir),
        IMAGE: Path(found.gateway.state_dir) / DATABASE,
        KEYS: Path(found.gateway.state_dir) / sealing.FILE,
    }


def place(name: str, known: Mapping[str, Path]) -> Path:
    """Where a part goes; BackupError for a name that no backup of ours has."""
    if name in known and not name.endswith("/"):
        return known[name]
    for directory in (_CODECS, _FIRMWARE):
        below = Path(name.removeprefix(directory))
        if name.startswith(directory) and not below.is_absolute() and ".." not in below.parts:
            return known[directory] / below
    raise BackupError(f"the backup has a part {name!r}, which this Kogge does not know")


def collect(found: Config, file: Path) -> tuple[list[Part], list[str]]:
    """Every file there is, and in words what is named and is not there.

    Raises PermissionError in plain words.
    """
    parts, missing = [], []
    for name, path in _files(places(found, file)):
        if path.is_file():
            parts.append(Part(name, _read(path), Owned.of(path)))
        elif name.startswith("config/mqtt."):
            missing.append(f"{path} ({name.removeprefix('config/')}): it is not there")
    if found.mqtt.username and not found.mqtt.password_file:
        missing.append(
            "the broker's password, if it is a credential of systemd's: make that anew there"
        )
    return parts, missing


def _files(known: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    for name, path in known.items():
        if name == _CODECS:
            yield from (
                (name + str(each.relative_to(path)), each) for each in sorted(path.rglob("*"))
            )
        elif name == _FIRMWARE:
            yield from ((name + image, path / image) for image in KNOWN)
        elif not name.startswith("state/"):
            yield name, path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except PermissionError as error:
        raise PermissionError(
            f"{path} may not be read by this user, and a backup without it would be none: use sudo"
        ) from error


def parsed(content: bytes, file: Path) -> Config:
    """A kogge.toml as if it stood in `file`; raises ConfigError, BackupError."""
    return config.of_tables(_tables(content), file)


def joining(content: bytes) -> list[tuple[str, str]]:
    """(DevEUI, JoinEUI), hex, of the devices of a devices.toml that join."""
    devices = _tables(content).get("device", [])
    if not isinstance(devices, list):
        return []
    return [
        (str(one["dev_eui"]), str(one["join_eui"]))
        for one in devices
        if isinstance(one, dict) and one.get("join_eui") and one.get("dev_eui")
    ]


def count_devices(content: bytes) -> int:
    return len(_tables(content).get("device", []))


def with_eui(content: bytes, eui: str) -> bytes:
    """kogge.toml with gateway.eui set, if it is empty: another board has another EUI of its own.

    All else stays as it was written.
    """
    gateway = _tables(content).get("gateway", {})
    if not eui or (isinstance(gateway, dict) and gateway.get("eui")):
        return content
    text, line = content.decode(), f'eui = "{eui}"'
    section = _SECTION.search(text)
    if section is None:
        changed = f"[gateway]\n{line}\n\n{text}"
    else:
        start, rest = section.end(), text[section.end() :]
        end = re.search(r"^\s*\[", rest, re.MULTILINE)
        own = rest[: end.start()] if end else rest
        empty = _EUI.search(own)
        if empty is None:
            changed = f"{text[:start]}\n{line}{rest}"
        else:
            at = start + empty.start(1)
            changed = f'{text[:at]}"{eui}"{text[at + 2 :]}'
    if _tables(changed.encode()).get("gateway", {}).get("eui") != eui:
        raise BackupError(f"gateway.eui = {eui} could not be written into the backup's kogge.toml")
    return changed.encode()


def _tables(content: bytes) -> dict[str, Any]:
    try:
        return toml_of(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BackupError(f"a configuration file of the backup is not TOML: {error}") from error


def give(file: Path, owned: Owned) -> None:
    """The mode, and the owner that it had, if this user may and both boxes know the name."""
    file.chmod(owned.mode & 0o777)
    if os.geteuid() != 0:
        return
    uid, gid = -1, -1
    if owned.user:
        with suppress(KeyError):
            uid = pwd.getpwnam(owned.user).pw_uid
    if owned.group:
        with suppress(KeyError):
            gid = grp.getgrnam(owned.group).gr_gid
    os.chown(file, uid, gid)
