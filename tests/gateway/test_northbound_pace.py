"""Rates and shares of the backlog, by arithmetic alone."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound.pace import BURST_SECONDS, SLOW_SECONDS, Rate, Share


@given(
    st.floats(1, 1000),
    st.lists(st.floats(0.01, 100), min_size=1, max_size=100),
    st.floats(0, 1e6),
)
def test_whoever_waits_spends_no_more_than_the_rate_and_a_burst(
    per_second: float, amounts: list[float], start: float
) -> None:
    rate, now = Rate(per_second), start
    for amount in amounts:
        now += rate.wait(now)
        rate.spend(amount, now)
    allowed = per_second * (now - start + BURST_SECONDS) + max(amounts)
    assert sum(amounts) <= allowed * (1 + 1e-6)


def test_rate_is_reached() -> None:
    rate, now = Rate(5), 0.0
    for _ in range(500):
        now += rate.wait(now)
        rate.spend(1, now)
    assert 98 <= now <= 100


def test_zero_is_unbounded() -> None:
    rate = Rate(0)
    rate.spend(1e12, 0.0)
    assert rate.wait(0.0) == 0


@given(st.integers(1, 100), st.lists(st.floats(0, 10)))
def test_backlog_has_something_and_never_the_whole_window(
    window: int, answers: list[float]
) -> None:
    share = Share(window)
    for seconds in answers:
        assert 1 <= share.size <= max(1, window * 3 // 4)
        share.answered(seconds)


def test_slow_line_leaves_the_backlog_little_and_a_fast_one_gives_it_back() -> None:
    share = Share(20)
    assert share.size == 15
    sizes = []
    for _ in range(4):
        share.answered(SLOW_SECONDS * 2)
        sizes.append(share.size)
    assert sizes == [7, 3, 1, 1]
    for _ in range(20):
        share.answered(SLOW_SECONDS / 2)
    assert share.size == 15
