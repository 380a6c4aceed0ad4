"""What `kogge watch` has seen: rows by frame, what is counted, and that all of it is bounded."""

from collections.abc import Iterable

import pytest
import watch_cases as cases
from watch_cases import Told

from gateway.cli.watch_model import KEPT, MINUTES, Seen


def seen(*happenings: Told) -> Seen:
    one = Seen()
    take(one, happenings)
    return one


def take(one: Seen, happenings: Iterable[Told]) -> None:
    for happening in happenings:
        one.take(happening)


def test_reading_and_its_safety_come_to_the_row_of_their_frame() -> None:
    one = seen(cases.uplink(1), cases.uplink(2), cases.reading(1), cases.safe(1))
    first, second = one.rows
    assert first.reading is not None
    assert (first.reading["f_cnt"], first.safe) == (1, True)
    assert (second.reading, second.safe) == (None, False)
    assert (one.counts["up"], one.counts["safe"]) == (2, 1)


def test_reading_whose_frame_was_left_out_has_a_row_all_the_same() -> None:
    one = seen({"event": "left_out", "count": 3}, cases.reading(7), cases.safe(7))
    (row,) = one.rows
    assert (row.name, row.safe, one.counts["left_out"]) == ("bin-04", True, 3)


def test_drop_and_join_are_one_row_though_they_are_told_twice() -> None:
    told = {"event": "drop", "reason": "unknown_device", "rssi": -97.0}
    one = seen({"event": "watching"}, cases.drop(), told, cases.join(), {"event": "join"})
    assert [row.kind for row in one.rows] == ["drop", "join"]
    assert one.drops == {"unknown_device": 1}


def test_downlink_has_the_name_that_its_device_has_said_before() -> None:
    one = seen(cases.uplink(1), cases.down())
    assert [(row.kind, row.name) for row in one.rows] == [("up", "bin-04"), ("down", "bin-04")]


def test_news_without_a_time_has_that_of_what_came_last() -> None:
    one = seen(cases.uplink(1, after=5.0), cases.news("radio", state="fault", reason="no board"))
    assert one.rows[-1].at == cases.AT + 5.0


def test_safety_of_what_was_never_seen_is_counted_and_nothing_else() -> None:
    assert not seen(cases.safe(1)).rows


def test_all_is_bounded_and_counted_to_the_end() -> None:
    one = Seen()
    for f_cnt in range(KEPT + 500):
        take(one, (cases.uplink(f_cnt), cases.reading(f_cnt)))
    assert (len(one.rows), len(one._by_id)) == (KEPT, KEPT)
    assert (one.total, one.counts["up"]) == (KEPT + 500, KEPT + 500)
    take(one, (cases.drop(after=n * 60.0) for n in range(1000)))
    assert len(one.occupancy._minutes) == MINUTES


def test_occupancy_counts_by_channel_and_sf_for_ten_minutes() -> None:
    one = seen(cases.uplink(1), cases.drop(after=10), cases.down())
    assert one.occupancy.counts() == {(868_100_000, 7): 1, (868_100_000, 9): 1}
    take(one, [cases.uplink(2, after=60.0 * MINUTES)])
    assert one.occupancy.counts() == {(868_100_000, 7): 1}


def test_channel_is_busy_for_its_time_on_air() -> None:
    """25 bytes at SF7 with CRC are 61.7 ms (Semtech's calculator): 30 of them in a minute."""
    one = seen(*(cases.frame(bytes(25), "bad_crc", after=n * 2.0) for n in range(30)))
    assert one.occupancy.busy()[868_100_000] == pytest.approx(30 * 61.696 / 60_000 * 100, abs=0.01)
