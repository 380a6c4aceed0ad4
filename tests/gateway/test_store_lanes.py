"""The lanes alone: who has which record, whatever moves while the disk is being read."""

from collections import deque

from store_tools import event, number_of, reading

from gateway.records import Record
from gateway.store.lanes import Entry, Lanes, take
from gateway.store.tables import Segment


def entries(*numbers: int, at: float = 0.0) -> list[Entry]:
    return [Entry(reading(number), at) for number in numbers]


def late(lanes: Lanes) -> list[int]:
    return [number_of(entry.record) for entry in lanes.late]


def row(first: int, count: int) -> Segment:
    return Segment(first, [reading(first + n) for n in range(count)])


def test_reading_that_an_earlier_record_has_left_memory_meanwhile_is_done_again() -> None:
    lanes = Lanes(4)
    kept = entries(1, 2)
    lanes.enter(kept)
    lanes.on_disk(1, kept)
    lanes.found(0, [row(1, 2), row(3, 2)], 0.0)
    assert (late(lanes), lanes.cursor, lanes.unread) == ([3, 4], 3, 2)
    lanes.retire(due=0.0)  # while what is above 3 is being read
    lanes.found(3, [row(5, 2)], 0.0)
    assert (late(lanes), lanes.cursor, lanes.unread) == ([3, 4], 0, 4)
    lanes.found(0, [row(1, 2), row(3, 2), row(5, 2)], 0.0)
    assert (late(lanes), lanes.cursor, lanes.unread) == ([1, 2, 3, 4, 5, 6], 5, 0)


def test_delivered_position_is_passed_over_when_its_segment_is_read() -> None:
    lanes = Lanes(0)
    kept = entries(1, 2, 3)
    lanes.enter(kept)
    lanes.on_disk(1, kept)
    assert lanes.delivered(take(lanes.live, 1)) == []
    out = take(lanes.live, 1)
    lanes.retire(due=0.0)
    lanes.found(0, [row(1, 3)], 0.0)
    assert (late(lanes), lanes.unread, lanes.undelivered) == ([3], 0, 2)
    assert lanes.delivered(out) == []
    (finished,) = lanes.delivered(take(lanes.late, 9))
    assert (finished.first, lanes.undelivered) == (1, 0)


def test_batches_given_back_in_any_order_are_the_backlog_in_its_order() -> None:
    lanes = Lanes(6)
    lanes.found(0, [row(1, 3), row(4, 3)], 0.0)
    first, second = take(lanes.late, 2), take(lanes.late, 2)
    lanes.give_back(second)
    lanes.give_back(first)
    assert late(lanes) == [1, 2, 3, 4, 5, 6]


def test_memory_forgets_a_segment_that_is_gone_or_wholly_on_disk() -> None:
    lanes = Lanes(0)
    for first in (1, 3):
        kept = entries(first, first + 1)
        lanes.enter(kept)
        lanes.on_disk(first, kept)
    lanes.forget(lanes.delivered(take(lanes.live, 2)))
    lanes.retire(due=0.0)
    assert lanes._segments == {}


def test_what_another_batch_passes_over_keeps_its_place() -> None:
    records: list[Record] = [event(1), reading(2), reading(3), event(4), reading(5)]
    lane = deque(Entry(record, 0.0) for record in records)
    taken = [[number_of(entry.record) for entry in take(lane, 2)] for _ in range(3)]
    assert taken == [[1, 4], [2, 3], [5]]


def test_what_is_being_given_up_is_passed_over_when_it_is_read_meanwhile() -> None:
    lanes = Lanes(6)
    lanes.found(0, [row(1, 2)], 0.0)
    ((segment, lost),) = lanes.give_up([row(1, 2)])
    assert [number_of(record) for record in lost] == [1, 2]
    lanes.cursor = 0
    lanes.found(0, [row(1, 2), row(3, 2)], 0.0)
    assert lanes.give_up([row(1, 2)]) == []
    assert (late(lanes), lanes.unread, lanes.undelivered) == ([3, 4], 2, 4)
    lanes.take_back([segment])
    assert (lanes.cursor, lanes.unread, lanes.undelivered) == (0, 4, 6)
    lanes.found(0, [row(1, 2), row(3, 2), row(5, 2)], 0.0)
    assert (late(lanes), lanes.unread) == ([1, 2, 3, 4, 5, 6], 0)
