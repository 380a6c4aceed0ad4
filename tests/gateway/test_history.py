"""Seven days of samples in little room, whatever clocks and cards do."""

from hypothesis import given
from hypothesis import strategies as some

from gateway.history import HOUR, HOURS, IN_HOUR, History, Sample, from_bytes

AT = 1_790_000_000
SAMPLE = Sample(AT, 4711, False, 412, 17, 3, 12, 51.5, 38.2, 0.61, 1.0, 0.97)
NOTHING_KNOWN = SAMPLE._replace(board=None, concentrator=None, disk=None)


def history(*samples: Sample) -> History:
    one = History()
    for sample in samples:
        one.add(sample)
    return one


def test_sample_comes_back_as_it_was() -> None:
    for sample in (SAMPLE, NOTHING_KNOWN, SAMPLE._replace(began=True, board=-41.5)):
        assert list(from_bytes(sample.to_bytes())) == [sample]


@given(some.integers(0, 1 << 70), some.floats(-1e9, 1e9), some.floats(-5, 5))
def test_no_figure_is_too_large(count: int, degrees: float, share: float) -> None:
    sample = SAMPLE._replace(readings=count, oldest=count, board=degrees, disk=share)
    (found,) = from_bytes(sample.to_bytes())
    assert found.readings == min(count, (1 << 32) - 1)
    assert found.board is not None
    assert -1000 < found.board < 1000


@given(some.binary(max_size=200))
def test_damaged_rows_are_read_as_far_as_they_are_samples_of_their_hour(blob: bytes) -> None:
    one = History()
    one.load({SAMPLE.hour: blob})
    assert all(sample.hour == SAMPLE.hour for sample in one.samples())


def test_week_is_kept_and_no_more() -> None:
    every = [SAMPLE._replace(at=AT + 300 * n) for n in range(10 * 24 * 12)]
    kept = list(history(*every).samples())
    assert kept == every[-len(kept) :]
    assert HOURS - 1 <= (kept[-1].at - kept[0].at) / HOUR <= HOURS


def test_starts_without_end_fill_nothing() -> None:
    starts = [SAMPLE._replace(at=SAMPLE.hour * HOUR + n, began=True) for n in range(3600)]
    assert list(history(*starts).samples()) == starts[-IN_HOUR:]


def test_hours_of_a_clock_that_was_wrong_go_when_it_is_set() -> None:
    ahead = SAMPLE._replace(at=AT + 9 * 365 * 24 * HOUR)
    assert list(history(ahead, SAMPLE).samples()) == [SAMPLE]


def test_what_the_disk_has_already_is_not_saved_again() -> None:
    one = history(SAMPLE)
    (hour,) = one.unsaved()
    assert one.unsaved() == {}
    one.add(SAMPLE._replace(at=AT + 1))
    assert list(one.unsaved()) == [hour]


def test_next_run_goes_on_in_the_same_hour() -> None:
    rows = history(SAMPLE).unsaved()
    one = History()
    one.load(rows)
    later = SAMPLE._replace(at=AT + 1, began=True)
    one.add(later)
    (blob,) = one.unsaved().values()
    assert list(from_bytes(blob)) == [SAMPLE, later]
