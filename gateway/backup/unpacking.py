"""A backup as it is read: whether it is one, its manifest, its parts. Nothing here writes."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from gateway.backup import contents, making, sealed
from gateway.backup.contents import Owned, Part
from gateway.errors import BackupError
from gateway.store import copying
from gateway.store.migrations import schema


def check(file: Path) -> None:
    """What can be seen without the passphrase: that it is a backup, of a version that is known
    here, and has an end. Raises BackupError, OSError.
    """
    with _open(file) as sealed_file:
        sealed.check(sealed_file)


def look(file: Path, passphrase: str) -> dict[str, Any]:
    """The manifest, and `readings`: how many of them; all of the file has been checked."""
    with opened(file, passphrase) as parts:
        manifest = manifest_of(next(parts, None))
        readings = sum(_counted(rows_of(part)) for part in parts if is_readings(part))
    return manifest | {"readings": readings}


@contextmanager
def opened(file: Path, passphrase: str) -> Iterator[Iterator[Part]]:
    with _open(file) as sealed_file:
        yield _each(sealed.Opener(sealed_file, passphrase))


def _open(file: Path) -> BinaryIO:
    if not file.exists():
        raise BackupError(f"there is no {file}")
    if not file.is_file():  # a pipe would be waited for
        raise BackupError(f"{file} is no file: name one")
    return file.open("rb")


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


def manifest_of(first: Part | None) -> dict[str, Any]:
    if first is None or first.name != contents.MANIFEST:
        raise BackupError("the backup does not begin with its manifest: it is none of this Kogge's")
    found: dict[str, Any] = msgspec.json.decode(first.content)
    if found["v"] > making.FORMAT or found["schema"] > len(schema()):
        raise BackupError(
            f"a newer Kogge has made this backup ({found['kogge']}, schema {found['schema']}; this"
            f" one knows {len(schema())}): install that version here, then restore"
        )
    return found


def is_readings(part: Part) -> bool:
    return part.name.startswith(contents.READINGS)


def rows_of(part: Part) -> list[copying.Row]:
    return msgspec.msgpack.decode(part.content, type=list[copying.Row])


def _counted(rows: list[copying.Row]) -> int:
    return sum(row[1] for row in rows)
