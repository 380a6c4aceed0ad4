"""Putting a backup's parts in place: first each is made ready beside its place, then renamed.

- What fails while they are made ready changes nothing, and leaves nothing behind.
- What is there and differs is kept beside, as NAME.before-restore, without being asked: the files
  of a fresh installation are examples.
- From the first rename to the last a mark lies beside the database (opening.BEGUN). Whoever is
  killed then leaves it, and no daemon starts with half of a gateway.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from gateway.backup import contents
from gateway.backup.contents import Part
from gateway.errors import BackupError
from gateway.store import opening
from gateway.whole_file import sync

KEPT: Final = "before-restore"
STATE: Final = (contents.KEYS, contents.IMAGE)

Ready: TypeAlias = dict[Path, Path | None]
"""What is to take each place, whole and on disk; None: nothing is."""


@contextmanager
def ready(parts: Mapping[str, Part], places: Mapping[str, Path], room: Path) -> Iterator[Ready]:
    """All that may fail for want of room or of a right fails here. `room` has the state's files."""
    found: Ready = {}
    try:
        for name, part in parts.items():
            target = contents.place(name, places)
            if name not in STATE and not _has(target, part.content):
                new = target.with_name(f"{target.name}.restored")
                found[target] = new
                _write_beside(new, target, part)
        for name in STATE:
            found |= _state_ready(name, parts, places[name], room)
        yield found
    finally:
        for left in filter(None, found.values()):
            with suppress(OSError):
                left.unlink(missing_ok=True)


def _state_ready(name: str, parts: Mapping[str, Part], target: Path, room: Path) -> Ready:
    new = room / target.name
    if not new.exists():
        return {target: None}
    if name != contents.IMAGE and _has(target, new.read_bytes()):
        return {}
    contents.give(new, parts[name].owned)
    sync(new)
    return {target: new}


def _has(target: Path, content: bytes) -> bool:
    return target.exists() and target.read_bytes() == content


def _write_beside(new: Path, target: Path, part: Part) -> None:
    if not target.parent.exists():
        target.parent.mkdir(parents=True)
        contents.give(target.parent, part.owned._replace(mode=0o750))
    new.unlink(missing_ok=True)
    with writing(target):
        new.touch(mode=0o600)
        new.write_bytes(part.content)
        contents.give(new, part.owned)
        sync(new)


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """The system names no file where there is no room for its content."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise BackupError(f"{target} cannot be written: {error.strerror}") from error


def put(made_ready: Ready, database: Path) -> tuple[list[Path], list[Path]]:
    """A matter of renames. Returns what was written, and what is kept beside."""
    written: list[Path] = []
    kept: list[Path] = []
    with _marked(database):
        for target, new in made_ready.items():
            kept += _keep(target)
            if new is not None:
                new.replace(target)
                written.append(target)
        for directory in {target.parent for target in written}:
            sync(directory)
    return written, kept


@contextmanager
def _marked(database: Path) -> Iterator[None]:
    """Not taken away by whatever ends it early."""
    mark = database.with_name(opening.BEGUN)
    mark.touch(mode=0o600)
    sync(mark.parent)
    yield
    mark.unlink()
    sync(mark.parent)


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
