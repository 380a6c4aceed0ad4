"""The write-ahead log at its working size from the start.

A log that grows makes the file system write its own journal with every fsync, for the file's new
size: three times the bytes of a small commit on an SD card. SQLite writes over an old log without
shortening it, so one megabyte written at the start spares it all (docs/performance.md).

SQLite believes no frame without the log's own salt and checksum: zeros behind the frames are as
good as the file's end.

Before it is opened it is written over with itself. After an fsync that failed the kernel may show
what never reached the card, and call it clean: SQLite would build on it.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

PAGE: Final = 1024  # bytes; small pages spare the card
PAGES: Final = 1000  # the log begins anew with the commit that has reached so many
_PIECE: Final = 64 * 1024  # bytes
_SIZE: Final = 32 + PAGES * (24 + PAGE)  # header, and frames


def log_of(database: Path) -> Path:
    """SQLite's write-ahead log."""
    return Path(f"{database}-wal")


def grow(database: Path) -> None:
    """Fill the log with zeros up to what it needs. Where that is not to be had, it grows slowly."""
    with suppress(OSError):
        descriptor = os.open(log_of(database), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            missing = _SIZE - os.fstat(descriptor).st_size
            if missing > 0:
                os.write(descriptor, bytes(missing))
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_anew(database: Path) -> None:
    """The same bytes, in their place, and synced. Raises OSError."""
    log = log_of(database)
    if not log.exists():
        return
    descriptor = os.open(log, os.O_RDWR | os.O_CLOEXEC)
    try:
        offset = 0
        while piece := os.pread(descriptor, _PIECE, offset):
            offset += os.pwrite(descriptor, piece, offset)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
