"""Who may join: window, allow-list and limit, at any times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lorawan.join_control import SAYS, JoinControl
from gateway.lorawan.outcome import DropReason

DEVICE = 0x70B3D57ED0000001
TIMES = st.floats(0, 1e7)
EUIS = st.integers(0, 2**64 - 1)


def test_open_gateway_lets_join_and_closed_one_refuses() -> None:
    assert JoinControl().refusal(DEVICE, 0) is None
    closed = JoinControl(is_open=False)
    assert closed.refusal(DEVICE, 0) is DropReason.JOIN_CLOSED
    closed.open()
    assert closed.refusal(DEVICE, 0) is None
    closed.close()
    assert closed.refusal(DEVICE, 0) is DropReason.JOIN_CLOSED


@given(start=TIMES, seconds=st.floats(1, 86400), was_open=st.booleans())
def test_window_ends_at_its_moment_and_leaves_it_as_it_was(
    start: float, seconds: float, was_open: bool
) -> None:
    control = JoinControl(is_open=was_open)
    control.open_until(start + seconds)
    assert control.refusal(DEVICE, start) is None
    after = control.refusal(DEVICE, start + seconds)
    assert after is (None if was_open else DropReason.JOIN_CLOSED)


def test_closing_ends_a_window_too() -> None:
    control = JoinControl(is_open=False)
    control.open_until(100)
    assert control.seconds_left(40) == 60
    control.close()
    assert control.seconds_left(40) == 0
    assert control.refusal(DEVICE, 40) is DropReason.JOIN_CLOSED


@pytest.mark.parametrize(
    ("allow", "may"),
    [
        ((), True),
        (("7",), True),
        (("70b3d5",), True),
        (("70b3d57ed0000001",), True),
        (("70b3d57ed0000002",), False),
        (("0004a3", "70b3d57"), True),
        (("0b3d5",), False),
    ],
)
def test_allow_list_is_of_beginnings(allow: tuple[str, ...], may: bool) -> None:
    refused = JoinControl(allow=allow).refusal(DEVICE, 0)
    assert refused is (None if may else DropReason.JOIN_NOT_ALLOWED)


def test_leading_zeros_of_a_dev_eui_count() -> None:
    assert JoinControl(allow=["00000000"]).refusal(1, 0) is None
    assert JoinControl(allow=["1"]).refusal(1, 0) is DropReason.JOIN_NOT_ALLOWED


def test_limit_refuses_until_the_bucket_has_filled_again() -> None:
    control = JoinControl(joins_per_minute=6)
    assert [control.refusal(n, 1000) for n in range(7)] == [None] * 6 + [DropReason.JOIN_RATE]
    assert control.refusal(DEVICE, 1009) is DropReason.JOIN_RATE
    assert control.refusal(DEVICE, 1010.5) is None
    assert control.refusal(DEVICE, 1011) is DropReason.JOIN_RATE


def test_refused_devices_use_nothing_up() -> None:
    control = JoinControl(allow=["70"], joins_per_minute=1)
    assert control.refusal(1, 0) is DropReason.JOIN_NOT_ALLOWED
    assert control.refusal(DEVICE, 0) is None


@given(
    per_minute=st.integers(1, 600),
    asked=st.lists(st.tuples(EUIS, st.floats(0, 300)), max_size=300),
)
def test_no_minute_has_more_than_two_minutes_joins_and_none_is_refused_below_the_limit(
    per_minute: int, asked: list[tuple[int, float]]
) -> None:
    control, accepted = JoinControl(joins_per_minute=per_minute), []
    for dev_eui, at in sorted(asked, key=lambda one: one[1]):
        refused = control.refusal(dev_eui, at)
        assert refused in (None, DropReason.JOIN_RATE)
        if refused is None:
            accepted.append(at)
        else:
            assert sum(at - 60 <= other <= at for other in accepted) >= per_minute
    for start in accepted:
        assert sum(start <= other < start + 60 for other in accepted) <= 2 * per_minute


@given(times=st.lists(TIMES, max_size=50))
def test_time_that_goes_back_fills_nothing(times: list[float]) -> None:
    control = JoinControl(joins_per_minute=1)
    control.refusal(DEVICE, max(times, default=0))
    accepted = [at for at in times if control.refusal(DEVICE, at) is None]
    assert accepted == []


def test_every_refusal_has_its_sentence() -> None:
    assert {reason for reason in DropReason if reason.startswith("join_")} == set(SAYS)
