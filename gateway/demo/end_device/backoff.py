"""How long a device keeps still: join back-off (TS001-1.0.4 §7) and DutyCycleReq (§5.3).

Join-Requests may fill 36 s of the first hour, 36 s of the ten hours after it, and 8.7 s of each
day from then on, counted from the first one after power-up.
"""

from dataclasses import dataclass, field
from math import inf

HOUR_S = 3600.0
SPANS = ((HOUR_S, 36.0), (10 * HOUR_S, 36.0))
DAY_S, A_DAY = 24 * HOUR_S, 8.7


@dataclass(slots=True)
class JoinBackoff:
    """Of one device since its power-up; `reset` once it has joined."""

    _spent: list[tuple[float, float]] = field(default_factory=list)

    def reset(self) -> None:
        self._spent.clear()

    def spend(self, now_s: float, airtime_us: int) -> None:
        self._spent.append((now_s, airtime_us / 1e6))

    def wait_s(self, now_s: float, airtime_us: int) -> float:
        """Seconds until a Join-Request of that length may go."""
        if not self._spent:
            return 0.0
        began = self._spent[0][0]
        from_s, at = began, now_s
        while True:
            length, allowed = self._span(from_s - began)
            until = from_s + length
            spent = sum(airtime for when, airtime in self._spent if from_s <= when < until)
            if at < until and spent + airtime_us / 1e6 <= allowed:
                return max(at, from_s) - now_s
            from_s = until
            at = max(at, until)
            if from_s - began > 400 * DAY_S:
                return inf

    @staticmethod
    def _span(since_s: float) -> tuple[float, float]:
        """Length and allowance of the span that begins that long after the first request."""
        if since_s < HOUR_S:
            return SPANS[0]
        return SPANS[1] if since_s < 11 * HOUR_S else (DAY_S, A_DAY)


def quiet_s(airtime_us: int, max_duty_cycle: int) -> float:
    """Seconds of silence after a transmission: 1 / 2^MaxDCycle of the time may be sent."""
    return airtime_us / 1e6 * ((1 << max_duty_cycle) - 1)
