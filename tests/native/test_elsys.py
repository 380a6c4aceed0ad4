"""ELSYS against the published vectors, and what they leave open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import differs, finite, shipped

from native.elsys import elsys


def test_published_vectors() -> None:
    records = shipped("elsys.jsonl")
    assert len(records) >= 20
    outputs = [differs(r, elsys(r["fPort"], bytes.fromhex(r["bytes"]))) for r in records]
    assert [difference for difference in outputs if difference] == []


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ("03ff0140", {"x": -1, "y": 1, "z": 64}),
        ("09010203ffffff", {"lat": 0x010203, "long": 0xFFFFFF}),
        ("0bffffffff", {"pulseAbs": -1}),
        ("1000fa00f0", {"irInternalTemperature": 25.0, "irExternalTemperature": 24.0}),
        ("155032", {"soundPeak": 80, "soundAvg": 50}),
        ("1900c8", {"externalTemperature2": 20.0}),
        ("1900c81900d21900dc", {"externalTemperature2": [20.0, 21.0, 22.0]}),
        ("1bfffffffe", {"analogUv": -2}),
        ("1c0102", {"tvoc": 0x102}),
        ("13" + "14" + "05" * 64, {"grideye": [20.5] * 64}),
    ],
)
def test_types_that_the_vectors_leave_out(payload: str, data: dict[str, object]) -> None:
    assert elsys(5, bytes.fromhex(payload)) == {"data": data}


def test_unknown_type_ends_the_decode() -> None:
    assert elsys(5, bytes.fromhex("0250990100ff")) == {"data": {"humidity": 80}}


def test_zeros_follow_a_cut_off_number() -> None:
    assert elsys(5, bytes.fromhex("0101")) == {"data": {"temperature": 25.6}}
    assert elsys(5, bytes.fromhex("025002")) == {"data": {}}


def test_cut_off_picture_is_an_error() -> None:
    assert elsys(5, b"\x13" + bytes(64)) == {"errors": ["the Grid-EYE picture is cut off"]}


@given(st.binary(max_size=242))
def test_any_bytes_decode_to_something_finite(payload: bytes) -> None:
    assert finite(elsys(5, payload))
