"""RFC 3339 against datetime, which counts days otherwise."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from native.rfc3339 import rfc3339

FIRST, END = -62_135_596_800, 253_402_300_800  # the years 1 to 9999
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def by_datetime(at: float) -> str:
    moment = EPOCH + timedelta(microseconds=round(at * 1e6))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_it_has_milliseconds_and_z() -> None:
    assert rfc3339(1_790_000_000.1236) == "2026-09-21T14:13:20.123Z"


@given(st.floats(FIRST, END - 1))
@example(0.0)
@example(-0.0000005)
@example(-0.001)
@example(1_790_000_000.0004995)
@example(1_790_000_000.9999995)
@example(FIRST)
@example(END - 1)
def test_any_float_is_written_as_by_datetime(at: float) -> None:
    assert rfc3339(at) == by_datetime(at)


def test_every_day_of_an_era_and_its_ends_are_written_as_by_datetime() -> None:
    for day in range(-146_098, 146_098):
        at = day * 86_400 + 43_199.25
        assert rfc3339(at) == by_datetime(at)


@pytest.mark.parametrize(
    "at", [math.nan, math.inf, -math.inf, END, END - 1e-6 / 4, FIRST - 1, 1e300, -1e300]
)
def test_what_is_no_date_is_a_value_error(at: float) -> None:
    with pytest.raises(ValueError, match="no date"):
        rfc3339(at)
