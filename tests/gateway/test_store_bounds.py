"""D3, the pure part: which bound a commit would break, and what a gap event says."""

from pathlib import Path

import pytest
from bounds_tools import START, at
from store_tools import MOMENT, event

from gateway import config
from gateway.records import Event, Moment
from gateway.store.bounds import MIB, NO_BOUNDS, Bounds, Room, gap
from gateway.store.connection import free_disk
from native.rfc3339 import rfc3339


def test_d3_bounds_are_those_of_the_configuration() -> None:
    assert Bounds.of(config.Store()) == Bounds(30 * 86_400, 1024 * MIB, 256 * MIB)


@pytest.mark.parametrize(
    ("room", "records", "broken"),
    [
        (Room(0, 0, 0, 10 * MIB), 1, None),
        (Room(3 * MIB, 0, 0, 10 * MIB), 1, "bytes"),  # the log is still to grow
        (Room(2 * MIB, 0, 0, 10 * MIB), 256, None),
        (Room(2 * MIB, 0, 0, 10 * MIB), 25_600, "bytes"),
        (Room(2 * MIB, 2 * MIB, 0, 10 * MIB), 1, "bytes"),
        (Room(0, 0, 0, 2 * MIB), 1, "disk"),  # the log is still to grow
        (Room(0, 2 * MIB, 0, 2 * MIB), 1, None),
        (Room(0, 2 * MIB, 0, MIB), 1, "disk"),
        (Room(0, 0, 0, 0), 1, "disk"),
        (Room(0, 0, MIB, 0), 1, None),
    ],
)
def test_d3_bound_that_a_commit_would_break(room: Room, records: int, broken: str | None) -> None:
    assert Bounds(max_bytes=4 * MIB, min_free=MIB).exceeded(room, records) == broken
    assert NO_BOUNDS.exceeded(room, 1) in {None, "disk" if room.free == 0 else None}


def undated(moment: Moment) -> Moment:
    return moment


def test_d3_gap_says_from_when_to_when_how_many_and_why() -> None:
    told = gap([at(1, START), event(2), at(3, START + 60)], "bytes", MOMENT, undated)
    assert told == Event(
        "gap",
        MOMENT,
        {"from": rfc3339(START), "to": rfc3339(START + 60), "count": 3, "reason": "bytes"},
    )


def test_d3_gap_of_records_without_time_is_from_null_to_null() -> None:
    told = gap([at(1, None), at(2, None)], "disk", MOMENT, undated)
    assert told.detail == {"from": None, "to": None, "count": 2, "reason": "disk"}


def test_d3_gap_that_was_lost_goes_on_in_the_next() -> None:
    first = gap([at(1, START), at(2, START + 1)], "bytes", MOMENT, undated)
    unknown = gap([at(3, None)], "bytes", MOMENT, undated)
    told = gap([first, unknown, at(4, START + 9)], "age", MOMENT, undated)
    assert told.detail == {
        "from": rfc3339(START),
        "to": rfc3339(START + 9),
        "count": 4,
        "reason": "age",
    }


def test_free_disk_is_asked_of_the_system(tmp_path: Path) -> None:
    assert 0 < free_disk(tmp_path / "kogge.db") < 1 << 60
