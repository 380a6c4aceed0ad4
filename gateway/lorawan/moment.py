"""When an uplink ended, as well as the gateway can know it."""

from typing import NamedTuple


class Moment(NamedTuple):
    """Monotonic seconds; Unix time in ns (UTC) only while the wall clock can be trusted."""

    monotonic_s: float = 0.0
    unix_ns: int | None = None

    @property
    def unix_s(self) -> float | None:
        return None if self.unix_ns is None else self.unix_ns / 1e9


UNTIMED = Moment()
"""Of one who does not know the time: nothing is said of it, and no day ever passes."""
