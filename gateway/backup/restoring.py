"""Putting a backup in place, on a box whose daemon is stopped.

Rules:

- All of it is read, checked and made ready in a directory of its own (0700, beside the database)
  before anything is put in place; what fails before that has changed nothing.
- A state that is there is not touched unless `force` is said, and then kept beside, as
  NAME.before-restore. So are configuration files that differ, without being asked: those of a fresh
  installation are examples.
- All is ready beside its place before the first thing is moved: what fails until then changes
  nothing.
- While things are put in place a mark lies beside the database (opening.BEGUN). Whoever is killed
  then leaves it, and no daemon starts with half of a gateway; restoring once more goes on.
"""

import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

import msgspec

from gateway.backup import contents, making, sealed
from gateway.backup.contents import Owned, Part
from gateway.config import Config
from gateway.errors import BackupError
from gateway.files import DATABASE
from gateway.store import advancing, copying, opening, sealing
from gateway.store.migrations import schema

ROOM: Final = ".restoring"
KEPT: Final = "before-restore"
STATE: Final = (contents.KEYS, contents.IMAGE)


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

    def content(self, name: str) -> bytes:
        if name not in self.parts:
            raise BackupError(f"the backup has no {name}: it is none of a whole gateway")
        return self.parts[name].content


def check(file: Path) -> None:
    """What can be seen without the passphrase: that it is a backup, of a version that is known
    here, and has an end. Raises BackupError, OSError.
    """
    with _open(file) as sealed_file:
        sealed.check(sealed_file)


def look(file: Path, passphrase: str) -> dict[str, Any]:
    """The manifest, and `readings`: how many of them; all of the file has been checked."""
    with _parts(file, passphrase) as parts:
        manifest = _manifest(next(parts, None))
        readings = sum(_counted(_rows(part)) for part in parts if _is_readings(part))
    return manifest | {"readings": readings}


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
    with _parts(file, passphrase) as parts:
        manifest = _manifest(next(parts, None))
        read, first_readings = _Read(manifest), None
        for part in parts:
            if _is_readings(part):
                first_readings = part
                break
            read.parts[part.name] = part
        found, places = _plan(read, target)
        state_dir = places[contents.IMAGE].parent
        with _room(state_dir, read, force=force) as room:
            margin = advancing.margin(_age(manifest, now(found)))
            with _writing(places[contents.IMAGE]):
                readings = _build(room, read, margin, first_readings, parts)
            point_of_no_return()
            ready = _ready(read, places, room)
            with _marked(places[contents.IMAGE]):
                written, kept = _put(ready)
    return Result(manifest, margin, readings, written, kept)


@contextmanager
def _parts(file: Path, passphrase: str) -> Iterator[Iterator[Part]]:
    with _open(file) as sealed_file:
        yield _each(sealed.Opener(sealed_file, passphrase))


def _open(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except FileNotFoundError as error:
        raise BackupError(f"there is no {file}") from error


def _each(opener: sealed.Opener) -> Iterator[Part]:
    """Each part; after the last one the file's end has been read, so all of it is authentic."""
    try:
        with tarfile.open(
            fileobj=cast(BinaryIO, opener), mode="r|", bufsize=tarfile.BLOCKSIZE
        ) as tar:
            for info in tar:
                content = tar.extractfile(info)
                if content is None:
                    raise BackupError(f"the backup has a part {info.name!r} that is no file")
                yield Part(info.name, content.read(), Owned(info.mode, info.uname, info.gname))
        while opener.read(sealed.CHUNK):
            pass
    except tarfile.TarError as error:
        raise BackupError(f"the backup's content cannot be read: {error}") from error


def _manifest(first: Part | None) -> dict[str, Any]:
    if first is None or first.name != contents.MANIFEST:
        raise BackupError("the backup does not begin with its manifest: it is none of this Kogge's")
    found: dict[str, Any] = msgspec.json.decode(first.content)
    if found["v"] > making.FORMAT or found["schema"] > len(schema()):
        raise BackupError(
            f"a newer Kogge has made this backup ({found['kogge']}, schema {found['schema']}; this"
            f" one knows {len(schema())}): install that version here, then restore"
        )
    return found


def _is_readings(part: Part) -> bool:
    return part.name.startswith(contents.READINGS)


def _rows(part: Part) -> list[copying.Row]:
    return msgspec.msgpack.decode(part.content, type=list[copying.Row])


def _counted(rows: list[copying.Row]) -> int:
    return sum(row[1] for row in rows)


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


@contextmanager
def _marked(database: Path) -> Iterator[None]:
    """Not taken away by whatever ends it early."""
    mark = database.with_name(opening.BEGUN)
    mark.touch(mode=0o600)
    opening.sync(mark.parent)
    yield
    mark.unlink()
    opening.sync(mark.parent)


def _refuse(database: Path, *, force: bool) -> None:
    if opening.is_half_restored(database):
        return
    there = [file for file in (database, database.with_name(sealing.FILE)) if file.exists()]
    if there and not force:
        raise BackupError(
            f"this gateway has a state of its own ({' and '.join(map(str, there))}), and nothing"
            " was changed. If the backup is to take its place say --force: what is there is kept"
            f" beside, as NAME.{KEPT}"
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
    slices = map(_rows, chain([readings] if readings else [], rest))
    image = read.content(contents.IMAGE)
    return advancing.build(room / DATABASE, image, slices, margin, devices)


def _ready(read: _Read, places: dict[str, Path], room: Path) -> dict[Path, Path | None]:
    """What is to take each place, whole and on disk; None: nothing is. All that may fail for want
    of room or of a right fails here, and nothing is in place then.
    """
    ready: dict[Path, Path | None] = {}
    for name, part in read.parts.items():
        target = contents.place(name, places)
        if name not in STATE and not _has(target, part.content):
            ready[target] = _write_beside(target, part)
    for name in STATE:
        target, new = places[name], room / places[name].name
        if not new.exists():
            ready[target] = None
        elif name == contents.IMAGE or not _has(target, new.read_bytes()):
            contents.give(new, read.parts[name].owned)
            opening.sync(new)
            ready[target] = new
    return ready


def _has(target: Path, content: bytes) -> bool:
    return target.exists() and target.read_bytes() == content


def _put(ready: dict[Path, Path | None]) -> tuple[list[Path], list[Path]]:
    """A matter of renames. Returns what was written, and what is kept beside."""
    written: list[Path] = []
    kept: list[Path] = []
    for target, new in ready.items():
        kept += _keep(target)
        if new is not None:
            new.replace(target)
            written.append(target)
    for directory in {target.parent for target in written}:
        opening.sync(directory)
    return written, kept


def _write_beside(target: Path, part: Part) -> Path:
    new = target.with_name(f"{target.name}.restored")
    if not target.parent.exists():
        target.parent.mkdir(parents=True)
        contents.give(target.parent, part.owned._replace(mode=0o750))
    new.unlink(missing_ok=True)
    with _writing(target):
        new.touch(mode=0o600)
        new.write_bytes(part.content)
        contents.give(new, part.owned)
        opening.sync(new)
    return new


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    """The system names no file where there is no room for its content."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise BackupError(f"{target} cannot be written: {error.strerror}") from error


def _keep(target: Path) -> list[Path]:
    """Move what is there aside, a database with its log."""
    if not target.exists():
        return []
    beside, number = target.with_name(f"{target.name}.{KEPT}"), 2
    while beside.exists():
        beside, number = target.with_name(f"{target.name}.{KEPT}-{number}"), number + 1
    log = Path(f"{target}-wal")
    if log.exists():
        log.replace(f"{beside}-wal")
    target.replace(beside)
    return [beside]
