"""Who may join now: the permit-join window, an allow-list, and a limit of joins a minute.

Rules:

- Pure: time is an argument, seconds on any axis that only rises.
- Asked once for each Join-Request that would be accepted otherwise: MIC and DevNonce are good. So
  strangers cannot use the limit up, and a refused request leaves its DevNonce unspent.
- Joining is open or closed; a window opens it for a while and then leaves it as it was.
- The limit is a bucket that holds one minute's joins. It is for all devices together: it spares
  the card (each join is a commit) and the airtime of Join-Accepts when a device joins in a loop.
"""

from collections.abc import Iterable
from typing import Final

from gateway.lorawan.outcome import DropReason

USUAL_JOINS_PER_MINUTE: Final = 60

SAYS: Final = {
    DropReason.JOIN_CLOSED: "joining is closed: kogge join open --minutes 15 lets devices in",
    DropReason.JOIN_NOT_ALLOWED: "lorawan.join_allow in kogge.toml has no beginning of this DevEUI",
    DropReason.JOIN_RATE: "more joins than lorawan.joins_per_minute: the device will try again",
}
"""Each refusal for a technician."""


class JoinControl:
    """`allow` are beginnings of DevEUIs in lower-case hex; without any every device may join."""

    def __init__(
        self,
        is_open: bool = True,
        allow: Iterable[str] = (),
        joins_per_minute: int = USUAL_JOINS_PER_MINUTE,
    ) -> None:
        self.allow, self.joins_per_minute = tuple(allow), joins_per_minute
        self._is_open = is_open
        self._until = 0.0
        self._tokens = float(joins_per_minute)
        self._counted_at = 0.0

    def open(self) -> None:
        """Until it is closed."""
        self._is_open = True

    def open_until(self, until: float) -> None:
        """Then as before; the last window that was given holds."""
        self._until = until

    def close(self) -> None:
        self._is_open, self._until = False, 0.0

    def seconds_left(self, now: float) -> float | None:
        """How long joining stays open: 0 it is closed, None nobody has said."""
        return None if self._is_open else max(0.0, self._until - now)

    def refusal(self, dev_eui: int, now: float) -> DropReason | None:
        """Why this device may not join now; None: it may, and that counts."""
        if self.seconds_left(now) == 0:
            return DropReason.JOIN_CLOSED
        if self.allow and not f"{dev_eui:016x}".startswith(self.allow):
            return DropReason.JOIN_NOT_ALLOWED
        return None if self._take(now) else DropReason.JOIN_RATE

    def _take(self, now: float) -> bool:
        refill = max(0.0, now - self._counted_at) * self.joins_per_minute / 60
        self._tokens = min(float(self.joins_per_minute), self._tokens + refill)
        self._counted_at = max(now, self._counted_at)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
