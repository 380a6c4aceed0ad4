"""A file is whole, or what was there stays: it is written beside its place and renamed over it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from gateway.errors import GatewayError


def place(file: Path) -> Path:
    """Where it is really written: a link stays one. Raises GatewayError for /dev/null, say, which
    would be replaced.
    """
    real = file.resolve()
    if real.exists() and not real.is_file():
        raise GatewayError(f"{file} is no file: name one")
    return real


@contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """What is written becomes `file` when the block has ended well, and is on disk then, name and
    all: who has made a backup pulls out the stick. Else nothing is left of it. It is for its owner
    alone, where the block does not say more. Raises GatewayError, OSError.
    """
    file = place(file)
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.unlink(missing_ok=True)
        new = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(new, "wb") as sink:
            yield sink
            sink.flush()
            os.fsync(new)
        beside.replace(file)
        _sync_name(file)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _sync_name(file: Path) -> None:
    try:
        sync(file.parent)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a share (SMB) does that by itself, or not at all
            raise


def sync(path: Path) -> None:
    """A file's content, or what a directory has. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
