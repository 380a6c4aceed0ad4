from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound.backoff import LONGEST_SECONDS, QUICK_TRIES, Backoff


def test_first_tries_come_quickly_and_the_later_ones_double_up_to_a_minute() -> None:
    backoff = Backoff(lambda: 0.0)
    quick = [backoff.next() for _ in range(QUICK_TRIES)]
    assert quick == [0.25, 0.5, *[1.0] * (QUICK_TRIES - 2)]
    assert [backoff.next() for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]


def test_refused_gateway_does_not_hammer() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next(quick=False) for _ in range(3)] == [2, 4, 8]


def test_success_begins_anew() -> None:
    backoff = Backoff(lambda: 0.0)
    backoff.next(quick=False)
    backoff.reset()
    assert backoff.next() == 0.25


@given(st.floats(0, 1, exclude_max=True), st.lists(st.booleans(), max_size=200))
def test_wait_is_jittered_within_its_upper_half(random: float, quick: list[bool]) -> None:
    longest, jittered = Backoff(lambda: 0.0), Backoff(lambda: random)
    for kind in quick:
        limit, wait = longest.next(quick=kind), jittered.next(quick=kind)
        assert limit / 2 <= wait <= limit <= LONGEST_SECONDS
