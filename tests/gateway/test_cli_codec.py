"""`kogge codec` as an operator calls it, with codecs and folders written for these tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from vendor_folders import CHIRPSTACK, THINGS, write

from gateway.cli import EX_CONFIG, EX_FAILED, EX_USAGE, main

pytestmark = pytest.mark.usefixtures("codecs_have_time")

LEVEL = "function decodeUplink(i) { return {data: {distance: i.bytes[0] / 100}}; }"
REMEMBERS = """
var last = 0;
function decodeUplink(i) { last += i.bytes[0]; return {data: {n: last}}; }
"""
DEVICE = """
vendor = "Acme"
model = "Level"
codecs = ["acme/level"]
lorawan = "1.0.3"
class = "A"
ports = [1]
script = "level.js"
[[measurement]]
name = "distance"
field = "distance"
"""
Call = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def gateway(tmp_path: Path) -> Path:
    """kogge.toml of a gateway that does not run."""
    (tmp_path / "devices.toml").write_text(
        '[[device]]\ndev_eui = "70b3d57ed0000001"\nname = "bin-1"\ncodec = "acme/used"\n'
    )
    config = tmp_path / "kogge.toml"
    config.write_text('[gateway]\ncontrol_socket = "kogge.sock"\n')
    return config


@pytest.fixture
def codec(gateway: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Exit code and the object on the last line."""

    def call(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
        config = ["--config", str(gateway), "--json"]
        code = main(["codec", *map(str, arguments), *config])
        out = capsys.readouterr().out
        return code, json.loads(out.splitlines()[-1]) if out else {}

    return call


def vectors(tmp_path: Path, *records: dict[str, Any], name: str = "v.jsonl") -> Path:
    file = tmp_path / name
    file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return file


def vector(payload: str, data: object, codec: str = "acme/level") -> dict[str, Any]:
    return {"id": payload, "codec": codec, "fPort": 1, "bytes": payload, "expected": {"data": data}}


def script(tmp_path: Path, source: str = LEVEL, name: str = "level.js") -> Path:
    file = tmp_path / name
    file.write_text(source)
    return file


ELSYS = vector("0100ea0237", {"temperature": 23.4, "humidity": 55}, "elsys/elsys")


def test_vectors_of_a_native_codec_pass_without_any_gateway(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = vectors(tmp_path, ELSYS, vector("00", {}, "acme/none"))
    assert main(["codec", "test", str(file)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == ["skipped 1: no codec acme/none", "passed 1 failed 0 skipped 1"]


def test_difference_is_printed_field_by_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = vectors(tmp_path, vector("0100ea0237", {"temperature": 23.5, "x": 1}, "elsys/elsys"))
    assert main(["codec", "test", str(file)]) == EX_FAILED
    assert capsys.readouterr().out.splitlines() == [
        "elsys/elsys: 0100ea0237 (FPort 1, 0100ea0237)",
        "  data.temperature: expected 23.5, got 23.4",
        "  data.x: expected 1, got nothing",
        "  data.humidity: expected nothing, got 55",
        "passed 0 failed 1 skipped 0",
    ]


def test_nothing_passed_is_a_failure(tmp_path: Path, codec: Call) -> None:
    code, told = codec("test", vectors(tmp_path, vector("00", {}, "acme/none")))
    assert (code, told["skipped"], told["without_codec"]) == (EX_FAILED, 1, {"acme/none": 1})
    code, told = codec("test", vectors(tmp_path))
    assert (code, told["passed"]) == (EX_FAILED, 0)


def test_lpp_is_compared_as_a_list(tmp_path: Path, codec: Call) -> None:
    entry = {"channel": 3, "type": 103, "name": "temperature", "value": 27.2}
    record = {"codec": "cayennelpp", "bytes": "03670110", "expected": [entry]}
    assert codec("test", vectors(tmp_path, record))[0] == 0


def test_javascript_file_is_tested_as_it_is(tmp_path: Path, codec: Call) -> None:
    file = vectors(tmp_path, vector("28", {"distance": 0.4}), vector("29", {"distance": 0.4}))
    code, told = codec("test", file, "--codec", script(tmp_path))
    assert (code, told["passed"], told["failed"]) == (EX_FAILED, 1, 1)
    (difference,) = told["failures"][0]["differences"]
    assert difference == {"field": "data.distance", "expected": 0.4, "got": 0.41}


def test_codec_that_remembers_is_tested_in_fresh_contexts(
    unhurried: None, tmp_path: Path, codec: Call
) -> None:
    file = vectors(tmp_path, *(vector(f"{n:02x}", {"n": n}) for n in (3, 5, 7)))
    code, told = codec("test", file, "--codec", script(tmp_path, REMEMBERS))
    assert (code, told["passed"]) == (0, 3)


def test_hostile_codec_fails_its_own_vectors_alone(tmp_path: Path, codec: Call) -> None:
    hostile = "function decodeUplink(i) { while (i.bytes[0]); return {data: {}}; }"
    records = [vector(payload, {}) for payload in ("01", "01", "01", "01", "00")]
    code, told = codec("test", vectors(tmp_path, *records), "--codec", script(tmp_path, hostile))
    assert (code, told["passed"], told["failed"]) == (EX_FAILED, 1, 4)


@pytest.mark.parametrize(
    ("text", "code"), [("no vectors", EX_CONFIG), ('{"bytes": "xy"}', EX_CONFIG)]
)
def test_file_of_no_vectors_is_said(tmp_path: Path, codec: Call, text: str, code: int) -> None:
    (tmp_path / "v.jsonl").write_text(text)
    assert codec("test", tmp_path / "v.jsonl")[0] == code


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("dingtek/df702", EX_FAILED, "dingtek/df702 is a codec, and has no examples of its own"),
        ("dingtek/df70", EX_FAILED, "no codec of that name; did you mean dingtek/df702"),
        ("level.js", EX_FAILED, "kogge codec test FILE.jsonl --codec level.js"),
        ("none.jsonl", EX_CONFIG, "none.jsonl; there is no such file"),
        ("/", EX_CONFIG, "/; cannot be read: Is a directory"),
    ],
)
def test_what_is_no_file_of_vectors_is_said(
    name: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["codec", "test", name]) == code
    assert said in capsys.readouterr().err


def test_added_codec_is_listed_shown_and_removed(tmp_path: Path, codec: Call) -> None:
    examples = vectors(tmp_path, vector("28", {"distance": 0.4}), name="e.jsonl")
    source = script(tmp_path)
    code, told = codec("add", source, "--name", "acme/level", "--examples", examples)
    assert (code, told["codecs"], told["context"], told["passed"]) == (0, ["acme/level"], "warm", 1)
    assert "no daemon runs" in told["daemon"]
    own = tmp_path / "codecs" / "acme"
    assert {Path(file) for file in told["files"]} == {own / "level.js", own / "level.jsonl"}

    code, told = codec("list", "--own")
    (entry,) = told["codecs"]
    assert (entry["name"], entry["engine"], entry["devices"]) == ("acme/level", "javascript", [])

    code, told = codec("show", "acme/level")
    assert told["script"]["bytes"] == len(LEVEL)
    assert (told["script"]["examples"], told["script"]["context"]) == (1, "warm")

    assert codec("test", own / "level.jsonl")[0] == 0
    code, told = codec("test", "acme/level")
    assert (code, told["passed"]) == (0, 1)
    assert codec("bench", "acme/level")[1]["codecs"][0]["p50_us"] > 0

    code, told = codec("remove", "acme/level")
    assert (code, told["removed"], len(told["files"])) == (0, ["acme/level"], 2)
    assert codec("list", "--own")[1] == {"codecs": []}


def test_codec_that_remembers_is_marked_by_its_examples(
    unhurried: None, tmp_path: Path, codec: Call
) -> None:
    examples = vectors(tmp_path, *(vector(f"{n:02x}", {"n": n}) for n in (3, 5)))
    file = script(tmp_path, REMEMBERS)
    assert codec("add", file, "--name", "a", "--examples", examples)[1]["context"] == "fresh"
    assert codec("show", "a")[1]["script"]["context"] == "fresh"


def test_device_file_brings_its_script_and_its_mapping(tmp_path: Path, codec: Call) -> None:
    file = tmp_path / "any.toml"
    file.write_text(DEVICE)
    script(tmp_path)
    code, told = codec("add", file)
    assert (code, told["codecs"]) == (0, ["acme/level"])
    shown = codec("show", "acme/level")[1]
    assert (shown["model"], shown["ports"]) == ("Level", [1])
    assert shown["mapping"][0]["unit"] == "m"
    other = script(tmp_path, LEVEL.replace("100", "50"), "new.js")
    code, told = codec("add", other, "--name", "acme/level")
    assert told["replaced"] == ["acme/level"]
    assert (tmp_path / "codecs/acme/level.js").read_text() == other.read_text()
    assert codec("show", "acme/level")[1]["mapping"] != []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("function decodeUplink(", "cannot be loaded: SyntaxError"),
        ("throw new Error('no')", "cannot be loaded: Error: no"),
        ("while (true);", "cannot be loaded"),
        ("function other() {}", "no function decodeUplink"),
        (" " * 300_000, "characters"),
    ],
)
def test_script_that_is_no_codec_is_not_added(
    gateway: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, said: str
) -> None:
    code = main(["codec", "add", str(script(tmp_path, source)), "--config", str(gateway)])
    assert code in (EX_FAILED, EX_CONFIG)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "codecs").exists()


def test_codec_whose_examples_come_out_otherwise_is_not_added(tmp_path: Path, codec: Call) -> None:
    examples = vectors(tmp_path, vector("28", {"distance": 4}))
    code, told = codec("add", script(tmp_path), "--examples", examples)
    assert (code, told) == (EX_FAILED, {"ok": False, "passed": 0, "failed": 1})
    assert not (tmp_path / "codecs").exists()


@pytest.mark.parametrize("name", ["../level", "/tmp/level", "a/b/c", ""])
def test_name_that_leads_elsewhere_is_refused(tmp_path: Path, codec: Call, name: str) -> None:
    file = script(tmp_path)
    assert codec("add", file, f"--name={name or '..'}")[0] == EX_FAILED
    device = tmp_path / "any.toml"
    device.write_text(DEVICE.replace("level.js", "../level.js"))
    (tmp_path.parent / "level.js").write_text(LEVEL)
    assert codec("add", device)[0] == EX_FAILED
    assert not (tmp_path / "codecs").exists()


def test_wrong_use_is_64(tmp_path: Path, codec: Call) -> None:
    device = tmp_path / "any.toml"
    device.write_text(DEVICE)
    assert codec("add", device, "--name", "x")[0] == EX_USAGE
    assert codec("add", tmp_path / "level.py")[0] == EX_USAGE


def test_missing_files_are_said_in_words(tmp_path: Path, codec: Call) -> None:
    for name in ("none.js", "none.toml"):
        assert codec("add", tmp_path / name)[0] == EX_CONFIG
    assert codec("show", "acme/none")[0] == EX_FAILED
    assert codec("remove", "acme/none")[0] == EX_FAILED


def test_codec_in_use_is_not_removed(
    gateway: Path, tmp_path: Path, codec: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    codec("add", script(tmp_path), "--name", "acme/used")
    assert main(["codec", "remove", "acme/used", "--config", str(gateway)]) == EX_FAILED
    assert "acme/used is used by bin-1" in capsys.readouterr().err
    assert (tmp_path / "codecs/acme/used.js").exists()
    assert codec("list", "--own")[1]["codecs"][0]["devices"] == ["bin-1"]


def test_own_codec_in_place_of_a_shipped_one_can_be_taken_back(tmp_path: Path, codec: Call) -> None:
    code, told = codec("add", script(tmp_path), "--name", "elsys/elsys")
    assert (code, told["instead_of_shipped"]) == (0, ["elsys/elsys"])
    assert codec("show", "elsys/elsys")[1]["engine"] == "javascript"
    assert codec("remove", "elsys/elsys")[1]["shipped"] == ["elsys/elsys"]
    assert codec("show", "elsys/elsys")[1]["engine"] == "native"
    assert codec("remove", "elsys/elsys")[0] == EX_FAILED


def test_list_goes_on_past_a_broken_file(tmp_path: Path, codec: Call) -> None:
    write(tmp_path / "codecs", {"bad.toml": DEVICE.replace('"1.0.3"', '"9"'), "ok.js": LEVEL})
    entries = {entry["name"]: entry for entry in codec("list", "--own")[1]["codecs"]}
    assert "lorawan" in entries["acme/level"]["error"]
    assert entries["ok"]["engine"] == "javascript"


def test_every_shipped_codec_is_listed_and_can_be_shown(
    codec: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = codec("list")[1]["codecs"]
    assert len(entries) > 100
    assert all("error" not in entry for entry in entries)
    assert main(["codec", "show", "dingtek/df702"]) == 0
    out = capsys.readouterr().out
    assert "level × 0.001" in out
    assert "Dingtek" in out


def test_bench_times_both_engines(codec: Call) -> None:
    engines = {one["engine"] for one in codec("bench")[1]["codecs"]}
    assert engines == {"native", "javascript"}
    assert codec("bench", "elsys/elsys")[0] == EX_FAILED


@pytest.mark.parametrize(("files", "names"), [
    (CHIRPSTACK, {"acme/level", "acme/scale", "acme/alone"}), (THINGS, {"acme/level"}),
])  # fmt: skip
def test_vendors_folder_is_imported(
    tmp_path: Path, codec: Call, files: dict[str, str], names: set[str]
) -> None:
    write(tmp_path / "acme", files)
    code, told = codec("import", tmp_path / "acme")
    assert code == EX_FAILED  # not all of it can be used, and its examples differ
    came = {row["name"] for row in told["codecs"] if row["state"] == "imported"}
    assert came == names
    assert told["failed"] == len(told["codecs"]) - len(names)
    assert told["examples_differing"] == 1
    assert {entry["name"] for entry in codec("list", "--own")[1]["codecs"]} == names
    assert codec("show", "acme/level")[1]["vendor"]
    assert codec("test", tmp_path / "codecs/acme/level.jsonl")[1]["failed"] == 1


def test_good_folder_is_imported_again_and_keeps_the_mapping(tmp_path: Path, codec: Call) -> None:
    good = {name: text for name, text in CHIRPSTACK.items() if "broken" not in name}
    good["codecs/test_decode_level.json"] = (
        '[{"input": {"bytes": [2]}, "expected": {"data": {"n": 2}}}]'
    )
    write(tmp_path / "acme", good)
    code, told = codec("import", tmp_path / "acme")
    assert (code, told["imported"], told["examples_passed"]) == (0, 3, 1)
    device = tmp_path / "codecs/acme/level.toml"
    device.write_text(f'{device.read_text()}[[measurement]]\nname = "distance"\nfield = "n"\n')
    assert codec("import", tmp_path / "acme")[0] == 0
    assert codec("show", "acme/level")[1]["mapping"][0]["name"] == "distance"


def test_codec_that_kogge_has_is_not_imported_unless_asked_for(tmp_path: Path, codec: Call) -> None:
    files = {"vendor.toml": "", "codecs/elsys.js": LEVEL}
    write(tmp_path / "elsys", files)
    assert codec("import", tmp_path / "elsys")[1]["shipped"] == 1
    assert codec("list", "--own")[1] == {"codecs": []}
    assert codec("import", tmp_path / "elsys", "--replace")[1]["imported"] == 1


@pytest.mark.parametrize("files", [{}, {"a.js": LEVEL}, {"index.yaml": "[a: ["}])
def test_what_is_no_vendors_folder_is_said(
    tmp_path: Path, codec: Call, files: dict[str, str]
) -> None:
    (tmp_path / "acme").mkdir()
    write(tmp_path / "acme", files)
    assert codec("import", tmp_path / "acme")[0] == EX_FAILED
    assert not (tmp_path / "codecs").exists()
