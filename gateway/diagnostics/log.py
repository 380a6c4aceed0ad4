"""Where the daemon's words go, and how many of them: the systemd journal when it holds us, else
stderr: plain words for a terminal, JSON lines for all others.

Nothing vanishes uncounted: what the limits (log_limits.py) keep back is told in a line of its own,
and in the metrics.
"""

import asyncio
import copy
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from gateway.diagnostics.log_limits import USUAL_MIB_PER_DAY, Kept, Repetitions, Volume
from gateway.diagnostics.log_lines import Journal, JsonLines, Lines, Plain

MIB: Final = 1024 * 1024
STDERR: Final = 2  # its descriptor
LOOK_EVERY: Final = 10.0  # seconds; when a window has ended that is told so soon


class Log(logging.Handler):
    """`written` counts lines by level, `kept_back` those that were not, by "rate" and "volume";
    `failed` could not be written: it is counted, for there is nobody to tell.
    """

    def __init__(self, lines: Lines, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines, self._now = lines, now
        self._repetitions, self._volume = Repetitions(), Volume(USUAL_MIB_PER_DAY * MIB)
        self.written: Counter[str] = Counter()
        self.kept_back: Counter[str] = Counter(rate=0, volume=0)
        self.bytes, self.failed = 0, 0

    def limit(self, mib_per_day: int) -> None:
        self._volume.per_day = mib_per_day * MIB

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            self.tell()
            await asyncio.sleep(LOOK_EVERY)

    def emit(self, record: logging.LogRecord) -> None:
        now = self._now()
        self._tell(now)
        if self._repetitions.passes(record, now):
            self._write(record, now)
        else:
            self.kept_back["rate"] += 1

    def tell(self) -> None:
        """What was kept back, as far as its time is over."""
        self._locked(self._now())

    def flush(self) -> None:
        """All of it: logging calls this at the end of the process."""
        self._locked(self._now(), all_of_them=True)

    def _locked(self, now: float, *, all_of_them: bool = False) -> None:
        self.acquire()
        try:
            self._tell(now, all_of_them=all_of_them)
        finally:
            self.release()

    def _tell(self, now: float, *, all_of_them: bool = False) -> None:
        kept = self._volume.day_ended(now)
        if kept:
            self._write(_words(f"{kept} lines of the last 24 h were not written"), now)
        for one in self._repetitions.ended(now, all_of_them=all_of_them):
            self._write(_more(one), now)

    def _write(self, record: logging.LogRecord, now: float) -> None:
        parts = self._lines.parts(record)
        is_error = record.levelno >= logging.ERROR
        if self._volume.passes(_size(parts), is_error=is_error, now=now):
            self._put(record.levelname.lower(), parts)
            return
        self.kept_back["volume"] += 1
        if self._volume.kept == 1:
            self._put("warning", self._lines.parts(_words(self._full(now))))

    def _put(self, level: str, parts: Sequence[str]) -> None:
        try:
            self._lines.write(parts)
        except OSError:
            self.failed += 1
            return
        self.written[level] += 1
        self.bytes += _size(parts)

    def _full(self, now: float) -> str:
        return (
            f"the log has had its {self._volume.per_day // MIB} MiB of this day (log.mib_per_day):"
            " what is no error is counted and not written for the next"
            f" {self._volume.hours_left(now):.1f} h"
        )


def _size(parts: Sequence[str]) -> int:
    return sum(len(part.encode("utf-8", "backslashreplace")) for part in parts)


def _words(sentence: str) -> logging.LogRecord:
    """A line of the log's own."""
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, sentence, (), None)


def _more(kept: Kept) -> logging.LogRecord:
    """Like the last one that it tells of, with its fields."""
    record = copy.copy(kept.last)
    record.msg, record.exc_info, record.exc_text = "and %d more like it in %.0f s: %s", None, None
    record.args = (kept.lines, kept.seconds, kept.last.getMessage())
    return record


def open_log(level: int = logging.INFO) -> Log:
    """Set up logging once, at the start of the process."""
    log = Log((_journal() if _is_journal(STDERR) else None) or _stderr())
    logging.basicConfig(level=level, handlers=[log])
    return log


def _is_journal(descriptor: int) -> bool:
    """systemd.exec(5): JOURNAL_STREAM is inherited by those whose stderr is another's too."""
    try:
        status = os.fstat(descriptor)
    except OSError:  # it is closed
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def _journal() -> Lines | None:
    try:
        return Journal()
    except ImportError:
        return None


def _stderr() -> Lines:
    return Plain(sys.stderr) if sys.stderr.isatty() else JsonLines(sys.stderr)


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
