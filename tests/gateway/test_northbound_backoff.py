"""How long is waited: quick after a short outage, far apart after a long one."""

from collections import Counter
from random import Random

import pytest
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


def returns(gateways: int, outage: float) -> list[float]:
    """When each gateway is back, in seconds after the end of an outage: no jitter but Backoff's."""
    chance = Random(1)
    found = []
    for _ in range(gateways):
        backoff, now = Backoff(chance.random), 0.0
        while now < outage:
            now += backoff.next()
        found.append(now - outage)
    return found


@pytest.mark.parametrize("outage", [120.0, 600.0, 86_400.0])
def test_five_thousand_gateways_do_not_return_at_once_after_a_long_outage(outage: float) -> None:
    back = returns(5000, outage)
    each_second = Counter(int(seconds) for seconds in back)
    assert max(back) <= LONGEST_SECONDS
    assert max(each_second.values()) <= 300  # a broker takes a few hundred TLS handshakes a second
    assert sum(seconds < 1 for seconds in back) < 300


def test_after_a_short_outage_all_are_back_within_a_second() -> None:
    back = returns(5000, 10.0)
    assert max(back) <= 1.0
    tenths = Counter(int(seconds * 10) for seconds in back)
    assert max(tenths.values()) < 5000 * 0.25  # spread over the second, not in its beginning
