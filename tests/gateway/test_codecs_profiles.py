"""Vendors' folders, written for these tests in the two repositories' forms."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import vendor_folders
import yaml
from hypothesis import given
from hypothesis import strategies as st
from vendor_folders import CHIRPSTACK, SCRIPT, THINGS

from gateway.codecs.profiles import chirpstack, lenient_json, things_network, yaml_core
from gateway.codecs.profiles.folder import LARGEST, Folder, Unusable
from gateway.codecs.profiles.found import Found, Left


def write(directory: Path, files: dict[str, str]) -> Folder:
    return Folder(vendor_folders.write(directory, files))


def by_name(found: Any) -> dict[str, Found | Left]:
    return {one.name: one for one in found}


def test_chirpstack_folder_gives_codecs_devices_and_examples(tmp_path: Path) -> None:
    found = by_name(chirpstack.read(write(tmp_path / "acme", CHIRPSTACK)))
    level, scale = found["acme/level"], found["acme/scale"]
    assert isinstance(level, Found)
    assert isinstance(scale, Found)
    assert (level.vendor, level.models, level.script) == ("Acme Ltd", ["Acme Level"], SCRIPT)
    assert level.profile == {"lorawan": "1.0.4", "class": "C"}
    (example,) = level.examples
    assert (example.f_port, example.payload) == (10, b"\x01\xff")
    assert example.expected == {"data": {"n": 1, "s": 'it\'s "so"'}}
    assert (scale.models, scale.device) == ([], "")
    assert found.keys() == {"acme/level", "acme/scale", "acme/alone", "acme/broken"}
    broken = found["acme/broken"]
    assert isinstance(broken, Left)
    assert "test_decode_broken.json is no JSON" in broken.reason


def test_things_network_folder_gives_codecs_devices_and_examples(tmp_path: Path) -> None:
    found = by_name(things_network.read(write(tmp_path / "acme", THINGS)))
    level, bad, none = found["acme/level"], found["acme/bad"], found["acme/none"]
    assert isinstance(level, Found)
    assert level.models == ["On", "Level 2"]
    assert level.profile == {"lorawan": "1.1.0", "class": "B"}
    (example,) = level.examples
    assert (example.f_port, example.payload) == (7, b"\x01\x02")
    data = {"state": "on", "day": "2021-01-01", "octal": 17, "yes": "no"}
    assert example.expected == {"data": data}
    assert isinstance(bad, Left)
    assert "'..' is no plain name" in bad.reason
    assert isinstance(none, Left)
    assert "no uplinkDecoder" in none.reason
    assert isinstance(found["acme/absent"], Left)


def test_device_file_is_one_of_the_catalogue(tmp_path: Path) -> None:
    from gateway.codecs.catalogue import Catalogue
    from gateway.files import shipped

    files = CHIRPSTACK | {"devices/level.toml": CHIRPSTACK["devices/level.toml"].replace(
        "Acme Level", 'Level \\"1\\" \\u007f')}  # fmt: skip
    level = by_name(chirpstack.read(write(tmp_path / "acme", files)))["acme/level"]
    assert isinstance(level, Found)
    own = tmp_path / "own"
    write(own, {"acme/level.toml": level.device, "acme/level.js": level.script})
    device = Catalogue.load(shipped(), own).codec("acme/level").device
    assert (device.vendor, device.model) == ("Acme Ltd", 'Level "1" \x7f')
    assert (device.lorawan, device.class_, device.ports) == ("1.0.4", "C", [10])
    assert device.interval_s is None


@pytest.mark.parametrize(
    "name", ["../x", "..", "", "a/b", "/etc/passwd", "a\0b", ".git", "x" * 200]
)
def test_names_do_not_lead_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "acme", {"a.js": "1"})
    with pytest.raises(Unusable, match="is no plain name"):
        folder.text(name)


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = write(tmp_path / "acme", {"a.js": "1"})
    (tmp_path / "acme" / "link.js").symlink_to(tmp_path / "secret")
    (tmp_path / "acme" / "loop.js").symlink_to(tmp_path / "acme" / "loop.js")
    with pytest.raises(Unusable, match="leads out"):
        folder.text("link.js")
    with pytest.raises(Unusable, match="cannot be read"):
        folder.text("loop.js")


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "acme", {"a.js": "1"})
    os.mkfifo(tmp_path / "acme" / "pipe.js")
    with pytest.raises(Unusable, match="is no file"):
        folder.text("pipe.js")


def test_large_file_and_no_text_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "acme", {"large.js": " " * (LARGEST + 1)})
    (tmp_path / "acme" / "binary.js").write_bytes(b"\xff")
    with pytest.raises(Unusable, match="is larger"):
        folder.text("large.js")
    with pytest.raises(Unusable, match="no UTF-8"):
        folder.text("binary.js")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "// no comment /* none */", b: 1}', {"a": "// no comment /* none */", "b": 1}),
        ('["0x1F", 0x1F, -0xA]', ["0x1F", 31, -10]),
        ("[1, 2, /* c */ // d\n ]", [1, 2]),
        ("{\"a\\\"': 1\": 'b'}", {"a\"': 1": "b"}),
        ("[true, null, 1e3]", [True, None, 1000.0]),
    ],
)
def test_json_by_hand_is_understood(text: str, value: Any) -> None:
    assert lenient_json.load(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "[", "[NaN]", "[Infinity]", "{a}", "['a]", '["a]', "/*", "[1 /* ]", "[1,,]", "[" * 9999],
)
def test_what_is_no_json_by_hand_either_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        lenient_json.load(text)


@pytest.mark.parametrize(
    "piece", ["/*", '\\"', '"', "'", "\\'", ",", "//", "0x", "a", "-", ", /", "*/"]
)
def test_time_for_json_grows_with_its_length_alone(piece: str) -> None:
    def seconds(length: int) -> float:
        begin = time.process_time()
        with pytest.raises(ValueError):
            lenient_json.load(piece * (length // len(piece)))
        return time.process_time() - begin

    eighth = max(seconds(LARGEST // 8) for _ in range(3))
    assert seconds(LARGEST) < 3 * 8 * max(eighth, 0.001)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda one: st.lists(one) | st.dictionaries(st.text(), one)))  # fmt: skip
def test_json_is_json_by_hand_and_yaml(value: Any) -> None:
    assert lenient_json.load(json.dumps(value)) == value


@given(st.text())
def test_any_text_is_json_by_hand_or_refused(text: str) -> None:
    try:
        lenient_json.load(text)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("Yes", "Yes"), ("no", "no"), ("2021-01-01", "2021-01-01"),
        ("12:30", "12:30"),
        ("017", 17), ("0o17", 15), ("0x1F", 31), ("-5", -5), ("1_000", "1_000"), ("1e3", 1000.0),
        (".5", 0.5), ("1.", 1.0), ("1.0.2", "1.0.2"), ("true", True), ("~", None), ("", None),
        ("'1'", "1"), ('"true"', "true"), ("|\n  12\n", "12\n"), ("!!python/name:os.system x", "x"),
        ("[a, {b: c}]", ["a", {"b": "c"}]), ("{1: on}", {"1": "on"}), ("&a [1, *a ]", None),
        (".inf", ".inf"),
    ],
)  # fmt: skip
def test_plain_words_mean_what_yaml_1_2_says(text: str, value: Any) -> None:
    if text.startswith("&a"):
        with pytest.raises(ValueError, match="deeper"):
            yaml_core.load(text)
    else:
        assert yaml_core.load(text) == value


def test_few_lines_do_not_become_gigabytes() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(ValueError, match="more than"):
        yaml_core.load("\n".join(lines))


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a: [", "a: b: c", "\x00", "{[a]: b}", "--- a\n--- b"]
)
def test_what_is_no_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        yaml_core.load(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abyn01 "),
        lambda one: st.lists(one) | st.dictionaries(st.text("xy", min_size=1), one),
    )
)
def test_what_pyyaml_writes_is_read_back(value: Any) -> None:
    assert yaml_core.load(yaml.safe_dump(value)) == value
