"""What happens, in words: for the log, for systemd, and for whoever watches.

No word here is a payload's, a key's or a codec's (a codec may say what it was given): the log has
who it was, and one word for why; what is more is asked with `kogge why`.
"""

import logging
from collections.abc import Iterable
from typing import Final

from gateway.diagnostics.health import tell_systemd
from gateway.diagnostics.watch import Watch
from gateway.lorawan.outcome import Drop, DropReason
from gateway.records import Event, Reading, Record

log = logging.getLogger(__name__)

STRANGERS: Final = frozenset(
    {
        DropReason.BAD_CRC,
        DropReason.NO_CRC,
        DropReason.MALFORMED,
        DropReason.NOT_AN_UPLINK,
        DropReason.UNSUPPORTED,
        DropReason.UNKNOWN_DEVICE,
        DropReason.DUPLICATE,
    }
)
"""Drops that say nothing of our devices: they are counted, and not news."""


def radio(watch: Watch, state: str, reason: str) -> None:
    """The log has it from the radio itself."""
    watch.tell("radio", state=state, reason=reason)
    tell_systemd(STATUS=f"radio {state}{f': {reason}' if reason else ''}")


def store(watch: Watch, state: str, reason: str) -> None:
    """The log has it from the disk's own task."""
    watch.tell("store", state=state, reason=reason)


def city(watch: Watch, what: str, sentence: str) -> None:
    """`what` is the forwarder's: "connected", "disconnected", "refused", "parked", "paused"."""
    level = logging.INFO if what == "connected" else logging.WARNING
    happening = f"city_{what}" if what in ("connected", "disconnected") else None
    log.log(level, "city %s", sentence, extra={"reason": what, "happening": happening})
    watch.tell("city", what=what, reason=sentence)


def safe(watch: Watch, records: Iterable[Record]) -> None:
    """These are acknowledged by the broker, or on disk."""
    for record in records:
        if isinstance(record, Reading):
            watch.tell("safe", id=record.id)


def joined(dev_eui: str) -> None:
    log.info("%s joined", dev_eui, extra={"dev_eui": dev_eui, "happening": "joined"})


def dropped(drop: Drop) -> None:
    """A packet of a device of ours that went no further."""
    if drop.reason in STRANGERS:
        return
    whose = {
        "dev_eui": None if drop.dev_eui is None else f"{drop.dev_eui:016x}",
        "dev_addr": None if drop.dev_addr is None else f"{drop.dev_addr:08x}",
    }
    happening = "join_refused" if drop.is_join else None
    log.info(
        "%s of %s dropped: %s",
        "join" if drop.is_join else "packet",
        whose["dev_eui"] or whose["dev_addr"],
        drop.reason,
        extra={**whose, "reason": str(drop.reason), "happening": happening},
    )


def not_decoded(reading: Reading) -> None:
    log.warning(
        "a reading of %s is not decoded: kogge why %s tells the codec's words",
        reading.device,
        reading.device,
        extra={"dev_eui": reading.device, "reason": "not_decoded"},
    )


def downlink(result: Event) -> None:
    """What became of one of the city's."""
    device, status = result.detail["device"], result.detail["status"]
    log.info("downlink to %s: %s", device, status, extra={"dev_eui": device, "reason": status})
