"""How long a device keeps still: join back-off (TS001-1.0.4 §7) and DutyCycleReq (§5.3).

Join-Requests may fill 36 s of the first hour, 36 s of the ten hours after it, and 8.7 s of each
day from then on, counted from the first one after power-up. All times are whole µs.
"""

from dataclasses import dataclass, field

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
FIRST, THEN, DAILY = (HOUR_US, 36_000_000), (10 * HOUR_US, 36_000_000), (DAY_US, 8_700_000)
"""Length of a span, and what may be sent in it."""


@dataclass(slots=True)
class JoinBackoff:
    """Of one device since its power-up; `reset` with the next one."""

    _spent: list[tuple[int, int]] = field(default_factory=list)

    def reset(self) -> None:
        self._spent.clear()

    def spend(self, now: int, airtime_us: int) -> None:
        self._spent.append((now, airtime_us))

    def wait_us(self, now: int, airtime_us: int) -> int:
        """µs until a Join-Request may go that lasts so long, which is no more than a day's."""
        if not self._spent:
            return 0
        began = self._spent[0][0]
        begins = began + self._span_start(now - began)
        while True:
            length, allowed = self._span(begins - began)
            until = begins + length
            spent = sum(airtime for when, airtime in self._spent if begins <= when < until)
            at = max(now, begins)
            if at < until and spent + airtime_us <= allowed:
                return at - now
            begins = until

    @staticmethod
    def _span_start(since: int) -> int:
        """Where the span begins that holds a moment, both since the first request."""
        if since < HOUR_US:
            return 0
        first_day = FIRST[0] + THEN[0]
        if since < first_day:
            return HOUR_US
        return since - (since - first_day) % DAY_US

    @staticmethod
    def _span(since: int) -> tuple[int, int]:
        if since < HOUR_US:
            return FIRST
        return THEN if since < FIRST[0] + THEN[0] else DAILY


def quiet_us(airtime_us: int, max_duty_cycle: int) -> int:
    """µs of silence after a transmission: 1 / 2^MaxDCycle of the time may be sent."""
    return airtime_us * ((1 << max_duty_cycle) - 1)
