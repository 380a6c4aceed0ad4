"""Where the daemon's words go: the systemd journal when it holds us, else stderr."""

import asyncio
import logging
import os
import sys


def open_log(level: int = logging.INFO) -> None:
    """Set up logging once, at the start of the process."""
    handler = _journal() if "JOURNAL_STREAM" in os.environ else None
    if handler is None:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


class LogLevel:
    """How much is logged, and for a while more or less than that."""

    def __init__(self) -> None:
        self._usual = logging.getLogger().level
        self._back: asyncio.TimerHandle | None = None

    def change(self, level: str, minutes: int) -> None:
        """From now on `level`; after the minutes as usual again."""
        if self._back is not None:
            self._back.cancel()
        logging.getLogger().setLevel(level.upper())
        loop = asyncio.get_running_loop()
        self._back = loop.call_later(minutes * 60, logging.getLogger().setLevel, self._usual)


def _journal() -> logging.Handler | None:
    try:
        from systemd.journal import JournalHandler
    except ImportError:
        return None
    handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER="kogge")
    handler.setFormatter(logging.Formatter("%(message)s"))  # the journal has level and name apart
    return handler
