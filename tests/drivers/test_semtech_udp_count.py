"""The counter that nobody can ask for: late, out of order, wrapping, drifting, started anew."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.concentrator import COUNTER_MODULUS
from drivers.semtech_udp.count import GRANTED_US, KEPT_SECONDS, Count, until

SECOND = 1_000_000
anywhere = pytest.mark.parametrize("start", [0, 7 * SECOND, COUNTER_MODULUS - SECOND // 2])


def at(us: int) -> int:
    return us % COUNTER_MODULUS


@anywhere
def test_counter_is_extrapolated_through_its_wraps(start: int) -> None:
    count = Count(start, at=100.0)
    assert count.now(100.0) == start
    assert count.now(101.5) == at(start + 1_500_000)
    assert count.now(100.0 + 3 * 4294.967296) == start


@anywhere
def test_late_packet_is_dated_by_its_end(start: int) -> None:
    count = Count(start, at=100.0)
    assert count.second(start, 100.0) == 100.0
    assert count.goes_on(at(start + SECOND - 300_000), 101.0)
    assert count.second(at(start + SECOND - 300_000), 101.0) == pytest.approx(100.7)


@anywhere
def test_packet_that_came_faster_moves_the_estimate_on(start: int) -> None:
    count = Count(start, at=100.0)
    assert count.goes_on(at(start + SECOND + 30_000), 101.0)
    assert count.now(101.0) == at(start + SECOND + 30_000)


@anywhere
@pytest.mark.parametrize("late_us", [1, 200_000, GRANTED_US - SECOND])
def test_late_packet_is_of_the_same_count_and_moves_nothing(start: int, late_us: int) -> None:
    count = Count(start, at=100.0)
    assert count.goes_on(at(start + SECOND - late_us), 101.0)
    assert count.now(101.0) == at(start + SECOND)


def test_old_bound_is_given_up_for_a_newer_one() -> None:
    """Else a chip whose clock is slow would fall behind the estimate for ever."""
    count = Count(0, at=0.0)
    elapsed = KEPT_SECONDS + 1
    slow = round(elapsed * 1e6 * (1 - 50e-6))
    assert count.goes_on(slow, elapsed)
    assert count.now(elapsed) == slow


@pytest.mark.parametrize("ppm", [-90, 90])
def test_quiet_night_with_drifting_clocks_is_one_count(ppm: int) -> None:
    count, night = Count(0, at=0.0), 12 * 3600.0
    assert count.goes_on(at(round(night * (1e6 + ppm))), night)


@anywhere
@pytest.mark.parametrize("jump", [-GRANTED_US - SECOND, GRANTED_US + SECOND, 2**31, -1000 * SECOND])
def test_jump_is_another_count(start: int, jump: int) -> None:
    count = Count(start, at=100.0)
    assert not count.goes_on(at(start + SECOND + jump), 101.0)
    assert count.now(101.0) == at(start + SECOND), "and it changes nothing"


@given(
    st.integers(0, COUNTER_MODULUS - 1),
    st.lists(st.tuples(st.floats(0, 300), st.integers(0, 2 * SECOND)), max_size=30),
)
def test_estimate_is_never_ahead_of_the_chip_by_more_than_its_drift(
    start: int, packets: list[tuple[float, int]]
) -> None:
    """Whatever is late by up to 2 s; the chip's clock is 50 ppm slow, the machine's is right."""
    chip, now, count = start, 0.0, Count(start, 0.0)
    for pause, late in packets:
        now += pause
        chip = start + round(now * 1e6 * (1 - 50e-6))
        assert count.goes_on(at(chip - late), now)
        assert until(count.now(now), at(chip)) <= 50e-6 * (pause + KEPT_SECONDS) * 1e6 + 1


def test_until_takes_the_shorter_way() -> None:
    assert until(5, COUNTER_MODULUS - 5) == 10
    assert until(COUNTER_MODULUS - 5, 5) == -10
