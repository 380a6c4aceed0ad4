"""The duty cycle at work: the ledger on this boot's monotonic time, and kept on disk.

A claim is on disk before it is on the air (docs/architecture.md §6): one row a sub-band, written
anew with each transmission. After a restart it ages by the wall clock, if that can be trusted now
and could be then; else nothing has aged.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from gateway.lorawan.duty_cycle import Ledger, Spent
from gateway.lorawan.region import SubBand
from gateway.records import Moment


class Claim(NamedTuple):
    """Airtime in µs on a frequency in Hz, and the second of the ledger that it is booked in."""

    frequency: int
    airtime_us: int
    second: int


class DutyCycle:
    """The airtime of this gateway. `known` is what the last run kept, `at` in wall time."""

    def __init__(
        self,
        sub_bands: Iterable[SubBand],
        known: Iterable[Spent],
        keep: Callable[[Spent], Awaitable[None]],
        now: Callable[[], Moment],
    ) -> None:
        self._keep, self._now = keep, now
        moment = now()
        spent = (one._replace(at=_monotonic(one, moment)) for one in known)
        self._ledger = Ledger(sub_bands, spent, moment.monotonic_s)

    def allows(self, frequency: int, airtime_us: int) -> bool:
        return self._ledger.allows(frequency, airtime_us, self._now().monotonic_s)

    async def claim(self, frequency: int, airtime_us: int, ahead_us: int) -> Claim:
        """Count airtime that begins in `ahead_us`; on disk when this returns."""
        moment = self._now()
        second = self._ledger.add(frequency, airtime_us, moment.monotonic_s + ahead_us / 1e6)
        if self._ledger.limits(frequency):
            spent = self._ledger.spent(frequency)
            await self._keep(spent._replace(at=_wall(spent, moment)))
        return Claim(frequency, airtime_us, second)

    def covers(self, claim: Claim, ahead_us: int) -> bool:
        """Whether what begins within `ahead_us` from now ends in the second that was claimed."""
        return self._now().monotonic_s + (ahead_us + claim.airtime_us) / 1e6 <= claim.second

    def give_back(self, claim: Claim) -> None:
        """It certainly never left; the disk hears of that with the next claim."""
        self._ledger.give_back(*claim)

    def seconds_left(self) -> dict[str, float]:
        """Airtime left by the sub-band's name, where the law sets a limit."""
        left = self._ledger.seconds_left(self._now().monotonic_s)
        return {band_name(band): round(seconds, 3) for band, seconds in left.items()}


def band_name(band: SubBand) -> str:
    """ "869.4-869.65", in MHz."""
    return f"{band.low / 1e6:g}-{band.high / 1e6:g}"


def _monotonic(one: Spent, moment: Moment) -> float | None:
    """When it was on this boot's monotonic time; not later than now, should the clock be wrong."""
    if one.at is None or moment.at is None:
        return None
    return moment.monotonic_s - max(0.0, moment.at - one.at)


def _wall(one: Spent, moment: Moment) -> float | None:
    if one.at is None or moment.at is None:
        return None
    return moment.at + (one.at - moment.monotonic_s)
