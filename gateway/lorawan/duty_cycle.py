"""What was sent in each sub-band within the last hour, and what still may be (ETSI EN 300 220-1).

Rules:

- A sub-band may be used for its share of any hour, wherever that hour begins. Airtime counts from
  the moment it is claimed until an hour after its end.
- Time is an argument: seconds on any axis that only rises. What is claimed may lie ahead.
- Bounds err on the safe side: ends are rounded up to whole seconds, what is claimed stays claimed
  unless it is given back because it certainly never left, and of an earlier run only the sum is
  known, as sent at its last moment, or just now where that moment is unknown.
- A frequency outside all sub-bands is not this ledger's to allow.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from gateway.lorawan.region import SubBand

HOUR = 3600
US = 1_000_000


class Spent(NamedTuple):
    """A sub-band's airtime, taken to end at `at` (None: nobody knows when).

    The sub-band is named by its lower edge in Hz.
    """

    low: int
    airtime_us: int
    at: float | None


@dataclass(slots=True)
class _Account:
    """One sub-band. `seconds`: the second in which airtime ends, and how many µs end in it."""

    band: SubBand
    used_us: int = 0
    seconds: deque[tuple[int, int]] = field(default_factory=deque)

    @property
    def budget_us(self) -> int:
        return round(self.band.duty_cycle * HOUR * US)

    def age(self, now: float) -> None:
        while self.seconds and self.seconds[0][0] + HOUR <= now:
            self.used_us -= self.seconds.popleft()[1]

    def add(self, airtime_us: int, end: float) -> int:
        second, same = ceil(end), 0
        if self.seconds and self.seconds[-1][0] >= second:
            second, same = self.seconds.pop()
        self.seconds.append((second, same + airtime_us))
        self.used_us += airtime_us
        return second

    def give_back(self, airtime_us: int, second: int) -> None:
        for index, (one, used) in enumerate(self.seconds):
            if one == second:
                self.seconds[index] = one, used - airtime_us
                self.used_us -= airtime_us


class Ledger:
    """The accounts of a region's sub-bands; `spent` is what an earlier run left."""

    def __init__(
        self, sub_bands: Iterable[SubBand], spent: Iterable[Spent] = (), now: float = 0
    ) -> None:
        self._accounts = tuple(_Account(band) for band in sub_bands)
        by_low = {account.band.low: account for account in self._accounts}
        for one in spent:
            if one.low in by_low:
                by_low[one.low].add(one.airtime_us, now if one.at is None else one.at)

    def allows(self, frequency: int, airtime_us: int, now: float) -> bool:
        """Whether that much airtime may be claimed now."""
        account = self._account(frequency)
        if account is None:
            return False
        account.age(now)
        return account.used_us + airtime_us <= account.budget_us

    def add(self, frequency: int, airtime_us: int, at: float) -> int:
        """Claim airtime that begins at `at`, which `allows` has just allowed; returns the second
        that it is booked in.
        """
        account = self._account(frequency)
        assert account is not None
        return account.add(airtime_us, at + airtime_us / US)

    def give_back(self, frequency: int, airtime_us: int, second: int) -> None:
        """What was claimed, and booked in that second, has certainly not been sent."""
        account = self._account(frequency)
        assert account is not None
        account.give_back(airtime_us, second)

    def spent(self, frequency: int) -> Spent:
        """What the next run has to know about this sub-band."""
        account = self._account(frequency)
        assert account is not None
        at = account.seconds[-1][0] if account.seconds else None
        return Spent(account.band.low, account.used_us, at)

    def limits(self, frequency: int) -> bool:
        """Whether the law limits the airtime there."""
        account = self._account(frequency)
        return account is None or account.band.duty_cycle < 1

    def seconds_left(self, now: float) -> dict[SubBand, float]:
        """The airtime that may still be claimed now in each sub-band that has a limit."""
        left = {}
        for account in self._accounts:
            account.age(now)
            if account.band.duty_cycle < 1:
                left[account.band] = max(0, account.budget_us - account.used_us) / US
        return left

    def _account(self, frequency: int) -> _Account | None:
        for account in self._accounts:
            if account.band.low <= frequency < account.band.high:
                return account
        return None
