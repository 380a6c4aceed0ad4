"""An exported database: flat tables that anybody can query, made with sqlite-utils.

`reading` by id; `measurement` has a row for each of a reading's values: a number in `value`, a word
in `text`; `event` has its own keys as JSON in `detail`. It is nobody's buffer: it is made at once
and without fsync, and counts when it has its name.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from sqlite_utils import Database

Row = dict[str, Any]

READING: Final = {
    "id": str, "device": str, "name": str, "session": str, "received_at": str,
    "time_quality": str, "boot_id": str, "monotonic_s": float, "f_port": int, "f_cnt": int,
    "confirmed": int, "payload": str, "error": str, "rssi": float, "snr": float, "sf": int,
    "bw": int, "frequency": int,
}  # fmt: skip
MEASUREMENT: Final = {
    "reading": str, "name": str, "value": float, "text": str, "unit": str, "flag": str,
}  # fmt: skip
EVENT: Final = {"id": str, "type": str, "at": str, "device": str, "detail": str}


class Flat:
    """One file that is being made; `close` it in any case."""

    def __init__(self, path: Path) -> None:
        self._database = Database(str(path), execute_plugins=False)
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            self._database.execute(f"PRAGMA {pragma}").fetchall()
        self._database.table("reading").create(READING, pk="id")
        self._database.table("measurement").create(
            MEASUREMENT, pk=("reading", "name"), foreign_keys=[("reading", "reading", "id")]
        )
        self._database.table("event").create(EVENT, pk="id")

    def add(self, readings: Iterable[Row], events: Iterable[Row]) -> None:
        """As the wire has them. What is there already under its id is passed over."""
        known = list(readings)
        self._database.table("reading").insert_all(map(_reading, known), ignore=True)
        values = [row for reading in known for row in _measurements(reading)]
        self._database.table("measurement").insert_all(values, ignore=True)
        self._database.table("event").insert_all(map(_event, events), ignore=True)

    def index(self) -> None:
        """For the questions that are asked most."""
        self._database.table("reading").create_index(["device", "received_at"])
        self._database.table("measurement").create_index(["name"])

    def close(self) -> None:
        self._database.close()


def _reading(reading: Row) -> Row:
    both = {**reading, **reading["radio"]}
    return {name: both.get(name) for name in READING}


def _measurements(reading: Row) -> Iterable[Row]:
    flags = reading.get("flags", {})
    for name, value in reading["measurements"].items():
        is_text = isinstance(value, str)
        yield {
            "reading": reading["id"],
            "name": name,
            "value": None if is_text else value,
            "text": value if is_text else None,
            "unit": reading["units"].get(name),
            "flag": flags.get(name),
        }


def _event(event: Row) -> Row:
    detail = {key: value for key, value in event.items() if key not in EVENT}
    return {name: event.get(name) for name in EVENT} | {"detail": json.dumps(detail)}
