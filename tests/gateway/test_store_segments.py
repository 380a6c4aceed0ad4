"""What goes into a segment comes out of it."""

import math
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_tools import reading

from gateway.records import Event, Moment, Record
from gateway.store.segments import SEGMENT_RECORDS, UNREADABLE, pack, slices, unpack

finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]))
values = st.one_of(finite, st.integers(), st.booleans(), words)
moments = st.builds(Moment, finite | st.none(), words, words, finite)
readings = st.builds(
    lambda number, at, measurements, error: reading(
        number, moment=at, measurements=measurements, error=error
    ),
    st.integers(0, 2**32),
    moments,
    st.dictionaries(words, values),
    words | st.none(),
)
events = st.builds(Event, words, moments, st.dictionaries(words, values | st.none()))


@given(st.lists(readings | events))
def test_records_come_back_as_they_were(records: list[Record]) -> None:
    assert unpack(pack(records)) == records


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_measurement_that_is_no_number_is_left_out_and_holds_up_nothing(value: float) -> None:
    bad = reading(1, measurements={"level": value, "battery": 3.6})
    good = reading(2)
    assert unpack(pack([bad, good])) == [reading(1, measurements={"battery": 3.6}), good]


def test_reading_of_a_version_without_flags_is_read() -> None:
    flagged = reading(1, flags={"level": "out_of_range"})
    assert unpack(pack([flagged])) == [flagged]
    assert b"flags" not in zlib.decompress(pack([reading(1)]))
    assert unpack(pack([reading(1)])) == [reading(1)]


@given(st.data(), st.lists(readings, min_size=1))
def test_flipped_bit_is_noticed(data: st.DataObject, records: list[Record]) -> None:
    blob = bytearray(pack(records))
    bit = data.draw(st.integers(16, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with suppress(*UNREADABLE):
        assert unpack(bytes(blob)) == records


@given(st.binary().filter(lambda text: text.strip() != b"[]"))
def test_what_is_no_segment_is_unreadable(text: bytes) -> None:
    for blob in (text, zlib.compress(text)):
        with pytest.raises(UNREADABLE):
            unpack(blob)


@given(st.integers(0, 5 * SEGMENT_RECORDS))
def test_slices_fit_and_keep_the_order(count: int) -> None:
    parts = list(slices(range(count)))
    assert [n for part in parts for n in part] == list(range(count))
    assert all(0 < len(part) <= SEGMENT_RECORDS for part in parts)
