"""One record of the log as a line: for a terminal, as JSON, or as fields of systemd's journal.

`extra` of a logging call may have these: `dev_eui`, `dev_addr`, `reason` (a word, never a
sentence), `happening` (a name in HAPPENINGS). Nothing else of a record leaves it: its arguments
least of all. A journal that is stuck may hold up who writes to it, as it does all of the machine.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any, Final, Protocol, TextIO

from gateway.one_line import one_line
from native.rfc3339 import rfc3339

FIELDS: Final = ("dev_eui", "dev_addr", "reason")
HAPPENINGS: Final = {
    "radio_receiving": "9ba6f4535c304a37a31a72b9fe8f8601",
    "radio_fault": "9ba6f4535c304a37a31a72b9fe8f8602",
    "city_connected": "9ba6f4535c304a37a31a72b9fe8f8603",
    "city_disconnected": "9ba6f4535c304a37a31a72b9fe8f8604",
    "store_failing": "9ba6f4535c304a37a31a72b9fe8f8605",
    "store_back": "9ba6f4535c304a37a31a72b9fe8f8606",
    "store_damaged": "9ba6f4535c304a37a31a72b9fe8f8607",
    "joined": "9ba6f4535c304a37a31a72b9fe8f8608",
    "join_refused": "9ba6f4535c304a37a31a72b9fe8f8609",
}
"""Their MESSAGE_ID= in the journal."""

_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4),
                      (logging.INFO, 6))  # fmt: skip
_DEBUG: Final = 7  # syslog(3)


class Lines(Protocol):
    """Where the log goes."""

    def parts(self, record: logging.LogRecord) -> Sequence[str]:
        """What is to be written."""
        ...

    def write(self, parts: Sequence[str]) -> None: ...


class Plain:
    """For eyes: level, name, words; a traceback below."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._formatter = logging.Formatter()

    def parts(self, record: logging.LogRecord) -> Sequence[str]:
        first, *others = self._formatter.format(record).splitlines() or [""]
        said = "\n".join(map(one_line, (f"{record.levelname:<7} {record.name}: {first}", *others)))
        return (f"{said}\n",)

    def write(self, parts: Sequence[str]) -> None:
        self._stream.writelines(parts)
        self._stream.flush()


class JsonLines(Plain):
    """One object a line; `at` is what the machine's clock says, right or not."""

    def parts(self, record: logging.LogRecord) -> Sequence[str]:
        said: dict[str, Any] = {
            "at": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_known(record),
        }
        if record.exc_info:
            said["exception"] = self._formatter.formatException(record.exc_info)
        return (json.dumps(said, ensure_ascii=False) + "\n",)


class Journal:
    """By systemd-python; ImportError where that is not installed."""

    def __init__(self) -> None:
        from systemd.journal import sendv  # optional

        self._sendv = sendv
        self._formatter = logging.Formatter("%(message)s")

    def parts(self, record: logging.LogRecord) -> Sequence[str]:
        known = _known(record)
        happening = known.pop("happening", None)
        fields = {
            "MESSAGE": self._formatter.format(record),
            "PRIORITY": next((p for level, p in _PRIORITIES if record.levelno >= level), _DEBUG),
            "SYSLOG_IDENTIFIER": "kogge",
            "LOGGER": record.name,
            "CODE_FILE": record.pathname,
            "CODE_LINE": record.lineno,
            "CODE_FUNC": record.funcName,
            **{key.upper(): value for key, value in known.items()},
        }
        if happening is not None:
            fields["MESSAGE_ID"] = HAPPENINGS[happening]
        return [f"{key}={value}" for key, value in fields.items()]

    def write(self, parts: Sequence[str]) -> None:
        self._sendv(*(part.encode("utf-8", "backslashreplace") for part in parts))


def _known(record: logging.LogRecord) -> dict[str, str]:
    names = (*FIELDS, "happening")
    found = {name: getattr(record, name, None) for name in names}
    return {name: str(value) for name, value in found.items() if value is not None}
