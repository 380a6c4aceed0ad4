"""GPS time against figures published by others, and the operating system's own leap seconds."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lorawan.leap_seconds import LEAP_SECONDS, gps_time

NTP_EPOCH_S = 2_208_988_800
SYSTEM_LIST = Path("/usr/share/zoneinfo/leap-seconds.list")


def unix_ns(utc: str) -> int:
    return int(datetime.fromisoformat(f"{utc}+00:00").timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("when", "seconds"),
    [
        ("1980-01-06T00:00:00", 0),
        ("1981-07-01T00:00:00", 46_828_801),
        # the GPS week roll-overs: 1024 weeks each
        ("1999-08-21T23:59:47", 1024 * 604_800),
        ("2019-04-06T23:59:42", 2 * 1024 * 604_800),
        # around the last leap second
        ("2016-12-31T23:59:59", 1_167_264_016),
        ("2017-01-01T00:00:00", 1_167_264_018),
    ],
)
def test_gps_time_is_the_published_one(when: str, seconds: int) -> None:
    assert gps_time(unix_ns(when)) == (seconds, 0)


@pytest.mark.parametrize(
    ("ns", "fraction"),
    [(0, 0), (3_906_249, 0), (3_906_250, 1), (500_000_000, 128), (999_999_999, 255)],
)
def test_fraction_counts_in_256ths(ns: int, fraction: int) -> None:
    assert gps_time(unix_ns("2026-01-01T00:00:00") + ns) == (1_451_260_818, fraction)


def test_time_before_gps_is_our_fault() -> None:
    with pytest.raises(ValueError, match="before GPS time began"):
        gps_time(0)


@given(
    st.integers(unix_ns("1980-01-06T00:00:00"), unix_ns("2100-01-01T00:00:00")),
    st.integers(0, 10**12),
)
def test_gps_time_never_runs_backwards(ns: int, later: int) -> None:
    assert gps_time(ns) <= gps_time(ns + later)


@pytest.mark.skipif(not SYSTEM_LIST.exists(), reason="this system has no leap-seconds.list")
def test_leap_seconds_are_those_the_system_knows() -> None:
    lines = [line.split() for line in SYSTEM_LIST.read_text(encoding="ascii").splitlines()]
    listed = [int(line[0]) - NTP_EPOCH_S for line in lines if line and line[0].isdigit()]
    since_gps = [at for at in listed if at > datetime(1980, 1, 6, tzinfo=UTC).timestamp()]
    assert since_gps == [day.timestamp() for day in LEAP_SECONDS]
