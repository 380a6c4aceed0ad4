"""A disk that forgets: what it may hold after a power cut, from the record of what was done to it.

Rules, those of POSIX where a file system promises no more:

- A file's bytes and its size are safe with a sync of the file, a name (made, changed, removed)
  with a sync of the directory; a new file's name is not safe with the file.
- What is not safe may have arrived or not, in any order: of each sector of 512 bytes any state
  since the last sync, of the size any since then, of the names' changes any. A sector is never
  torn in itself, nor is a rename.
- Where a file has grown and no data has arrived are zeros, or what was on the card before.

The record is made by recorder.c. One flat directory; who owns a file, and its mode, is not kept.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

T = TypeVar("T")

SECTOR = 512
ENTRY = struct.Struct("=qqqq")
EAGER = (0.0, 0.1, 0.5, 0.9, 1.0)  # how much of what is not safe arrives, about


class Entry(NamedTuple):
    """One step, as recorder.c has written it."""

    op: str
    descriptor: int
    offset: int
    data: bytes

    @property
    def names(self) -> list[str]:
        """Inside the directory; its own is empty."""
        return self.data.decode().split("\0")


def read_trace(trace: Path) -> Iterator[Entry]:
    raw, at = trace.read_bytes(), 0
    while at < len(raw):
        op, descriptor, offset, length = ENTRY.unpack_from(raw, at)
        at += ENTRY.size
        yield Entry(chr(op), descriptor, offset, raw[at : at + length])
        at += length


@dataclass(eq=False)
class File:
    """`safe` is what no power cut can take; `sectors` and `sizes` are the states since then."""

    safe: bytearray = field(default_factory=bytearray)
    sectors: dict[int, list[bytes]] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.sizes[-1] if self.sizes else len(self.safe)

    def write(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        for sector in range(offset // SECTOR, -(-end // SECTOR)):
            start = sector * SECTOR
            state = bytearray(self._now(sector))
            low, high = max(offset, start), min(end, start + SECTOR)
            state[low - start : high - start] = data[low - offset : high - offset]
            self.sectors.setdefault(sector, []).append(bytes(state))
        if end > self.size:
            self.sizes.append(end)

    def resize(self, size: int) -> None:
        if size < self.size:
            self.write(size, bytes(self.size - size))
        self.sizes.append(size)

    def sync(self) -> None:
        self.safe = bytearray(self.image(None))
        self.sectors.clear()
        self.sizes.clear()

    def image(self, chance: "Chance | None") -> bytes:
        """After a power cut, as chance has it; None: all has arrived."""
        size = self.size if chance is None else chance.one_of([len(self.safe), *self.sizes])
        image = self.safe[:size]
        grown = size - len(image)
        image += bytes(grown) if chance is None else chance.stale(grown)
        for sector, states in self.sectors.items():
            start = sector * SECTOR
            state = states[-1] if chance is None else chance.one_of([None, *states])
            if state is not None and start < size:
                image[start : start + SECTOR] = state[: size - start]
        return bytes(image)

    def _now(self, sector: int) -> bytes:
        if states := self.sectors.get(sector):
            return states[-1]
        start = sector * SECTOR
        return bytes(self.safe[start : start + SECTOR]).ljust(SECTOR, b"\0")


@dataclass(frozen=True)
class Chance:
    """Decides what arrives: the latest state with the probability `eager`, else any before."""

    random: Random
    eager: float

    def one_of(self, states: list[T]) -> T:
        if len(states) == 1 or self.random.random() < self.eager:
            return states[-1]
        return states[0] if self.eager == 0 else self.random.choice(states[:-1])

    def stale(self, length: int) -> bytes:
        return bytes(length) if self.random.random() < 0.5 else self.random.randbytes(length)


class Disk:
    """One directory. `do` follows the record, `image` is what a power cut now would leave."""

    def __init__(self, files: dict[str, bytes]) -> None:
        """These are safe from the beginning."""
        self._safe = {name: File(bytearray(content)) for name, content in files.items()}
        self._names = dict(self._safe)
        self._changes: list[dict[str, File | None]] = []
        self._open: dict[int, File | None] = {}

    def do(self, entry: Entry) -> None:
        match entry.op:
            case "o":
                self._opened(entry)
            case "c":
                del self._open[entry.descriptor]
            case "w":
                self._file(entry).write(entry.offset, entry.data)
            case "t":
                self._file(entry).resize(entry.offset)
            case "s":
                self._sync(self._open[entry.descriptor])
            case "u":
                self._change({entry.names[0]: None})
            case "r":
                old, new = entry.names
                self._change({old: None, new: self._names[old]})
            case other:
                raise ValueError(f"unknown step {other!r}")

    def image(self, random: Random) -> dict[str, bytes]:
        chance = Chance(random, random.choice(EAGER))
        names: dict[str, File | None] = dict(self._safe)
        for change in self._changes:
            if chance.one_of([False, True]):
                names.update(change)
        return {name: file.image(chance) for name, file in names.items() if file is not None}

    def whole(self) -> dict[str, bytes]:
        """As the process sees it: without a power cut, all arrives."""
        return {name: file.image(None) for name, file in self._names.items()}

    def _opened(self, entry: Entry) -> None:
        (name,) = entry.names
        if not name:
            self._open[entry.descriptor] = None
            return
        if name not in self._names:
            self._change({name: File()})
        self._open[entry.descriptor] = file = self._names[name]
        if entry.offset:
            file.resize(0)

    def _file(self, entry: Entry) -> File:
        file = self._open[entry.descriptor]
        assert file is not None, "a directory was written to"
        return file

    def _sync(self, file: File | None) -> None:
        if file is not None:
            file.sync()
        else:
            self._safe = dict(self._names)
            self._changes.clear()

    def _change(self, change: dict[str, File | None]) -> None:
        self._changes.append(change)
        for name, file in change.items():
            if file is None:
                del self._names[name]
            else:
                self._names[name] = file
