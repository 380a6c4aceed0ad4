"""The chip's running count: read whole, extended to 32 bits of µs, held against real time.

The rules:

- One request, if the count is about where it should be; else the reading may be torn, and it is
  read as the reference does (docs/sx1302.md §6.1).
- It is held against a reading a few seconds old, not against the last one: a count that stands
  still or goes wrong is found however often it is read.
- It must be read before it wraps twice. After too long a pause it is not trusted any more.
- Which second a count was at is told by the reading that was answered soonest, until the two
  oscillators (±50 ppm each) have drifted further apart since than a newer one may be wrong.
- The same eight bytes hold what the count was at the last pulse per second.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from drivers.concentrator import ChipError
from drivers.sx1302.chip import Chip
from drivers.sx1302.health import count_fault
from drivers.sx1302.timestamps import COUNT_MODULUS, TICKS_PER_US, CounterExtension, since

COUNTERS = 0x6101  # at the last pulse, now: 32 bits each
AGE = 2.0  # s that a reading is held against; then a newer one
DATED, DRIFT = 600.0, 100e-6  # s at most for which one reading tells dates; two oscillators'
BEHIND_US = 500_000  # a reading less than this behind the last is torn in a low byte: no wrap


@dataclass(frozen=True, slots=True)
class Reading:
    """Eight bytes, asked for and answered at these seconds."""

    counts: bytes
    asked: float
    answered: float

    @property
    def us(self) -> int:
        """27 bits."""
        return int.from_bytes(self.counts[4:], "big") // TICKS_PER_US

    @property
    def doubt(self) -> float:
        """Seconds by which `at` may be wrong."""
        return (self.answered - self.asked) / 2

    @property
    def at(self) -> float:
        """When the count was so."""
        return self.asked + self.doubt

    def fault(self, before: "Reading | None") -> str | None:
        """What is wrong with this reading after that one; with the first nothing can be."""
        if before is None:
            return None
        least, most = self.asked - before.answered, self.answered - before.asked
        return count_fault(before.us, self.us, least, most)


class RunningCount:
    """Of one chip session. `now` is in seconds; `pulses` are the different PPS counts seen."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.extension = CounterExtension()
        self.pulses = 0
        self._now = now
        self._pulse = bytes(4)
        self._basis: Reading | None = None
        self._dated: tuple[Reading, int] | None = None  # and its count with 32 bits
        self._turn = asyncio.Lock()

    async def read(self, chip: Chip) -> int:
        """The count in µs, modulo 2^32. ChipError when it has gone wrong."""
        async with self._turn:
            reading = await self._reading(chip)
            if self._basis is None or reading.fault(self._basis) is not None:
                reading = await self._untorn(chip, reading)
            fault = reading.fault(self._basis)
            if fault is not None:
                raise ChipError(fault)
            return self._take(reading)

    async def _reading(self, chip: Chip) -> Reading:
        asked = self._now()
        counts = await chip.read(COUNTERS, 8)
        return Reading(counts, asked, self._now())

    async def _untorn(self, chip: Chip, first: Reading) -> Reading:
        second = await self._reading(chip)
        whole = (first.counts[0], first.counts[4]) == (second.counts[0], second.counts[4])
        return first if whole else await self._reading(chip)

    def _take(self, reading: Reading) -> int:
        behind = (self.extension.reference - reading.us) % COUNT_MODULUS
        torn = self._basis is not None and behind < BEHIND_US
        if self._basis is None or reading.asked - self._basis.asked >= AGE:
            self._basis = reading
        if self._pulse != reading.counts[:4]:
            self._pulse = reading.counts[:4]
            self.pulses += 1
        if torn:
            return self.extension.advance(self.extension.reference)
        us = self.extension.advance(reading.us)
        self._date(reading, us)
        return us

    def _date(self, reading: Reading, us: int) -> None:
        if self._dated is not None:
            before, _ = self._dated
            age = reading.at - before.at
            if age < DATED and reading.doubt > before.doubt + age * DRIFT:
                return
        self._dated = reading, us

    def second(self, us: int) -> float:
        """When the count was `us`, of 32 bits and some minutes ago at most. It has been read."""
        assert self._dated is not None
        reading, then = self._dated
        return reading.at + since(us, then) / 1e6
