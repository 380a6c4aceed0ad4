"""Airtime by sub-band, counted a second time: to the µs, and for every hour there is."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from gateway.simulation.agenda import HOUR


class Band(NamedTuple):
    """MHz, per mille of any hour, dBm e.i.r.p."""

    low: float
    high: float
    per_mille: int
    power: float


class DutyCycleAudit:
    """`add` each transmission in the order of their ends; it says what is wrong with it."""

    def __init__(self, bands: Iterable[Band]) -> None:
        self._sent: dict[Band, deque[tuple[int, int]]] = {band: deque() for band in bands}
        self._sum: dict[Band, int] = dict.fromkeys(self._sent, 0)

    def add(self, frequency: int, power: int, start: int, end: int) -> str | None:
        """Times in µs, frequency in Hz, power in dBm e.i.r.p."""
        band = next((band for band in self._sent if band.low <= frequency / 1e6 < band.high), None)
        if band is None:
            return f"{frequency} Hz is in no sub-band"
        if power > band.power:
            return f"{power} dBm at {frequency} Hz, {band.power} are allowed"
        sent, hour_ago = self._sent[band], end - HOUR
        sent.append((start, end))
        self._sum[band] += end - start
        while sent[0][1] <= hour_ago:
            began, ended = sent.popleft()
            self._sum[band] -= ended - began
        within = self._sum[band] - max(0, hour_ago - sent[0][0])
        allowed = HOUR * band.per_mille // 1000
        if within <= allowed:
            return None
        return f"{within} µs in {band.low:g}-{band.high:g} MHz within an hour, {allowed} allowed"
