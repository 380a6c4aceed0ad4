"""Making a backup: a tar of parts, sealed (sealed.py), and in place only when it is whole."""

import os
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec

from gateway import VERSION, clock
from gateway.backup import contents, sealed
from gateway.backup.contents import Owned, Part
from gateway.backup.source import Source
from gateway.config import Config
from gateway.errors import BackupError
from gateway.files import DATABASE
from gateway.store import copying
from gateway.whole_file import place, replacing

FORMAT: Final = 1
PRIVATE: Final = Owned(0o600)


def make(
    target: Path,
    passphrase: str,
    found: Config,
    file: Path,
    source: Source,
    *,
    made_at: float | None,
    with_readings: bool,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> dict[str, Any]:
    """Write `target`, of the configuration `found` in `file`; its manifest. `made_at` is Unix time,
    None if nobody knows. Raises BackupError, ConfigError, PermissionError, OSError.
    """
    check(target)
    parts, missing = contents.collect(found, file)
    manifest = _manifest(parts, missing, source, found) | {
        "made_at": made_at,
        "with_readings": with_readings,
    }
    try:
        with replacing(target) as out:
            sealer = sealed.Sealer(out, passphrase, random_bytes(sealed.SALT))
            with tarfile.open(
                fileobj=cast(BinaryIO, sealer), mode="w|", bufsize=tarfile.BLOCKSIZE
            ) as tar:
                _write(
                    tar, manifest, parts, source, _state_owner(found), with_readings=with_readings
                )
            sealer.close()
    except OSError as error:
        raise _unwritten(target, error) from error
    return manifest


def _unwritten(target: Path, error: OSError) -> Exception:
    if isinstance(error, PermissionError):
        return PermissionError(f"{target} may not be written by this user")
    return BackupError(f"{target} cannot be written: {error.strerror}")


def wall_time(found: Config) -> float | None:
    """Unix time, as far as this box can be trusted to know it."""
    trust = clock.Trust(found.clock.source, clock.was_synchronised())
    return clock.Clock(trust, clock.boot_id()).now().at


def check(target: Path) -> None:
    """Whether it can be written there at all. Raises BackupError, PermissionError, OSError."""
    if not target.absolute().parent.is_dir():
        raise BackupError(f"{target.absolute().parent} is no directory: name one that is there")
    if target.is_dir():
        raise BackupError(f"{target} is a directory: name a file in it")
    if not place(target).exists():
        return
    with target.open("rb") as there:
        if not sealed.looks_like_one(there):
            raise BackupError(
                f"{target} is there, and is no backup of Kogge's: it is not written over; name"
                " another file"
            )


def _manifest(
    parts: list[Part], missing: list[str], source: Source, found: Config
) -> dict[str, Any]:
    devices = next((one.content for one in parts if one.name == "config/devices"), b"")
    held = copying.held(source.image)
    return {
        "v": FORMAT,
        "kogge": VERSION,
        "gateway": source.eui,
        "name": found.gateway.name,
        "schema": held.schema,
        "devices": contents.count_devices(devices),
        "sessions": held.sessions,
        "joins": held.joins,
        "downlinks": held.downlinks,
        "files": [one.name for one in parts],
        "missing": missing,
    }


def _state_owner(found: Config) -> Owned:
    """Of the database: whoever the daemon runs as."""
    database = Path(found.gateway.state_dir) / DATABASE
    return Owned.of(database)._replace(mode=0o600) if database.exists() else PRIVATE


def _write(
    tar: tarfile.TarFile,
    manifest: dict[str, Any],
    parts: list[Part],
    source: Source,
    owner: Owned,
    *,
    with_readings: bool,
) -> None:
    keys = "".join(f"{key.hex()}\n" for key in source.keys).encode()
    _add(tar, Part(contents.MANIFEST, msgspec.json.encode(manifest), PRIVATE))
    for part in parts:
        _add(tar, part)
    _add(tar, Part(contents.KEYS, keys, owner))
    _add(tar, Part(contents.IMAGE, source.image, owner))
    if not with_readings:
        return
    for number, rows in enumerate(source.readings()):
        _add(tar, Part(f"{contents.READINGS}{number:08}", msgspec.msgpack.encode(rows), PRIVATE))


def _add(tar: tarfile.TarFile, part: Part) -> None:
    info = tarfile.TarInfo(part.name)
    info.size, info.mode = len(part.content), part.owned.mode
    info.uname, info.gname = part.owned.user, part.owned.group
    tar.addfile(info, BytesIO(part.content))
