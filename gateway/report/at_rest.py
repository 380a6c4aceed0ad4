"""What the database of a daemon that does not run has for a report: history and signals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.devices.facts import UPLINKS
from gateway.history import History, Sample
from gateway.records import Reading
from gateway.store import archive_tables, at_rest, history

BLOCKS: Final = 16  # of the archive, the newest: some 8000 readings
SLICES: Final = 32


def samples(database: Path) -> list[Sample]:
    """Raises StoreError, ControlError, PermissionError."""
    known = History()
    with at_rest.opened(database) as connection:
        known.load(history.read(connection))
    return list(known.samples())


def signals(database: Path) -> list[dict[str, Any]]:
    """As the daemon tells them, of the last readings. Raises as `samples`."""
    found: dict[str, dict[str, Any]] = {}
    with at_rest.opened(database) as connection:
        for reading in _readings(connection):
            one = found.setdefault(reading.device, {
                "dev_eui": reading.device, "name": reading.name, "uplinks": [],
            })  # fmt: skip
            one["uplinks"].append([reading.radio.sf, reading.radio.snr])
    for one in found.values():
        one["uplinks"] = one["uplinks"][-UPLINKS:]
    return list(found.values())


def _readings(connection: Any) -> Iterator[Reading]:
    """The archive's come before those that wait."""
    for block in archive_tables.load(connection)[-BLOCKS:]:
        yield from archive_tables.read(connection, block.number) or ()
    tally = at_rest.tally(connection, archive=False)
    slices = at_rest.slices(connection, tally, newest=True, archive=False)
    waiting = [one for _, one in zip(range(SLICES), slices, strict=False)]
    for records in reversed(waiting):
        yield from (one for one in reversed(records) if isinstance(one, Reading))
