"""The chip's free-running count: 32 MHz since the chip's reset, seen against the board's clock.

Board times are integer nanoseconds of whatever clock was given (real or virtual); a tick is
31.25 ns. Times computed from ticks are rounded up, so that the count at that time is that tick.
"""

TICKS_PER_US = 32
WRAP = 1 << 32


class Counter:
    """Ticks and µs since the reset at `epoch_ns`; both wrap at 32 bits (§6.1)."""

    def __init__(self, epoch_ns: int) -> None:
        self.start(epoch_ns)

    def start(self, epoch_ns: int) -> None:
        """Count from 0."""
        self.epoch_ns = epoch_ns
        self._stopped_ns: int | None = None

    def stop(self, at_ns: int) -> None:
        """Show the count of this time from now on."""
        self._stopped_ns = at_ns

    def go_on(self) -> None:
        """Show the count as if it had never stopped."""
        self._stopped_ns = None

    def ticks(self, at_ns: int) -> int:
        """The 32-bit count at a time."""
        return self._elapsed(at_ns if self._stopped_ns is None else self._stopped_ns) % WRAP

    def us(self, at_ns: int) -> int:
        """The 32-bit µs counter that a driver makes of it."""
        return self._elapsed(at_ns) // TICKS_PER_US % WRAP

    def next_ns(self, ticks: int, now_ns: int) -> int:
        """When the 32-bit count next shows `ticks`; now, if it shows it now."""
        elapsed = self._elapsed(now_ns)
        return self._at(elapsed + (ticks - elapsed) % WRAP)

    def after_ns(self, at_ns: int, ticks: int) -> int:
        """The time `ticks` later."""
        return self._at(self._elapsed(at_ns) + ticks)

    def nearest_ns(self, us: int, now_ns: int) -> int:
        """When the µs counter shows `us`: past or future, whichever is nearer."""
        now_us = self._elapsed(now_ns) // TICKS_PER_US
        ahead = (us - now_us + WRAP // 2) % WRAP - WRAP // 2
        return self._at((now_us + ahead) * TICKS_PER_US)

    def _elapsed(self, at_ns: int) -> int:
        return (at_ns - self.epoch_ns) * TICKS_PER_US // 1000

    def _at(self, elapsed_ticks: int) -> int:
        return self.epoch_ns - (-elapsed_ticks * 1000 // TICKS_PER_US)
