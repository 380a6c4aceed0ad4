"""What `kogge buffer export` writes: CSV, JSON lines or a database; and a file is whole or not.

- A file has another name until it is whole; what is broken off leaves nothing.
- CSV is one row a reading. Which measurements there are is known at the end: rows wait in a file
  without a name, and get their columns then.
- A spreadsheet takes a cell that begins with one of `=+-@` for a formula, and what a device or an
  operator has named could be one: such text gets a ' in front (OWASP, CSV injection). Numbers, ids
  and times are as they are.
"""

import csv
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol

from gateway.whole_file import place

Row = dict[str, Any]

COLUMNS: Final = (
    "received_at", "device", "name", "f_cnt", "f_port", "confirmed", "time_quality", "boot_id",
    "monotonic_s", "id", "session", "rssi", "snr", "sf", "bw", "frequency", "payload", "error",
    "units", "flags",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Output(Protocol):
    """What takes records as the wire has them, and is then finished."""

    def add(self, readings: Sequence[Row], events: Sequence[Row]) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class JsonLines:
    """Readings alone, one a line, as docs/mqtt.md has them."""

    def __init__(self, sink: IO[str]) -> None:
        self._sink = sink

    def add(self, readings: Sequence[Row], events: Sequence[Row]) -> None:
        for reading in readings:
            self._sink.write(json.dumps(reading, ensure_ascii=False) + "\n")

    def finish(self) -> None:
        self._sink.flush()

    def close(self) -> None:
        pass


class Csv:
    """Readings alone; their rows wait in the directory `room`."""

    def __init__(self, sink: IO[str], room: Path | None) -> None:
        self._sink = sink
        self._rows = tempfile.TemporaryFile(  # noqa: SIM115 # `close` is called
            "w+", encoding="utf-8", newline="", dir=room
        )
        self._names: dict[str, None] = {}

    def add(self, readings: Sequence[Row], events: Sequence[Row]) -> None:
        write = csv.writer(self._rows)
        for reading in readings:
            self._names |= dict.fromkeys(reading["measurements"])
            write.writerow(_cells(reading, self._names))

    def finish(self) -> None:
        self._rows.seek(0)
        write = csv.writer(self._sink)
        header = [*COLUMNS, *(_column(name) for name in self._names)]
        write.writerow(header)
        for row in csv.reader(self._rows):
            write.writerow(row + [""] * (len(header) - len(row)))
        self._sink.flush()

    def close(self) -> None:
        self._rows.close()


def _cells(reading: Row, names: Mapping[str, None]) -> list[Any]:
    lists = {key: _listed(reading.get(key, {})) for key in ("units", "flags")}
    flat = {**reading, **reading["radio"], **lists}
    measured = reading["measurements"]
    return [_cell(flat.get(name)) for name in COLUMNS] + [_cell(measured.get(n)) for n in names]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _listed(words: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {word}" for name, word in words.items())


def _column(name: str) -> str:
    """A measurement's, which may be called as another column is."""
    return f"measurement.{name}" if name in COLUMNS else str(_cell(name))


@contextmanager
def output(kind: str, to: Path | None) -> Iterator[Output]:
    """`kind` is "csv", "jsonl" or "sqlite"; to stdout when `to` is None."""
    if to is None:
        yield from _finished(_text(kind, sys.stdout, None))
        return
    to = place(to)
    half = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
        yield from _file(kind, half)
        half.replace(to)
    finally:
        half.unlink(missing_ok=True)


def _file(kind: str, path: Path) -> Iterator[Output]:
    if kind == "sqlite":
        yield from _finished(_Flat(path))
    else:
        with path.open("w", encoding="utf-8", newline="") as sink:
            yield from _finished(_text(kind, sink, path.parent))


def _text(kind: str, sink: IO[str], room: Path | None) -> Output:
    return Csv(sink, room) if kind == "csv" else JsonLines(sink)


def _finished(one: Output) -> Iterator[Output]:
    try:
        yield one
        one.finish()
    finally:
        one.close()


class _Flat:
    """A database; what sqlite-utils needs is imported for it alone."""

    def __init__(self, path: Path) -> None:
        from gateway.store.flat import Flat

        self._flat = Flat(path)

    def add(self, readings: Sequence[Row], events: Sequence[Row]) -> None:
        self._flat.add(readings, events)

    def finish(self) -> None:
        self._flat.index()

    def close(self) -> None:
        self._flat.close()
