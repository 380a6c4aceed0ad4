"""Vectors: how they are read, and what counts as a difference."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codecs.vectors import ABSENT, Difference, Vector, differences, read
from gateway.errors import ConfigError

RECORD = {"id": "a", "vendor": "acme", "codec": "level", "fPort": 2, "bytes": "01ff"}


def written(tmp_path: Path, *records: object) -> Path:
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join(map(json.dumps, records)) + "\n\n", encoding="utf-8")
    return file


def vector(expected: Any, compare: str = "") -> Vector:
    return Vector(octets="00", expected=expected, compare=compare)


def test_records_of_lines_and_of_a_list_are_the_same(tmp_path: Path) -> None:
    records = [{**RECORD, "expected": {"data": {}}}, {**RECORD, "bytes": [1, 255]}]
    listed = tmp_path / "a.json"
    listed.write_text(json.dumps(records, indent=1))
    found = read(written(tmp_path, *records))
    assert read(listed) == found
    assert [(one.name, one.f_port, one.payload) for one in found] == [
        ("acme/level", 2, b"\x01\xff")
    ] * 2


def test_record_may_lack_port_and_vendor(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, {"codec": "cayennelpp", "bytes": "", "fPort": None}))
    assert (one.name, one.f_port, one.payload, one.at) == ("cayennelpp", 0, b"", None)


def test_time_of_reception_is_unix_time(tmp_path: Path) -> None:
    times = ["2001-09-09T01:46:40Z", "2001-09-09T03:46:40+02:00", "2001-09-09T01:46:40"]
    records = [{"bytes": "", "recvTime": at} for at in times]
    assert [one.at for one in read(written(tmp_path, *records))] == [1e9] * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"bytes": "00"}\n{"bytes": "0g"}', "line 2"),
        ('{"bytes": [256]}', "line 1"),
        ('{"bytes": "' + "00" * 2000 + '"}', "more than"),
        ("no json", "is no JSON"),
        ("[1]", r"\[1\]; is no vector"),
        ("[" * 100_000, "is no JSON"),
        ("[]]", "is no JSON"),
        ('{"fPort": 1}', "bytes"),
    ],
)
def test_wrong_record_is_named_by_its_place(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as raised:
        read(file)
    assert str(file) in str(raised.value)


def test_missing_file_and_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, said in (("missing", "there is no such file"), ("binary", "is not UTF-8 text")):
        with pytest.raises(ConfigError, match=said):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("expected", "output", "places"),
    [
        ({"data": {"a": 1.0}}, {"data": {"a": 1}}, []),
        ({"data": {"a": 0.1 + 0.2}}, {"data": {"a": 0.3}}, []),
        ({"data": {"a": 1.0}}, {"data": {"a": 1.00000001}}, ["data.a"]),
        ({"data": {"a": True}}, {"data": {"a": 1}}, ["data.a"]),
        ({"data": {"a": [1, 2]}}, {"data": {"a": [1]}}, ["data.a[1]"]),
        ({"data": {"a": {"b": "x"}}}, {"data": {"a": {"c": "x"}}}, ["data.a.b", "data.a.c"]),
        ({"data": {"a": None}}, {"data": {}}, ["data.a"]),
        ({"data": {}}, {}, ["data"]),
        ({"data": {}, "warnings": []}, {"data": {}, "warnings": ["x"]}, ["warnings"]),
        ({"data": {}, "warnings": ["other"]}, {"data": {}, "warnings": ["x"]}, []),
        ({"errors": ["bad"]}, {"errors": ["worse"], "data": {"a": 1}}, []),
        ({"errors": ["bad"]}, {"data": {}}, ["errors"]),
        ({"data": {}}, {"data": {}, "errors": ["bad"]}, ["errors"]),
        ([{"channel": 1, "value": 2}], {"data": [{"channel": 1, "value": 3}]}, ["data[0].value"]),
    ],
)
def test_difference_is_named_by_its_field(
    expected: Any, output: dict[str, Any], places: list[str]
) -> None:
    assert [one.where for one in differences(vector(expected), output)] == places


def test_exact_means_to_the_last_digit() -> None:
    output = {"data": {"a": 0.3}}
    assert differences(vector({"data": {"a": 0.1 + 0.2}}, "float1e-9"), output) == []
    assert differences(vector({"data": {"a": 0.1 + 0.2}}, "exact"), output) != []
    assert differences(vector({"data": {"a": 3}}, "exact"), {"data": {"a": 3.0}}) == []


def test_difference_reads_well_and_keeps_short() -> None:
    assert str(Difference("data.a", 1, ABSENT)) == "data.a: expected 1, got nothing"
    assert len(str(Difference("data", "x" * 10_000, "y"))) < 300
    assert Difference("data.a", ABSENT, None).told() == {"field": "data.a", "got": None}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON)
def test_what_is_the_same_does_not_differ(data: Any) -> None:
    for compare in ("exact", ""):
        assert differences(vector({"data": data}, compare), {"data": data}) == []


@given(JSON, JSON)
def test_equal_to_the_last_digit_is_json_equality(one: Any, other: Any) -> None:
    found = differences(vector({"data": one}, "exact"), {"data": other})
    if not found:
        assert json.loads(json.dumps(one)) == json.loads(json.dumps(other))


def test_difference_is_one_line_that_steers_no_terminal() -> None:
    assert str(Difference("data.a\x1b[2J\n", "\x9b", 1)) == 'data.a?[2J : expected "?", got 1'


def test_integer_that_no_float_holds_is_compared_too() -> None:
    expected = vector({"data": {"a": 10**400, "b": 1}})
    assert [d.where for d in differences(expected, {"data": {"a": 10**400, "b": 10**400}})] == [
        "data.b"
    ]
