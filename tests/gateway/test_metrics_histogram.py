"""A histogram counts each value once, in the bucket that Prometheus would put it in."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.metrics.histogram import Histogram


def test_bound_itself_is_not_above_it() -> None:
    one = Histogram((0.1, 1.0))
    for value in (0.1, 0.2, 1.0, 5.0):
        one.observe(value)
    assert one.cumulative() == [(0.1, 1), (1.0, 3), (float("inf"), 4)]
    assert (one.count, one.sum) == (4, 6.3)


@given(st.lists(st.floats(0, 100)))
def test_each_bucket_has_all_that_are_not_above_its_bound(values: list[float]) -> None:
    one = Histogram((0.5, 2.5, 30.0))
    for value in values:
        one.observe(value)
    for bound, count in one.cumulative():
        assert count == sum(value <= bound for value in values)
    assert one.count == len(values)
