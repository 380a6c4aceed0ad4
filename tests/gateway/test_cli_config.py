"""kogge config check: good or wrong, and what is wrong where."""

import json
from pathlib import Path

import pytest

from gateway.cli import main


def write(directory: Path, toml: str) -> str:
    (directory / "devices.toml").write_text("", encoding="utf-8")
    file = directory / "kogge.toml"
    file.write_text(toml, encoding="utf-8")
    return str(file)


def test_good_configuration_is_said_to_be_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "")
    assert main(["config", "check", "--config", file]) == 0
    assert capsys.readouterr().out == (f"{file}: good. 0 devices in {tmp_path / 'devices.toml'}.\n")
    assert main(["config", "check", "--config", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "config": file, "devices": 0}


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ('[gateway]\nlatitude = "north"\n', "gateway.latitude"),
        ("[mqtt]\nin_fligth = 5\n", "mqtt.in_fligth"),
        ('[concentrator]\nregion = "XX"\n', "concentrator.region"),
    ],
)
def test_wrong_configuration_is_exit_78_and_one_line(
    tmp_path: Path, toml: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, toml)
    assert main(["config", "check", "--config", file]) == 78
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert f"{file}: {key}" in captured.err


def test_wrong_configuration_is_an_object_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "[store]\nwindow = 0.0\n")
    assert main(["config", "check", "--config", file, "--json"]) == 78
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["ok"], found["file"], found["key"]) == (False, file, "store.window")
    assert found["allowed"] in captured.err
