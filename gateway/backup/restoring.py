"""Restoring: a box whose daemon is stopped takes the place of the gateway of a backup.

- All of the backup is read, checked and made ready in a directory of its own (0700, beside the
  database) before anything is put in place; what fails before that has changed nothing.
- A state that is there is not touched unless `force` is said, and then kept beside.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.backup import contents, making, placing, unpacking
from gateway.backup.contents import Part
from gateway.config import Config
from gateway.errors import BackupError
from gateway.files import DATABASE
from gateway.store import advancing, opening, sealing

ROOM: Final = ".restoring"


class Result(NamedTuple):
    """What was put in place: the manifest, the downlinks left out for each session, the readings,
    the files written, and those that were kept beside.
    """

    manifest: dict[str, Any]
    margin: int
    readings: int
    written: list[Path]
    kept: list[Path]


@dataclass
class _Read:
    """A backup's parts without its readings, which go into the database as they come."""

    manifest: dict[str, Any]
    parts: dict[str, Part] = field(default_factory=dict)

    def take(self, parts: Iterator[Part]) -> Part | None:
        """All up to the readings; the first part of those, which has been read by then."""
        for part in parts:
            if unpacking.is_readings(part):
                return part
            self.parts[part.name] = part
        return None

    def content(self, name: str) -> bytes:
        if name not in self.parts:
            raise BackupError(f"the backup has no {name}: it is none of a whole gateway")
        return self.parts[name].content


def refuse_outsiders(target: Path) -> None:
    """Before they are asked for a passphrase. Raises PermissionError; what even root may not write
    is no matter of who asks.
    """
    there = next(one for one in target.absolute().parents if one.exists())
    if os.geteuid() != 0 and not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"{there} may not be written by this user: use sudo")


def restore(
    file: Path,
    passphrase: str,
    target: Path,
    *,
    now: Callable[[Config], float | None],
    force: bool,
    point_of_no_return: Callable[[], object] = bool,
) -> Result:
    """Put `file` in place for the kogge.toml at `target`. `now` gives Unix time, or None;
    `point_of_no_return` is called before the first file is put in place.

    Raises BackupError, StoreError, ConfigError, PermissionError, OSError.
    """
    with unpacking.opened(file, passphrase) as parts:
        read = _Read(unpacking.manifest_of(next(parts, None)))
        first_readings = read.take(parts)
        found, places = _plan(read, target)
        database = places[contents.IMAGE]
        with _room(database.parent, read, force=force) as room:
            margin = advancing.margin(_age(read.manifest, now(found)))
            with placing.writing(database):
                readings = _build(room, read, margin, first_readings, parts)
            point_of_no_return()
            with placing.ready(read.parts, places, room) as made_ready:
                written, kept = placing.put(made_ready, database)
    return Result(read.manifest, margin, readings, written, kept)


def _age(manifest: dict[str, Any], now: float | None) -> float | None:
    made_at = manifest["made_at"]
    return None if made_at is None or now is None else now - made_at


def _plan(read: _Read, target: Path) -> tuple[Config, dict[str, Path]]:
    """The configuration as it will be, and where each part goes."""
    toml = contents.with_eui(read.content(contents.KOGGE_TOML), read.manifest["gateway"])
    old = read.parts[contents.KOGGE_TOML]
    read.parts[contents.KOGGE_TOML] = old._replace(content=toml)
    found = contents.parsed(toml, target)
    places = contents.places(found, target)
    for name in read.parts:
        contents.place(name, places)
    return found, places


@contextmanager
def _room(state_dir: Path, read: _Read, *, force: bool) -> Iterator[Path]:
    """An empty directory beside the database, under the daemon's lock."""
    owner = read.parts[contents.IMAGE].owned if contents.IMAGE in read.parts else making.PRIVATE
    if not state_dir.exists():
        state_dir.mkdir(parents=True)
        contents.give(state_dir, owner._replace(mode=0o750))
    database = state_dir / DATABASE
    lock = opening.take_lock(database, restoring=True)
    room = state_dir / ROOM
    try:
        contents.give(Path(f"{database}.lock"), owner)
        _refuse(database, force=force)
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir(mode=0o700)
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)
    finally:
        os.close(lock)


def _refuse(database: Path, *, force: bool) -> None:
    if opening.is_half_restored(database):
        return
    there = [file for file in (database, database.with_name(sealing.FILE)) if file.exists()]
    if there and not force:
        raise BackupError(
            f"this gateway has a state of its own ({' and '.join(map(str, there))}), and nothing"
            " was changed. If the backup is to take its place say --force: what is there is kept"
            f" beside, as NAME.{placing.KEPT}"
        )


def _build(
    room: Path, read: _Read, margin: int, readings: Part | None, rest: Iterator[Part]
) -> int:
    """The database and its key, ready in `room`; how many readings it has. All of the file has been
    read then.
    """
    if keys := read.content(contents.KEYS):
        (room / sealing.FILE).touch(mode=0o600)
        (room / sealing.FILE).write_bytes(keys)
    devices = contents.joining(read.content("config/devices"))
    slices = map(unpacking.rows_of, chain([readings] if readings else [], rest))
    image = read.content(contents.IMAGE)
    return advancing.build(room / DATABASE, image, slices, margin, devices)
