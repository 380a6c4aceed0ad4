"""VS121: a counter, how many regions there are, and a mask that the maker's codec compares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import finite

from native.milesight import vs121


def test_regions_below_the_mask_count() -> None:
    assert vs121(85, bytes.fromhex("04c905040002")) == {
        "data": {
            "people_counter_all": 5,
            "region_count": 4,
            "regions": [
                {"index": 0, "count": 1},
                {"index": 1, "count": 1},
                {"index": 2, "count": 0},
                {"index": 3, "count": 0},
            ],
        }
    }


@pytest.mark.parametrize("payload", ["", "04c9", "04c9050400", "05c905040002", "04c805040002"])
def test_what_is_no_counter_decodes_to_nothing(payload: str) -> None:
    assert vs121(85, bytes.fromhex(payload)) == {"data": {}}


@given(st.integers(-1, 256), st.binary(max_size=64).map(lambda tail: b"\x04\xc9" + tail))
def test_any_bytes_decode_to_something_finite(f_port: int, payload: bytes) -> None:
    assert finite(vs121(f_port, payload))
