"""JavaScript codecs in a catalogue: files of the operator's own, with and without a mapping."""

from pathlib import Path

import pytest

from gateway.codecs import scripts, unmapped
from gateway.codecs.catalogue import Catalogue, Decoded
from gateway.codecs.javascript import Example
from gateway.errors import ConfigError
from gateway.files import shipped
from gateway.records import Value

pytestmark = pytest.mark.usefixtures("codecs_have_time")

DEVICE = """
vendor = "Own"
model = "Level"
codecs = ["own/level"]
lorawan = "1.0.3"
class = "A"
ports = [1]
interval_s = 600
script = "own-level.js"
[[measurement]]
name = "distance"
field = "mm"
scale = 0.001
"""
WORDS = Catalogue.load(shipped()).vocabulary


def catalogue(own: Path, **files: str) -> Catalogue:
    for name, text in files.items():
        path = own / name.replace("__", "/").replace("_toml", ".toml").replace("_js", ".js")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return Catalogue.load(shipped(), own)


def test_directory_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    names = Catalogue.load(shipped(), tmp_path / "none").names()
    assert names == Catalogue.load(shipped()).names()


def test_device_file_names_its_script_and_maps_it(tmp_path: Path) -> None:
    (tmp_path / "own-level.js").write_text("// a codec")
    codec = catalogue(tmp_path, level_toml=DEVICE).codec("own/level")
    assert codec.script is not None
    assert codec.script.source == "// a codec"
    found = codec.measured({"data": {"mm": 400, "other": 1}}, 1, b"\0", depth=2.0)
    assert found == Decoded(
        {"distance": 0.4, "fill_level": 80.0}, {"distance": "m", "fill_level": "/100"}
    )


def test_script_of_no_device_file_is_a_codec_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "own-level.js").write_text("1")
    found = catalogue(tmp_path, level_toml=DEVICE, acme__door_js="2", plain_js="3")
    assert {"own/level", "acme/door", "plain"} <= set(found.names())
    assert "own-level" not in found.names()


def test_operators_codec_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    codec = catalogue(tmp_path, elsys__elsys_js="1").codec("elsys/elsys")
    assert codec.script is not None


def test_examples_stand_beside_the_script(tmp_path: Path) -> None:
    file = tmp_path / "a.js"
    file.write_text("1")
    file.with_suffix(".jsonl").write_text('{"fPort": 3, "bytes": "01ff", "expected": {}}\n')
    assert scripts.load(file).examples == (Example(3, b"\x01\xff"),)


@pytest.mark.parametrize("examples", ["no json", '{"fPort": 3}', '{"fPort": 3, "bytes": "0g"}'])
def test_examples_that_are_none_are_refused(tmp_path: Path, examples: str) -> None:
    file = tmp_path / "a.js"
    file.write_text("1")
    file.with_suffix(".jsonl").write_text(examples)
    with pytest.raises(ConfigError, match="is no list of vectors"):
        scripts.load(file)


def test_script_that_is_missing_or_endless_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        catalogue(tmp_path, level_toml=DEVICE).codec("own/level")
    (tmp_path / "own-level.js").write_text(" " * (scripts.LONGEST + 1))
    with pytest.raises(ConfigError, match="at most"):
        catalogue(tmp_path).codec("own/level")


@pytest.mark.parametrize(
    ("data", "measurements", "units"),
    [
        ({"temperature": 21.5, "humidity": 40}, {"temperature": 21.5, "humidity": 40},
         {"temperature": "Cel", "humidity": "%RH"}),
        ({"distance": 1250}, {"distance": 1250}, {}),
        ({"temperature": "warm"}, {"temperature": "warm"}, {}),
        ({"a": {"b": 1, "c": [2, None, {"d": True}]}}, {"a_b": 1, "a_c_0": 2, "a_c_2_d": True}, {}),
        ({"T °C (inside)": 1.5}, {"T__C__inside_": 1.5}, {}),
        ({"n": None, "e": {}, "l": []}, {}, {}),
        ({"big": 10**20, "long": "x" * 500}, {"big": 1e20, "long": "x" * 200}, {}),
    ],
)  # fmt: skip
def test_unmapped_data_become_measurements(
    data: dict[str, object], measurements: dict[str, Value], units: dict[str, str]
) -> None:
    found: tuple[dict[str, Value], dict[str, str]] = ({}, {})
    unmapped.measure(data, WORDS, *found)
    assert found == (measurements, units)


def test_unmapped_data_are_bounded() -> None:
    deep: object = 1
    for _ in range(100):
        deep = {"a": deep}
    found: tuple[dict[str, Value], dict[str, str]] = ({}, {})
    unmapped.measure({"deep": deep, "many": list(range(1000))}, WORDS, *found)
    assert len(found[0]) == unmapped.MOST


@pytest.mark.parametrize(
    "output",
    [
        *({}, {"data": None}, {"data": []}, {"data": 5}, {"data": "x"}),
        *({"data": {"a": None}}, {"data": {"": 1}}, {"data": {"a": 10**400}}),
    ],
)
def test_output_without_data_is_an_error(tmp_path: Path, output: dict[str, object]) -> None:
    codec = catalogue(tmp_path, plain_js="1").codec("plain")
    assert codec.measured(output, 1, b"\0\0").error == "plain knows nothing of 2 bytes on FPort 1"


def test_failed_script_has_no_data_and_a_reason(tmp_path: Path) -> None:
    codec = catalogue(tmp_path, plain_js="1").codec("plain")
    failed = codec.measured({"data": {"temperature": 5}, "errors": ["broken"]}, 1, b"\0")
    assert (failed.measurements, failed.error) == ({}, "broken")
    assert codec.measured({"errors": [""]}, 1, b"\0").error
