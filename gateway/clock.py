"""The only place that asks the wall clock, and the judgement of how far it can be trusted.

A Raspberry Pi has no battery clock: after a power cut it wakes up in the past until the network
tells it the time. So every moment is kept as monotonic time and boot id beside wall time, wall
time is given only while it can be trusted, and a moment from before is dated from the monotonic
difference once it can be (docs/architecture.md §5).

Once a time service has set the clock it is trusted until the next boot: the kernel calls it
unsynchronised after nine hours without the network, though it is a second wrong by then. A step
that no time service made ends that, and a date before this release is never believed.
"""

import ctypes
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from struct import Struct
from typing import Literal

from gateway import RELEASED
from gateway.records import Moment

_STEP = 1.5  # seconds; what differs by more between wall and monotonic time was set by somebody
_DRIFT = 1e-6  # per second; the kernel slews both alike
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_MARK = Path("/run/systemd/timesync/synchronized")
_TIMEX_BYTES = 512  # struct timex is 208 bytes on 64-bit Linux and 128 on 32-bit
_TIMEX = Struct("@I4li")  # modes, offset, freq, maxerror, esterror, status
_STA_NANO = 0x2000

Quality = Literal["gnss", "ntp", "rtc", "unsynchronised"]


def boot_id() -> str:
    """The kernel's name of this boot: monotonic times compare only within one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def kernel_is_synchronised() -> bool | None:
    """Whether a time service (timesyncd, chrony, ntpd) has told the kernel the time; None where
    this process may not ask (ProtectClock= of the service)."""
    state, _ = _adjtimex()
    return None if state < 0 else state < _TIME_ERROR


def kernel_offset() -> float | None:
    """Seconds by which the kernel still has to move the clock, as the time service has it; None:
    none has set it, or this process may not ask.
    """
    state, timex = _adjtimex()
    _, offset, _, _, _, status = _TIMEX.unpack(timex[: _TIMEX.size])
    unit = 1e-9 if status & _STA_NANO else 1e-6
    return float(offset * unit) if 0 <= state < _TIME_ERROR else None


def _adjtimex() -> tuple[int, bytes]:
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # zeros: only asks
    return _libc().adjtimex(timex), timex.raw


def was_synchronised() -> bool:
    """Whether systemd-timesyncd has set the clock in this boot, however long ago."""
    return _MARK.exists()


class TimeService:
    """Whether a time service keeps the clock: by the kernel's word. Where that is not to be had, by
    the mark that timesyncd touches each time it has set the clock: True once each time.
    """

    def __init__(
        self, kernel: Callable[[], bool | None] = kernel_is_synchronised, mark: Path = _MARK
    ) -> None:
        self._kernel, self._mark = kernel, mark
        self._touched: int | None = None

    def __call__(self) -> bool:
        told = self._kernel()
        if told is not None:
            return told
        before, self._touched = self._touched, self._last_touched()
        return self._touched not in (None, before)

    def _last_touched(self) -> int | None:
        try:
            return self._mark.stat().st_mtime_ns
        except FileNotFoundError:
            return None


class Trust:
    """How to judge the wall clock: "rtc" = the operator vouches for a battery-backed clock, "gnss"
    = for a time service that takes the time from satellites. `before`: it was set already when this
    process began.
    """

    def __init__(
        self,
        source: Literal["auto", "rtc", "gnss"],
        before: bool = False,
        *,
        synchronised: Callable[[], bool] | None = None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._synchronised = source, synchronised or TimeService()
        self._wall, self._monotonic = wall, monotonic
        self._set: tuple[float, float] | None = None  # wall and monotonic time, when it was right
        if before:
            self._set = wall(), monotonic()

    def __call__(self) -> Quality:
        wall, monotonic = self._wall(), self._monotonic()
        if wall < RELEASED:
            return "unsynchronised"
        if self._synchronised():
            self._set = wall, monotonic
        elif self._was_stepped(wall, monotonic):
            self._set = None
        if self._set is not None:
            return "gnss" if self._source == "gnss" else "ntp"
        return "rtc" if self._source == "rtc" else "unsynchronised"

    def _was_stepped(self, wall: float, monotonic: float) -> bool:
        if self._set is None:
            return False
        passed = monotonic - self._set[1]
        return abs(wall - self._set[0] - passed) > _STEP + _DRIFT * passed


class Clock:
    """Moments, and their dates. All three sources of time are arguments."""

    def __init__(
        self,
        quality: Callable[[], Quality],
        boot: str,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quality, self._boot, self._wall, self._monotonic = quality, boot, wall, monotonic

    def now(self) -> Moment:
        """This moment; `at` is None while the wall clock cannot be trusted."""
        quality = self._quality()
        at = None if quality == "unsynchronised" else self._wall()
        return Moment(at, quality, self._boot, self._monotonic())

    def moment(self, monotonic_s: float) -> Moment:
        """A moment of this boot, in the past or to come; `at` as for `now`."""
        now = self.now()
        at = None if now.at is None else now.at - (now.monotonic_s - monotonic_s)
        return Moment(at, now.time_quality, self._boot, monotonic_s)

    def dated(self, moment: Moment) -> Moment:
        """The same moment with its wall time and quality, if by now they can be known."""
        if moment.at is not None or moment.boot_id != self._boot:
            return moment
        return self.moment(moment.monotonic_s)


def age(moment: Moment, now: Moment) -> float | None:
    """Seconds from one to the other; None where the clocks of two boots tell nothing."""
    if moment.boot_id == now.boot_id:
        return max(0.0, now.monotonic_s - moment.monotonic_s)
    return None if moment.at is None or now.at is None else max(0.0, now.at - moment.at)
