"""The engine of payloads as data, with made-up devices; the makers' vectors: the catalogue."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import finite

from native.layout import Channel, Channels, Field, Frame, Layout


def value(payload: str, **keys: Any) -> object:
    """What one field makes of a payload; None if it leaves it out."""
    frame = Frame(None, 0, None, [Field("v", **keys)])
    return Layout([frame]).decode(1, bytes.fromhex(payload))["data"].get("v")


@pytest.mark.parametrize(
    ("payload", "keys", "expected"),
    [
        ("2a", {}, 42),
        ("0102", {"size": 2}, 258),
        ("0102", {"size": 2, "little": True}, 513),
        ("ff", {"signed": True}, -1),
        ("ff7f", {"size": 2, "little": True, "signed": True}, 32767),
        ("fffffe", {"size": 3, "signed": True}, -2),
        ("8000000000000001", {"size": 8}, 0x8000000000000001 - (1 << 64)),
        ("8000000000000001", {"size": 8, "digits": 16}, "8000000000000001"),
        ("00b5", {"at": 1, "shift": 4}, 11),
        ("00b5", {"at": 1, "mask": 15}, 5),
        ("fb", {"at": 0, "add": 25, "mask": 15, "divide": 10}, 3.6),
        ("04e3", {"size": 2, "wraps": 1250, "divide": 10}, (1251 - 65536) / 10),
        ("9c41", {"size": 2, "most": 40000}, 40000),
        ("01", {"words": {0: "no", 1: "yes"}}, "yes"),
        ("02", {"words": {0: "no", 1: "yes"}}, None),
        ("02", {"words": {0: "no", 1: "yes"}, "otherwise": "?"}, "?"),
        ("02", {"words": {0: False}, "otherwise": True}, True),
        ("00", {"words": {0: False}, "otherwise": True}, False),
        ("14", {"instead": {20: "bad"}, "suffix": " mm"}, "bad"),
        ("15", {"instead": {20: "bad"}, "suffix": " mm"}, "21 mm"),
        ("78", {"divide": 10, "suffix": " V"}, "12 V"),
        ("77", {"divide": 10, "suffix": " V"}, "11.9 V"),
        ("ffff", {"size": 2, "signed": True, "divide": 10, "fixed": 2}, "-0.10"),
        ("0000c03f", {"size": 4, "little": True, "floating": True}, 1.5),
        ("db0f4940", {"size": 4, "little": True, "floating": True, "decimals": 2}, 3.14),
        ("0d10", {"size": 2, "digits": 4}, "0d10"),
        ("0d", {"digits": 1}, "d"),
        ("00", {"constant": "here"}, "here"),
        ("0001", {"source": "length"}, 2),
        ("0001", {"source": "port"}, 1),
        ("0001", {"source": "bytes"}, [0, 1]),
        ("", {}, None),
        ("01", {"size": 2}, None),
        ("01", {"at": 200}, None),
    ],
)
def test_field(payload: str, keys: dict[str, Any], expected: object) -> None:
    assert value(payload, **keys) == expected


def test_parts_are_joined_unless_one_is_missing() -> None:
    parts = [Field("", digits=1), Field("", at=1, shift=4)]
    assert value("0a20", parts=parts, join=".", prefix="v") == "va.2"
    assert value("0a", parts=parts, join=".", prefix="v") is None
    digits = [Field("", at=1, digits=2), Field("", digits=1)]
    assert value("0a20", parts=digits, base=16) == 0x20A


def test_fields_make_an_object() -> None:
    assert value("0102", fields=[Field("a"), Field("b", at=1)]) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "keys",
    [
        {"size": 0},
        {"size": 9},
        {"at": -1},
        {"shift": 64},
        {"divide": 0},
        {"floating": True},
        {"base": 10},
        {"base": 16, "parts": [Field("")]},
    ],
)
def test_field_that_cannot_be_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="v: "):
        Field("v", **keys)


TWO_FORMS = Layout(
    [
        Frame([3], 2, [(0, 0x80, 0x80)], [Field("high")]),
        Frame([3], 2, None, [Field("low")]),
        Frame([4], -1, None, [Field("open"), Field("more", at=1, when=[(0, 255, 1)])]),
        Frame([5], 0, None, [], "nobody reads this"),
    ]
)


@pytest.mark.parametrize(
    ("f_port", "payload", "output"),
    [
        (3, "8100", {"data": {"high": 0x81}}),
        (3, "0100", {"data": {"low": 1}}),
        (3, "01", {"errors": ["wrong length"]}),
        (4, "0107", {"data": {"open": 1, "more": 7}}),
        (4, "0207", {"data": {"open": 2}}),
        (4, "", {"errors": ["wrong length"]}),
        (5, "01", {"errors": ["nobody reads this"]}),
        (6, "01", {"errors": ["unknown FPort"]}),
    ],
)
def test_first_frame_that_fits_is_taken(
    f_port: int, payload: str, output: dict[str, object]
) -> None:
    assert TWO_FORMS.decode(f_port, bytes.fromhex(payload)) == output


CHANNELS = Channels(
    {
        0x0175: Channel(1, [Field("battery")]),
        0x20CE: Channel(2, [Field("at"), Field("value", at=1)], "history"),
        0xFF01: Channel(1, [Field("version")]),
    },
    [0xFF],
)


@pytest.mark.parametrize(
    ("payload", "output"),
    [
        ("", {"data": {}}),
        ("01755c", {"data": {"battery": 92}}),
        ("01755c0275", {"data": {"battery": 92}}),
        ("0175", {"data": {}}),
        (
            "20ce010220ce0304",
            {"data": {"history": [{"at": 1, "value": 2}, {"at": 3, "value": 4}]}},
        ),
        ("ff0105ff0205", {"errors": ["byte 3: unknown answer 02"]}),
        ("ff0105ff", {"errors": ["byte 3: an answer is cut off"]}),
    ],
)
def test_channels_until_the_first_unknown_one(payload: str, output: dict[str, object]) -> None:
    assert CHANNELS.decode(85, bytes.fromhex(payload)) == output


@given(st.binary(min_size=4, max_size=4))
def test_single_is_what_ieee_754_says(raw: bytes) -> None:
    (expected,) = struct.unpack("<f", raw)
    got = value(raw.hex(), size=4, little=True, floating=True)
    if raw[3] & 0x7F == 0x7F and raw[2] & 0x80:
        assert finite(got)
    else:
        assert got == expected


fields = st.builds(
    Field,
    st.just("v"),
    at=st.integers(0, 255),
    size=st.integers(1, 8),
    little=st.booleans(),
    signed=st.booleans(),
    shift=st.integers(0, 63),
    mask=st.integers(0, 0xFFFFFFFF),
    add=st.floats(-1e9, 1e9),
    multiply=st.floats(allow_nan=True, allow_infinity=True),
    fixed=st.integers(-1, 3),
    digits=st.integers(0, 16),
    suffix=st.sampled_from(["", " mm"]),
    when=st.none() | st.lists(st.tuples(*[st.integers(0, 255)] * 3), max_size=2),
)


@given(st.lists(fields, max_size=4), st.integers(-1, 256), st.binary(max_size=40))
def test_any_bytes_decode_to_something_finite(
    table: list[Field], f_port: int, payload: bytes
) -> None:
    assert finite(Layout([Frame(None, 0, None, table)]).decode(f_port, payload))
    channels = Channels({number << 8: Channel(3, table) for number in range(256)}, [])
    assert finite(channels.decode(f_port, payload))
