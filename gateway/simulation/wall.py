"""The gateway's wall clock and its faults, against virtual time that knows better.

After a power cut nothing is known of the time until a time service says it; then it is right to
some tenths of a second. A restart of the process alone keeps it.
"""

from random import Random

from gateway import records
from gateway.simulation.agenda import SECOND, Agenda

BEGAN_UNIX_S = 1_775_000_000  # some day in 2026
SYNC_S = (5, 1800)
ERROR_US = 400_000


class Wall:
    """Moments as a box knows them in this boot."""

    def __init__(self, agenda: Agenda, random: Random) -> None:
        self._agenda, self._random = agenda, random
        self._boot = 0
        self._booted = 0
        self._synchronised_at = 0
        self._error_us = 0

    def power_cut(self) -> None:
        """A new boot: monotonic time starts anew, and the wall clock is not known for a while."""
        self._boot += 1
        self._booted = self._agenda.now
        self._synchronised_at = self._agenda.now + self._random.randint(*SYNC_S) * SECOND
        self._error_us = self._random.randint(-ERROR_US, ERROR_US)

    def unix_ns(self, at: int) -> int | None:
        """What the wall clock says; None while it is not to be trusted."""
        if self._agenda.now < self._synchronised_at:
            return None
        return (BEGAN_UNIX_S * SECOND + at + self._error_us) * 1000

    def moment(self, at: int) -> records.Moment:
        unix_ns = self.unix_ns(at)
        quality = "unsynchronised" if unix_ns is None else "ntp"
        wall = None if unix_ns is None else unix_ns / 1e9
        return records.Moment(wall, quality, str(self._boot), (at - self._booted) / SECOND)


def true_unix_s(at: int) -> float:
    """What a perfect clock says."""
    return BEGAN_UNIX_S + at / SECOND
