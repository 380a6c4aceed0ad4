"""What the plots show: figures, gaps, starts, and words that are true."""

import pytest
import report_case
from hypothesis import given
from hypothesis import strategies as some

from gateway.history import EVERY, Sample
from gateway.report import series, story
from gateway.report.plot import Line, Plot, Table, scale
from gateway.report.story import Story

AT = 1_790_000_100
SAMPLE = Sample(AT, 4711, False, 10, 2, 3, 12, 51.5, 38.2, 0.61, 1.0, 0.5)


def told(*samples: Sample) -> Story:
    found = Story.of(samples)
    assert found is not None
    return found


def every_five_minutes(count: int, **changes: object) -> list[Sample]:
    return [
        SAMPLE._replace(at=AT + int(EVERY) * n, **changes)  # type: ignore[arg-type]
        for n in range(count)
    ]


def test_no_sample_is_no_story() -> None:
    assert Story.of([]) is None


def test_one_sample_is_a_plot_already() -> None:
    for _, plot in story.plots(told(SAMPLE)):
        assert len(plot.lines[0].points) == 1
    assert story.axis(told(SAMPLE)).labels is not None


@given(some.lists(some.integers(1, (1 << 32) - 1), min_size=1, max_size=30))
def test_samples_of_any_times_are_drawn(times: list[int]) -> None:
    """Of a clock that jumped too."""
    begins = min(times)
    near = [SAMPLE._replace(at=begins + at % (7 * report_case.DAY)) for at in times]
    one = told(*near)
    assert one.span.steps <= series.MOST_STEPS
    assert [name for name, _ in story.plots(one)] == [
        "traffic", "waiting", "line", "temperature", "disk", "restarts",
    ]  # fmt: skip
    assert all(0 <= share < 1 for share in story.axis(one).marks)


def test_readings_of_an_hour_are_those_of_its_samples() -> None:
    plot = story.traffic(told(*every_five_minutes(12 * 24 * 6)))
    assert set(plot.lines[0].points) == {120.0}
    assert set(plot.lines[1].points) == {24.0}
    assert "17 280 readings" in plot.said.replace("\u00a0", " ")
    assert "6 d" in plot.said.replace("\u00a0", " ")


def test_time_without_samples_is_a_gap() -> None:
    samples = every_five_minutes(20)
    points = story.waiting(told(*samples[:5], *samples[15:])).lines[0].points
    assert [point is None for point in points] == [False] * 5 + [True] * 10 + [False] * 5


def test_start_of_the_machine_is_told_from_one_of_the_daemon() -> None:
    before, after = SAMPLE, SAMPLE._replace(at=AT + 900, began=True)
    daemon = told(before, after._replace(up=4711 + 900)).starts
    machine = told(before, after._replace(up=40)).starts
    assert [(one.machine, one.silent) for one in (*daemon, *machine)] == [(False, 900), (True, 900)]
    plot = story.restarts(told(before, after._replace(up=40)))
    assert "The daemon began 1 time; 1 of these with the machine." in plot.said
    assert sum(point or 0 for point in plot.lines[0].points) == 1


def test_shares_do_not_count_the_first_look() -> None:
    """At a start the broker cannot be there yet."""
    start = SAMPLE._replace(at=AT - 300, began=True, connected=0.0, receiving=0.0)
    said = story.line(told(start, *every_five_minutes(3))).said
    assert said.startswith("The broker was there 100.0 % of the time, the radio received 50.0 %.")


def test_what_nobody_measures_is_said_so() -> None:
    nothing = SAMPLE._replace(board=None, concentrator=None, disk=None)
    assert story.temperature(told(nothing)).said == "Nobody measures it here."
    assert story.disk(told(nothing)).said == "Nobody knows."


def test_weakest_device_comes_first() -> None:
    found = story.signals([
        {"dev_eui": "1", "name": "near", "uplinks": [[7, 9.0]]},
        {"dev_eui": "2", "name": "far, and fast", "uplinks": [[7, -6.0], [7, -7.0], [7, None]]},
        {"dev_eui": "3", "name": "far, and slow", "uplinks": [[12, -6.0]]},
        {"dev_eui": "4", "name": "never heard", "uplinks": []},
    ])  # fmt: skip
    assert [(one.name, one.margin) for one in found] == [
        ("far, and fast", 1.0), ("far, and slow", 14.0), ("near", 16.5),
    ]  # fmt: skip


# nothing measured is so small that half of it is nothing
figures = some.floats(-60, 1e6, allow_subnormal=False)


@given(some.lists(figures | some.none(), min_size=1, max_size=20), some.booleans())
def test_scale_holds_every_value(points: list[float | None], from_zero: bool) -> None:
    if from_zero:
        points = [None if point is None else abs(point) for point in points]
    lines = [Line("x", points)]
    low, high, ticks = scale(Plot("", "", "", lines, Table((), ()), from_zero))
    assert all(low <= point <= high * (1 + 1e-9) for point in points if point is not None)
    assert low < high
    assert 2 <= len(ticks) <= 6


@pytest.mark.parametrize(("top", "last"), [(0.0, 1.0), (100.0, 100.0), (4211.0, 6000.0), (3, 3)])
def test_scale_is_ruled_in_round_numbers(top: float, last: float) -> None:
    low, high, _ = scale(Plot("", "", "", [Line("x", [top])], Table((), ())))
    assert (low, high) == (0.0, last)
