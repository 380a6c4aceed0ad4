"""The chip's counter as it must stand now, from the `tmst` that packets have brought.

The rules:

- `tmst` is the end of a packet, and it comes here some time later. So each one is a lower bound
  of the counter; the highest of the last minute is taken, and extrapolated with this machine's
  monotonic clock.
- A bound older than a minute is given up for any newer one: two oscillators at ±50 ppm each go
  6 ms apart in that time.
- Packets may be late and out of order: the forwarder fetches every 10 ms, waits up to 100 ms for
  an acknowledgement, may be held up by its bus, and UDP has queues. 5 s are granted for all that.
- What differs by more, either way round the 2^32 µs, is another count: the chip has started anew.
  One start in 430 falls within the 5 s by chance; it is put right as any other estimate.
"""

from drivers.concentrator import COUNTER_MODULUS

GRANTED_US = 5_000_000
GRANTED_PPM = 100  # both oscillators together
KEPT_SECONDS = 60.0


class Count:
    """One run of the counter, begun with its first `tmst`. Times are in s, monotonic."""

    def __init__(self, tmst: int, at: float) -> None:
        self._tmst, self._at = tmst, at

    def now(self, at: float) -> int:
        """The counter in µs, modulo 2^32; behind the truth by what the packets were late."""
        return (self._tmst + round((at - self._at) * 1e6)) % COUNTER_MODULUS

    def second(self, tmst: int, at: float) -> float:
        """When the counter was `tmst`, asked at `at`; never before it was, by the same lateness."""
        return at + until(tmst, self.now(at)) / 1e6

    def goes_on(self, tmst: int, at: float) -> bool:
        """Take a further `tmst`; False if it cannot be of this count."""
        elapsed = at - self._at
        ahead = until(tmst, self.now(at))
        if abs(ahead) > GRANTED_US + elapsed * GRANTED_PPM:
            return False
        if ahead >= 0 or elapsed > KEPT_SECONDS:
            self._tmst, self._at = tmst, at
        return True


def until(counter_us: int, now_us: int) -> int:
    """µs from now to then by the shorter way round; negative for the past."""
    half = COUNTER_MODULUS // 2
    return (counter_us - now_us + half) % COUNTER_MODULUS - half
