"""The Decentlab engine with made-up devices; the family's own vectors run through the catalogue."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import finite

from native.decentlab import Decoder

HEAD = bytes.fromhex("021b50")
DEVICE = Decoder(
    [
        (1, [("battery_voltage", "Battery voltage", "V", "x0 / 1000")]),
        (2, [("ratio", "Ratio", None, "x0 / x1"), ("second", "Second", "m", "x1")]),
    ]
)


def value(formula: str, *words: int) -> object:
    """What a formula makes of its words."""
    decoder = Decoder([(len(words), [("v", "V", None, formula)])], {"k": 2.5})
    payload = HEAD + b"\x00\x01" + b"".join(word.to_bytes(2, "big") for word in words)
    return decoder.decode(1, payload)["data"]["v"]["value"]


@pytest.mark.parametrize(
    ("formula", "words", "expected"),
    [
        ("x0", (7,), 7),
        ("175.72 * x0 / 65536 - 46.85", (26557,), 175.72 * 26557 / 65536 - 46.85),
        ("(x0 + x1 * 65536) / 8388608 - 1", (1, 128), (1 + 128 * 65536) / 8388608 - 1),
        ("x0 - x1 - x2", (10, 3, 2), 5),
        ("x0 / x1 / x2", (60, 3, 4), 5),
        ("2 ** x0 ** x1", (3, 2), 512),
        ("-x0 ** 2", (3,), -9),
        ("max(min(x0, x1), 4) * k", (3, 9), 10),
        ("log(x0)", (8,), math.log(8)),
    ],
)
def test_formula_is_arithmetic(formula: str, words: tuple[int, ...], expected: float) -> None:
    assert value(formula, *words) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "x0 +",
        "x1",
        "x",
        "y",
        "x0 % 2",
        "x0 if x0 else 1",
        "abs(x0)",
        "max(x0)",
        "max(x0, x0, x0)",
        "k.real",
        "'a' * x0",
        "True",
        "1" + "0" * 400,
        "__import__('os')",
        "+".join(["x0"] * 100),
        "1+(" * 20 + "x0" + ")" * 20,
        "(" * 400 + "x0" + ")" * 400,
    ],
)
def test_anything_but_arithmetic_is_refused(formula: str) -> None:
    with pytest.raises(ValueError):
        Decoder([(1, [("v", "V", None, formula)])])


@pytest.mark.parametrize("words", [0, 33, -1])
def test_group_has_1_to_32_words(words: int) -> None:
    with pytest.raises(ValueError):
        Decoder([(words, [])])


def test_groups_are_there_when_their_flag_is() -> None:
    both = DEVICE.decode(1, HEAD + bytes.fromhex("0003 0c25 0009 0003"))["data"]
    assert both == {
        "protocol_version": 2,
        "device_id": 0x1B50,
        "battery_voltage": {"displayName": "Battery voltage", "unit": "V", "value": 3.109},
        "ratio": {"displayName": "Ratio", "value": 3},
        "second": {"displayName": "Second", "unit": "m", "value": 3},
    }
    only_second = DEVICE.decode(1, HEAD + bytes.fromhex("0002 0009 0003"))["data"]
    assert "battery_voltage" not in only_second
    assert only_second["ratio"]["value"] == 3


def test_flags_beyond_the_table_and_bytes_beyond_the_groups_are_ignored() -> None:
    assert list(DEVICE.decode(1, HEAD + bytes.fromhex("ff00 ffff"))["data"]) == [
        "protocol_version",
        "device_id",
    ]


def test_value_that_is_no_number_is_left_out_with_a_warning() -> None:
    output = DEVICE.decode(1, HEAD + bytes.fromhex("0002 0009 0000"))
    assert output["warnings"] == ["ratio is not a number"]
    assert "ratio" not in output["data"]
    assert output["data"]["second"]["value"] == 0


def test_two_readings_share_nothing() -> None:
    first = DEVICE.decode(1, HEAD + bytes.fromhex("0001 0c25"))["data"]
    DEVICE.decode(1, HEAD + bytes.fromhex("0001 0001"))
    assert first["battery_voltage"]["value"] == 3.109


def test_other_version_is_told_as_the_maker_tells_it() -> None:
    assert DEVICE.decode(1, b"\x07") == {"data": {"error": "protocol version 7 doesn't match v2"}}


@pytest.mark.parametrize("payload", ["", "02", "021b5000", "021b500001", "021b5000030c25000900"])
def test_truncated_payload_is_an_error(payload: str) -> None:
    assert "errors" in DEVICE.decode(1, bytes.fromhex(payload))


@given(st.binary(max_size=40).map(lambda tail: b"\x02" + tail) | st.binary(max_size=40))
def test_any_bytes_decode_to_something_finite(payload: bytes) -> None:
    assert finite(DEVICE.decode(1, payload))
