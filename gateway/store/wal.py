"""The write-ahead log at its working size from the start.

A log that grows makes the file system write its own journal with every fsync, for the file's new
size: three times the bytes of a small commit on an SD card. SQLite writes over an old log without
shortening it, so one megabyte written at the start spares it all (docs/performance.md).

SQLite believes no frame without the log's own salt and checksum: zeros behind the frames are as
good as the file's end.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

PAGE: Final = 1024  # bytes; small pages spare the card
PAGES: Final = 1000  # the log begins anew with the commit that has reached so many
_SIZE: Final = 32 + PAGES * (24 + PAGE)  # header, and frames


def grow(database: Path) -> None:
    """Fill the log with zeros up to what it needs. Where that is not to be had, it grows slowly."""
    with suppress(OSError):
        descriptor = os.open(f"{database}-wal", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            missing = _SIZE - os.fstat(descriptor).st_size
            if missing > 0:
                os.write(descriptor, bytes(missing))
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
