"""GPS time, which DeviceTimeAns speaks: it counts from 1980-01-06 and knows no leap seconds.

So it is ahead of UTC by as many as there were since: 18 s from 2017-01-01 on. Unix time repeats a
leap second, and nothing here can tell its two halves apart.

Source: IERS Bulletin C up to that of July 2025, which announces none. When one is announced, its
date is added here.
"""

from bisect import bisect_right
from datetime import UTC, datetime

GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)

LEAP_SECONDS = tuple(
    datetime(year, month, 1, tzinfo=UTC)
    for year, month in (
        (1981, 7),
        (1982, 7),
        (1983, 7),
        (1985, 7),
        (1988, 1),
        (1990, 1),
        (1991, 1),
        (1992, 7),
        (1993, 7),
        (1994, 7),
        (1996, 1),
        (1997, 7),
        (1999, 1),
        (2006, 1),
        (2009, 1),
        (2012, 7),
        (2015, 7),
        (2017, 1),
    )
)
"""UTC days that began right after a leap second."""

_EPOCH_S = int(GPS_EPOCH.timestamp())
_LEAPS_S = tuple(int(day.timestamp()) for day in LEAP_SECONDS)


def gps_time(unix_ns: int) -> tuple[int, int]:
    """Whole seconds of GPS time at `unix_ns` (ns, UTC), and 1/256 s, rounded down.

    ValueError before 1980-01-06: whoever asks has no clock to ask for.
    """
    seconds, ns = divmod(unix_ns, 1_000_000_000)
    if seconds < _EPOCH_S:
        raise ValueError(f"{seconds} s is before GPS time began, 1980-01-06")
    return seconds - _EPOCH_S + bisect_right(_LEAPS_S, seconds), ns * 256 // 1_000_000_000
