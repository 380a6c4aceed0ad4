"""What the sensors of the demo's city see, and how their makers put it into bytes.

Each sensor is a small world of its own: `report(minutes)` lets that many minutes pass and returns
the uplink that it then sends. The layouts are the makers' published ones; the functions at the
end are pure, so that they can be held against published examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from struct import pack
from typing import NamedTuple, Protocol


class Report(NamedTuple):
    """One application payload and its FPort."""

    f_port: int
    payload: bytes


class Sensor(Protocol):
    def report(self, minutes: float) -> Report:
        """Let the world go on for so many minutes, then measure."""
        ...


@dataclass(slots=True)
class BoschTps110:
    """A parking space: says when a car comes or goes, and that it is alive in between."""

    random: Random
    occupied: bool
    temperature: float = 11.0

    def report(self, minutes: float) -> Report:
        self.temperature += self.random.uniform(-0.3, 0.3)
        if self.random.random() < 0.6:
            self.occupied = not self.occupied
            return Report(1, tps110_status(self.occupied))
        return Report(2, tps110_heartbeat(self.occupied, round(self.temperature)))


@dataclass(slots=True)
class NwaveNps405:
    """A parking space: each report tells how long the state before lasted."""

    random: Random
    occupied: bool

    def report(self, minutes: float) -> Report:
        self.occupied = not self.occupied
        return Report(1, nps405_status(self.occupied, round(minutes + self.random.uniform(0, 20))))


@dataclass(slots=True)
class DingtekDf702:
    """A waste bin of a known depth: it fills, and is emptied when it is nearly full."""

    random: Random
    depth_mm: int
    filled: float
    temperature: float = 12.0

    def report(self, minutes: float) -> Report:
        self.filled += minutes * self.random.uniform(0.001, 0.006)
        if self.filled > 0.95:
            self.filled = 0.02
        self.temperature += self.random.uniform(-0.4, 0.4)
        level_mm = round(self.depth_mm * (1 - self.filled))
        return Report(3, df702(level_mm, round(self.temperature), full=level_mm < 300))


@dataclass(slots=True)
class DecentlabPm:
    """An air-quality station: particles, temperature, humidity, pressure."""

    random: Random
    device_id: int
    pm: float = 7.4
    temperature: float = 11.3
    humidity: float = 78.0
    pressure_pa: float = 101_320.0

    def report(self, minutes: float) -> Report:
        drift = self.random.uniform
        self.pm = min(60.0, max(2.0, self.pm + drift(-0.8, 0.9)))
        self.temperature += drift(-0.2, 0.2)
        self.humidity = min(99.0, max(40.0, self.humidity + drift(-1.0, 1.0)))
        self.pressure_pa += drift(-12, 12)
        masses = [self.pm * share for share in (0.55, 0.8, 0.92, 1.0)]
        numbers = [self.pm * share for share in (3.6, 4.3, 4.4, 4.41, 4.42)]
        climate = (self.temperature, self.humidity, self.pressure_pa)
        return Report(1, dl_pm(self.device_id, 3.087, masses, 520, numbers, climate))


@dataclass(slots=True)
class DecentlabPr26:
    """A river gauge: the pressure of the water above it, 0 to 1 bar."""

    random: Random
    device_id: int
    level_m: float = 1.62
    temperature: float = 8.4

    def report(self, minutes: float) -> Report:
        self.level_m += minutes * self.random.uniform(-0.0005, 0.0025)
        self.temperature += self.random.uniform(-0.05, 0.05)
        bar = self.level_m * BAR_PER_METRE
        return Report(1, dl_pr26(self.device_id, bar, self.temperature, 3.142))


BAR_PER_METRE = 0.0981


def tps110_status(occupied: bool) -> bytes:
    """Bosch TPS110, FPort 1: bit 0 = occupied."""
    return bytes([occupied])


def tps110_heartbeat(occupied: bool, temperature: int) -> bytes:
    """Bosch TPS110, FPort 2: bit 0 = occupied; signed °C."""
    return pack(">Bb", occupied, temperature)


def nps405_status(occupied: bool, minutes: int) -> bytes:
    """Nwave NPS405, FPort 1: bit 0 = occupied; above it how long the state before lasted."""
    return bytes([_nps405_duration(minutes) << 1 | occupied])


def _nps405_duration(minutes: int) -> int:
    """Single minutes below 90, steps of 5 below 240, steps of 60 below 660, then 127."""
    if minutes < 90:
        return max(0, minutes)
    if minutes < 240:
        return 90 + (minutes - 90) // 5
    return min(127, 120 + (minutes - 240) // 60)


def df702(level_mm: int, temperature: int, full: bool = False) -> bytes:
    """Dingtek DF702, FPort 3, heartbeat without GPS: distance to the waste in mm, °C, alarm."""
    head = pack(">BBBBBH", 0x80, 0x00, 0x01, 0x01, 17, level_mm)
    return head + bytes([0, temperature, 0, 0, full << 4, 0, 0, 0, 0, 0x81])


def dl_pm(
    device_id: int,
    battery_v: float,
    masses: Sequence[float],
    size_nm: int,
    numbers: Sequence[float],
    climate: tuple[float, float, float],
) -> bytes:
    """Decentlab DL-PM: 4 masses in µg/m³, 5 numbers in 1/cm³; °C, % and Pa."""
    temperature, humidity, pascal = climate
    words = [
        battery_v * 1000,
        *(10 * mass for mass in masses),
        size_nm,
        *(10 * number for number in numbers),
        (temperature + 46.85) / 175.72 * 65536,
        (humidity + 6) / 125 * 65536,
        pascal / 2,
    ]
    return _decentlab(device_id, 0b1111, words)


def dl_pr26(device_id: int, bar: float, temperature: float, battery_v: float) -> bytes:
    """Decentlab DL-PR26 (Keller 26, 0 to 1 bar)."""
    words = [bar * 32768 + 16384, (temperature + 50) / 0.003125 + 384, battery_v * 1000]
    return _decentlab(device_id, 0b11, words)


def _decentlab(device_id: int, flags: int, words: Sequence[float]) -> bytes:
    """Protocol version 2, id, a flag per group of words; big-endian words of 16 bits."""
    return pack(f">BHH{len(words)}H", 2, device_id, flags, *(round(word) for word in words))
