"""Whether every task still goes round, and what systemd is told about it.

Each task has a deadline and beats each time it goes round; waiting out a back-off is progress, a
hung await, a blocked store thread or a stuck request is not. While all are on time the watchdog
is fed; when one is not, systemd kills the process and starts it anew.
"""

import asyncio
import os
import time
from collections.abc import Callable
from socket import AF_UNIX, SOCK_DGRAM, socket


def tell_systemd(**state: object) -> None:
    """sd_notify(3): `tell_systemd(READY=1, STATUS="…")`; without systemd nothing happens."""
    lines = {key: " ".join(str(value).split()) for key, value in state.items()}
    _notify("\n".join(f"{key}={line}" for key, line in lines.items()))


def _notify(text: str) -> None:
    """One datagram to where systemd listens; "@" is the abstract namespace's sign."""
    if place := os.environ.get("NOTIFY_SOCKET"):
        with socket(AF_UNIX, SOCK_DGRAM) as speaking:
            speaking.sendto(text.encode(), "\0" + place[1:] if place.startswith("@") else place)


def watchdog_seconds() -> float | None:
    """How often systemd wants to hear of us, or None where it does not."""
    microseconds = os.environ.get("WATCHDOG_USEC")
    return int(microseconds) / 1e6 if microseconds else None


class Health:
    """The tasks' deadlines in seconds, and when each beat last."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._due: dict[str, float] = {}

    def task(self, name: str, deadline: float) -> Callable[[], None]:
        """Register a task; the function returned is its heartbeat."""

        def beat() -> None:
            self._due[name] = self._now() + deadline

        beat()
        return beat

    def overdue(self) -> list[str]:
        """The names of tasks that have not gone round in time."""
        now = self._now()
        return [name for name, due in self._due.items() if now > due]

    async def run(self, interval: float | None = None) -> None:
        """Feed the watchdog at half its interval for as long as every task is on time."""
        interval = interval or watchdog_seconds() or 20.0
        while True:
            late = self.overdue()
            if late:
                tell_systemd(STATUS=f"stuck: {', '.join(late)}")
            else:
                tell_systemd(WATCHDOG=1)
            await asyncio.sleep(interval / 2)
