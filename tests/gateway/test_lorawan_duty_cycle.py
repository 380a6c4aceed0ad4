"""Never more than its share of any hour, across restarts too; against a naive list of intervals."""

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.lorawan.duty_cycle import HOUR, Ledger, Spent
from gateway.lorawan.region import SubBand
from gateway.lorawan.regions.europe import EU868

BAND = SubBand(868_000_000, 868_600_000, 16.15, 0.01)
OTHER = SubBand(869_400_000, 869_650_000, 29.15, 0.1)
FREE = SubBand(902_000_000, 928_000_000, 28.15)
FREQUENCY, SECOND = 868_300_000, 1_000_000
BUDGET = 36 * SECOND


def filled(*at: float, each: int = 9 * SECOND) -> Ledger:
    ledger = Ledger([BAND, OTHER])
    for moment in at:
        ledger.add(FREQUENCY, each, moment)
    return ledger


def test_a_share_of_the_hour_may_be_used_and_not_a_microsecond_more() -> None:
    ledger = filled(0, 0, 0)
    assert ledger.allows(FREQUENCY, 9 * SECOND, 10)
    assert not ledger.allows(FREQUENCY, 9 * SECOND + 1, 10)


def test_sub_bands_have_accounts_of_their_own() -> None:
    ledger = filled(0, each=BUDGET)
    assert not ledger.allows(868_000_000, 1, 100)
    assert ledger.allows(869_525_000, 360 * SECOND, 100)
    assert ledger.seconds_left(100) == {BAND: 0.0, OTHER: 360.0}


def test_what_ended_an_hour_ago_counts_no_more() -> None:
    ledger = filled(100, each=BUDGET)
    ends = 100 + BUDGET / SECOND
    assert not ledger.allows(FREQUENCY, 1, ends + HOUR - 0.001)
    assert ledger.allows(FREQUENCY, BUDGET, ends + HOUR)


def test_frequency_outside_all_sub_bands_is_not_allowed() -> None:
    assert not Ledger([BAND]).allows(868_600_000, 1, 0)


def test_where_the_law_sets_no_limit_none_is_shown_or_met() -> None:
    ledger = Ledger([FREE])
    ledger.add(915_000_000, 3000 * SECOND, 0)
    assert ledger.allows(915_000_000, 600 * SECOND, 0)
    assert ledger.seconds_left(0) == {}


def test_budget_comes_back_as_its_claims_age_one_by_one() -> None:
    ledger = filled(0, 600, 1200, 1800)
    for airtime, free_at in ((SECOND, 9), (10 * SECOND, 609), (BUDGET, 1809)):
        assert not ledger.allows(FREQUENCY, airtime, free_at + HOUR - 1)
        assert ledger.allows(FREQUENCY, airtime, free_at + HOUR)
    assert not ledger.allows(FREQUENCY, BUDGET + 1, 10 * HOUR)


def test_claims_of_one_second_are_one_entry() -> None:
    ledger = Ledger([BAND])
    for n in range(10_000):
        ledger.add(FREQUENCY, 10, n / 100)
    assert len(ledger._accounts[0].seconds) <= 101


def test_of_an_earlier_run_the_sum_counts_as_sent_at_its_last_moment() -> None:
    spent = filled(0, 1000).spent(FREQUENCY)
    assert spent == Spent(BAND.low, 18 * SECOND, 1009)
    ledger = Ledger([BAND, OTHER], [spent, Spent(433_000_000, 1, 0)])
    assert ledger.seconds_left(1009 + HOUR - 1)[BAND] == 18.0
    assert ledger.seconds_left(1009 + HOUR)[BAND] == 36.0


def test_of_an_earlier_run_at_an_unknown_time_nothing_has_aged() -> None:
    ledger = Ledger([BAND], [Spent(BAND.low, BUDGET, None)], now=5000)
    assert not ledger.allows(FREQUENCY, 1, 5000 + HOUR - 1)
    assert ledger.allows(FREQUENCY, BUDGET, 5000 + HOUR)


def test_nothing_sent_leaves_nothing_to_know() -> None:
    assert Ledger([BAND]).spent(FREQUENCY) == Spent(BAND.low, 0, None)


@dataclass
class Naive:
    """Every transmission that was ever on the air, as (begin, end) in µs."""

    sent: list[tuple[int, int]] = field(default_factory=list)

    def chip_starts_anew(self, now: int) -> None:
        """What waited is not sent, what is on the air is cut off."""
        self.sent = [(begin, min(end, now)) for begin, end in self.sent if begin < now]

    def worst_hour(self) -> int:
        """The most airtime in any hour: one that begins or ends where a transmission does."""
        edges = [edge for one in self.sent for edge in one]
        begins = edges + [edge - HOUR * SECOND for edge in edges]
        return max((self._within(begin) for begin in begins), default=0)

    def _within(self, begin: int) -> int:
        end = begin + HOUR * SECOND
        return sum(max(0, min(end, b) - max(begin, a)) for a, b in self.sent)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 20, 600, HOUR - 40, HOUR - 20, HOUR]),  # seconds that pass
            st.integers(0, 2 * SECOND),  # and µs
            st.integers(9 * SECOND, 27 * SECOND),  # airtime
            st.sampled_from([0, SECOND, 30 * SECOND, 500 * SECOND]),  # ahead
            st.sampled_from(["go on", "go on", "go on", "restart", "restart without time"]),
        ),
        max_size=30,
    )
)
@example(
    [
        (0, 0, 27 * SECOND, 500 * SECOND, "go on"),
        (0, 0, 9 * SECOND, 0, "go on"),
        (HOUR, 30 * SECOND, 27 * SECOND, 0, "go on"),
    ]
)
def test_no_hour_holds_more_than_its_share(steps: list[tuple[int, int, int, int, str]]) -> None:
    """Time is whole µs here. Two at once are counted twice: worse than the air would have it."""
    ledger, naive, now = Ledger([BAND]), Naive(), 10_000 * SECOND
    for seconds, micros, airtime, ahead, then in steps:
        now += seconds * SECOND + micros
        if then != "go on":
            naive.chip_starts_anew(now)
            spent = ledger.spent(FREQUENCY)
            at = spent.at if then == "restart" else None
            ledger = Ledger([BAND], [spent._replace(at=at)], now / SECOND)
        if ledger.allows(FREQUENCY, airtime, now / SECOND):
            ledger.add(FREQUENCY, airtime, (now + ahead) / SECOND)
            naive.sent.append((now + ahead, now + ahead + airtime))
    assert naive.worst_hour() <= BUDGET


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 600), st.integers(1, 5 * SECOND)), max_size=80))
def test_what_is_refused_would_have_been_too_much(steps: list[tuple[int, int]]) -> None:
    """The bounds are safe, but not dearer than the two seconds that rounding costs."""
    ledger, sent, now = Ledger([BAND]), list[tuple[int, int]](), 0
    for passes, airtime in steps:
        now += passes
        if ledger.allows(FREQUENCY, airtime, now):
            ledger.add(FREQUENCY, airtime, now)
            sent.append((now * SECOND, airtime))
        else:
            horizon = (now - HOUR - 8) * SECOND
            assert sum(us for at, us in sent if at > horizon) + airtime > BUDGET


@pytest.mark.parametrize("band", EU868.sub_bands)
def test_budgets_of_europe_are_whole_shares(band: SubBand) -> None:
    ledger = Ledger(EU868.sub_bands)
    budget = round(3600 * SECOND * band.duty_cycle)
    assert ledger.allows(band.low, budget, 0)
    assert not ledger.allows(band.low, budget + 1, 0)
