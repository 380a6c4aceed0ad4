"""A file is whole, or what was there stays: it is written beside its place and renamed over it."""

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
def replacing(file: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """What is written becomes `file` when the block has ended well, and is on disk then; else
    nothing is left of it. Raises GatewayError, OSError.
    """
    file = place(file)
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.unlink(missing_ok=True)
        new = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(new, "wb") as sink:
            yield sink
            sink.flush()
            os.fsync(new)
        beside.replace(file)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
