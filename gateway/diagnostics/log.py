"""Where the daemon's words go: the systemd journal when it holds us, else stderr."""

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


def _journal() -> logging.Handler | None:
    try:
        from systemd.journal import JournalHandler
    except ImportError:
        return None
    handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER="kogge")
    handler.setFormatter(logging.Formatter("%(message)s"))  # the journal has level and name apart
    return handler
