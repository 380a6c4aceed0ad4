"""What happens, in words: for the log, for systemd, and for whoever watches."""

import logging
from collections.abc import Iterable

from gateway.diagnostics.health import tell_systemd
from gateway.diagnostics.watch import Watch
from gateway.records import Reading, Record

log = logging.getLogger(__name__)


def radio(watch: Watch, state: str, reason: str) -> None:
    """The log has it from the radio itself."""
    watch.tell("radio", state=state, reason=reason)
    tell_systemd(STATUS=f"radio {state}{f': {reason}' if reason else ''}")


def store(watch: Watch, state: str, reason: str) -> None:
    """The log has it from the disk's own task."""
    watch.tell("store", state=state, reason=reason)


def city(watch: Watch, what: str, sentence: str) -> None:
    """`what` is the forwarder's: "connected", "disconnected", "refused", "parked", "paused"."""
    log.log(logging.INFO if what == "connected" else logging.WARNING, "city %s", sentence)
    watch.tell("city", what=what, reason=sentence)


def safe(watch: Watch, records: Iterable[Record]) -> None:
    """These are acknowledged by the broker, or on disk."""
    for record in records:
        if isinstance(record, Reading):
            watch.tell("safe", id=record.id)
