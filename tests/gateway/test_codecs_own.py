"""The operator's directory: nothing leads out of it, and its files are whole."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.codecs.own import Own, Refused, checked_name, checked_script, used_by
from gateway.files import shipped

DEVICE = """
vendor = "Acme"
model = "Level"
codecs = ["acme/level", "acme/level-2"]
lorawan = "1.0.3"
class = "A"
ports = [1]
script = "level.js"
"""


def own(directory: Path) -> Own:
    return Own(directory, shipped())


def put(directory: Path, name: str, script: str = "1", examples: str = "") -> None:
    one = own(directory)
    one.put(one.places_for_script(name), script, examples, "")


@pytest.mark.parametrize("name", ["level", "acme/level", "Acme/LV-1.2_b+c", "decentlab/dl-dws"])
def test_plain_names_are_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "..", "../x", "a/../b", "a/b/c", "/etc/x", "a//b", "a/", ".a", "a\0", "a b", "a\n", "é",
     "a..b", "x" * 65, "-a", "a/-b", "~x"],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(Refused, match="is no name of a codec"):
        checked_name(name)


@pytest.mark.parametrize("name", ["../level.js", "/etc/passwd", "a/level.js", "level", ".js"])
def test_script_lies_beside_its_device_file(name: str) -> None:
    with pytest.raises(Refused, match="must lie beside"):
        checked_script(name)


@pytest.fixture
def hardened() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("hardened")
def test_codec_put_in_place_is_found_and_readable_for_the_daemon(tmp_path: Path) -> None:
    put(tmp_path / "codecs", "acme/level", "// new", '{"bytes": "00"}\n')
    for directory in (tmp_path / "codecs", tmp_path / "codecs" / "acme"):
        assert directory.stat().st_mode & 0o555 == 0o555
    files = sorted(file for file in (tmp_path / "codecs").rglob("*") if file.is_file())
    assert [file.name for file in files] == ["level.js", "level.jsonl"]
    assert all(file.stat().st_mode & 0o444 == 0o444 for file in files)
    found = own(tmp_path / "codecs")
    assert found.has("acme/level")
    assert found.catalogue.codec("acme/level").script is not None


def test_replacing_takes_old_examples_away(tmp_path: Path) -> None:
    put(tmp_path, "acme/level", "1", '{"bytes": "00"}\n')
    put(tmp_path, "acme/level", "2")
    assert (tmp_path / "acme/level.js").read_text() == "2"
    assert not (tmp_path / "acme/level.jsonl").exists()


def with_device(directory: Path) -> Own:
    (directory / "mine").mkdir()
    (directory / "mine" / "any.toml").write_text(DEVICE)
    (directory / "mine" / "level.js").write_text("1")
    return own(directory)


def test_script_of_a_mapped_codec_goes_where_its_device_file_says(tmp_path: Path) -> None:
    one = with_device(tmp_path)
    one.put(one.places_for_script("acme/level"), "2", "", "")
    assert (tmp_path / "mine" / "level.js").read_text() == "2"
    assert one.places("acme/level-2").all == [
        tmp_path / "mine" / name for name in ("any.toml", "level.js", "level.jsonl")
    ]


def test_name_that_another_file_has_is_refused(tmp_path: Path) -> None:
    one = with_device(tmp_path)
    put(tmp_path, "acme/other")
    file = tmp_path / "new.toml"
    file.write_text(DEVICE.replace('"acme/level", ', '"acme/new", '))
    (tmp_path / "level.js").write_text("1")
    with pytest.raises(Refused, match=r"any\.toml has acme/level-2 too"):
        one.places_for_device(one.catalogue.read(file))


def test_taking_out_leaves_no_empty_directory_and_no_orphan(tmp_path: Path) -> None:
    put(tmp_path, "acme/level", "1", '{"bytes": "00"}\n')
    put(tmp_path, "other")
    one = own(tmp_path)
    assert len(one.take_out(one.places("acme/level"))) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["other.js"]


def test_script_that_another_device_file_names_stays(tmp_path: Path) -> None:
    with_device(tmp_path)
    second = DEVICE.replace('"acme/level", "acme/level-2"', '"acme/third"')
    (tmp_path / "mine" / "third.toml").write_text(second)
    one = own(tmp_path)
    assert one.take_out(one.places("acme/third")) == [tmp_path / "mine" / "third.toml"]
    assert own(tmp_path).has("acme/level")


def test_codec_of_kogge_is_not_the_operators(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Kogge's own"):
        own(tmp_path).places("elsys/elsys")


def test_directory_that_may_not_be_written_is_a_question_of_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(PermissionError, match="use sudo"):
        put(tmp_path / "codecs", "acme/level")


def test_devices_are_known_by_codec_whatever_else_is_wrong() -> None:
    devices = {"device": [{"codec": "a", "name": "one"}, {"codec": "a", "dev_eui": "02"},
                          {"codec": 7}, "x", {"name": "none"}]}  # fmt: skip
    assert used_by(devices) == {"a": ["one", "02"]}
    assert used_by({"device": "x"}) == {}
