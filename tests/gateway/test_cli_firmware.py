"""`kogge firmware`: what it says and how it ends."""

import json
from pathlib import Path

import pytest

from drivers.sx1302.firmware import AGC_FILE, IMAGE_SIZE
from gateway.cli import main


def test_import_without_the_images_says_where_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "unknown.bin").write_bytes(bytes(IMAGE_SIZE))
    code = main(["firmware", "import", str(tmp_path), "--dir", str(tmp_path / "installed")])
    assert code == 1
    assert "sx1302_hal" in capsys.readouterr().err
    assert list((tmp_path / "installed").iterdir()) == []


def test_ctrl_c_leaves_no_half_of_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    found = {AGC_FILE: bytes(IMAGE_SIZE)}
    monkeypatch.setattr("drivers.sx1302.firmware_source.find", lambda _: found)
    monkeypatch.setattr("drivers.sx1302.firmware_source.os.fsync", interrupted)
    there = tmp_path / "installed"
    assert main(["firmware", "import", str(tmp_path), "--dir", str(there)]) == 130
    assert list(there.iterdir()) == []


def test_import_of_a_path_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = tmp_path / "absent"
    assert main(["firmware", "--dir", str(tmp_path), "import", str(absent)]) == 1
    assert str(absent) in capsys.readouterr().err


def test_list_tells_missing_from_unknown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / AGC_FILE).write_bytes(bytes(IMAGE_SIZE))
    assert main(["firmware", "--dir", str(tmp_path), "list", "--json"]) == 1
    images = json.loads(capsys.readouterr().out)["images"]
    assert [image["state"] for image in images] == ["unknown", "missing"]


def test_without_a_verb_of_its_own_it_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["firmware"])
    assert ended.value.code == 64


def test_import_without_a_path_is_wrong_usage(tmp_path: Path) -> None:
    for wrong in (["import"], ["list", "path"]):
        with pytest.raises(SystemExit) as ended:
            main(["firmware", *wrong, "--dir", str(tmp_path)])
        assert ended.value.code == 64
