"""Rows: from a codec's fields to measurements of the vocabulary's kinds."""

from pathlib import Path
from typing import Any

import pytest

from gateway.codecs.mapping import Row, Rows
from gateway.codecs.vocabulary import Kind, Measurement
from gateway.records import Value


def measured(row: Row, kind: Kind, data: dict[str, Any]) -> Value | None:
    words = {"it": Measurement("it", kind, "es", "it", unit="m")}
    measurements: dict[str, Value] = {}
    units: dict[str, str] = {}
    Rows([row], words, Path("any.toml")).measure(data, measurements, units, {})
    assert measurements.keys() == units.keys()
    return measurements.get("it")


@pytest.mark.parametrize(
    ("row", "value", "expected"),
    [
        (Row("it", "f"), 3, 3.0),
        (Row("it", "f", scale=0.1), 3, 0.3),
        (Row("it", "f", scale=0.001, offset=-1), 2500, 1.5),
        (Row("it", "f", text_unit="mm", scale=0.001), "2000 mm", 2.0),
        (Row("it", "f", text_unit="°"), "-255 °", -255.0),
        (Row("it", "f", text_unit=""), "54.0924", 54.0924),
        (Row("it", "f", text_unit="mm"), "2000 cm", None),
        (Row("it", "f", text_unit="mm"), "full mm", None),
        (Row("it", "f", text_unit="mm", scale=0.001), 2000, 2.0),
        (Row("it", "f", text_unit=""), "nan", None),
        (Row("it", "f", text_unit=""), "1e999", None),
        (Row("it", "f"), "3", None),
        (Row("it", "f"), True, None),
        (Row("it", "f"), None, None),
        (Row("it", "f"), float("inf"), None),
        (Row("it", "f"), [1], None),
        (Row("it", "f"), 10**400, None),
    ],
)
def test_number(row: Row, value: object, expected: float | None) -> None:
    assert measured(row, "number", {"f": value}) == expected


def test_integer_is_whole() -> None:
    value = measured(Row("it", "f"), "integer", {"f": 2.0})
    assert value == 2
    assert isinstance(value, int)
    assert measured(Row("it", "f"), "integer", {"f": 1e300}) == 1e300


@pytest.mark.parametrize(
    ("row", "value", "expected"),
    [
        (Row("it", "f"), True, True),
        (Row("it", "f"), 0, False),
        (Row("it", "f"), 255, True),
        (Row("it", "f"), "true", None),
        (Row("it", "f", true_if=["low", "critical"]), "low", True),
        (Row("it", "f", true_if=["low", "critical"]), "normal", False),
        (Row("it", "f", true_if=[2]), 2, True),
        (Row("it", "f", contains="low"), "2.9(low battery)", True),
        (Row("it", "f", contains="low"), 3.6, False),
    ],
)
def test_boolean(row: Row, value: object, expected: bool | None) -> None:
    assert measured(row, "boolean", {"f": value}) is expected


def test_text_stays_text() -> None:
    assert measured(Row("it", "f"), "text", {"f": "1F345678"}) == "1F345678"
    assert measured(Row("it", "f"), "text", {"f": 7}) is None


def test_dotted_path_leads_into_tables() -> None:
    assert measured(Row("it", "a.b"), "number", {"a": {"b": 7}}) == 7
    assert measured(Row("it", "a.b"), "number", {"a": 7}) is None


def test_first_field_that_is_there_decides() -> None:
    row = Row("it", ["exact", "rough"])
    assert measured(row, "number", {"exact": 7.1, "rough": 7}) == 7.1
    assert measured(row, "number", {"rough": 7}) == 7


@pytest.mark.parametrize(("value", "flags"), [(0, {}), (10, {}), (10.1, {"it": "out_of_range"})])
def test_what_is_out_of_range_is_there_and_flagged(value: float, flags: dict[str, str]) -> None:
    words = {"it": Measurement("it", "number", "es", "it", range=(0, 10))}
    measurements: dict[str, Value] = {}
    found: dict[str, str] = {}
    Rows([Row("it", "f")], words, Path("any.toml")).measure({"f": value}, measurements, {}, found)
    assert (measurements, found) == ({"it": value}, flags)
