"""kogge config check: good or wrong, and what is wrong where; import-semtech: what it tells."""

import grp
import json
import tomllib
from pathlib import Path

import pytest

from gateway.cli import main

GOLDEN = Path(__file__).parent.parent / "golden" / "start-eu868.json"


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
    assert capsys.readouterr().out == (
        f"{file}: good. Devices in {tmp_path / 'devices.toml'}: 0.\n"
    )
    assert main(["--lang", "de", "config", "check", "--config", file]) == 0
    assert ": in Ordnung. Geräte in " in capsys.readouterr().out
    assert main(["config", "check", "--config", file, "--json"]) == 0
    good = {"ok": True, "config": file, "devices": 0, "warnings": []}
    assert json.loads(capsys.readouterr().out) == good


def test_keys_that_everybody_may_read_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "")
    devices = tmp_path / "devices.toml"
    monkeypatch.setattr("gateway.files.is_public", lambda path: path == devices)
    assert main(["config", "check", "--config", file]) == 0
    assert "warning" not in capsys.readouterr().out, "there is no key in it"
    monkeypatch.setattr(grp, "getgrnam", dict[str, grp.struct_group]().__getitem__)
    devices.write_text(
        '[[device]]\ndev_eui = "70b3d57ed0000001"\nname = "gauge"\n'
        f'join_eui = "70b3d57ed0000000"\napp_key = "{"5a" * 16}"\n'
    )
    assert main(["config", "check", "--config", file]) == 0
    told = capsys.readouterr().out
    assert f"warning: {devices} holds the devices' keys" in told
    assert "devices.toml: 1." in told
    assert f": chmod 600 {devices}\n" in told, "there is no group to give it to"
    group = grp.struct_group(("kogge", "x", 990, []))
    monkeypatch.setattr(grp, "getgrnam", {"kogge": group}.__getitem__)
    assert main(["config", "check", "--config", file]) == 0
    assert f"sudo chgrp kogge {devices} && sudo chmod 640 {devices}" in capsys.readouterr().out
    assert "5a5a" not in told


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


def global_conf(directory: Path) -> str:
    conf = json.loads(GOLDEN.read_text())["config"]
    file = directory / "global_conf.json"
    file.write_text(json.dumps({"SX130x_conf": conf, "gateway_conf": {}}), encoding="utf-8")
    return str(file)


def test_import_tells_what_to_write_into_kogge_toml_and_that_is_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = global_conf(tmp_path)
    assert main(["config", "import-semtech", source, "--output", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert f"written: {tmp_path / 'global_conf.board.toml'}\n" in told
    assert "left out: gateway_conf: " in told
    kogge = told[told.index("[concentrator]") :]
    assert tomllib.loads(kogge)["concentrator"]["region"] == "EU868"
    assert main(["config", "check", "--config", write(tmp_path, kogge)]) == 0


def test_import_tells_it_as_an_object_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = global_conf(tmp_path)
    asked = ["config", "import-semtech", source, "--output", str(tmp_path), "--json"]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["source"]) == (True, source)
    assert found["concentrator"]["plan"] == found["plan"]
    assert [each["key"] for each in found["left_out"]] == ["gateway_conf"]
    assert main(asked) == 1
    assert "--force" in capsys.readouterr().err
    assert main([*asked, "--force"]) == 0


def test_import_of_what_is_no_configuration_is_exit_78_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "global_conf.json"
    file.write_text("[]")
    assert main(["config", "import-semtech", str(file), "--json"]) == 78
    captured = capsys.readouterr()
    assert json.loads(captured.out)["ok"] is False
    assert len(captured.err.splitlines()) == 1
    assert main(["config", "import-semtech", str(tmp_path / "none.json")]) == 78
    assert list(tmp_path.glob("*.toml")) == []


@pytest.mark.parametrize("words", [[], ["look"], ["import-semtech"]])
def test_wrong_usage_is_exit_64(words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["config", *words])
    assert left.value.code == 64


def test_files_for_the_broker_that_cannot_be_read_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f'{key} = "{key}"' for key in ("password_file", "ca_file", "cert_file", "key_file")]
    file = write(tmp_path, "\n".join(["[mqtt]", *lines]))
    (tmp_path / "ca_file").write_text("")
    assert main(["config", "check", "--config", file]) == 0
    warned = [line for line in capsys.readouterr().out.splitlines() if "warning" in line]
    assert len(warned) == 3
    assert f"mqtt.key_file = {tmp_path / 'key_file'} cannot be read (No such file" in warned[2]


@pytest.mark.parametrize("url", ["mqtt://b", "http://b", "mqtts://me:secret@b", ""])
def test_fallbacks_are_checked_like_the_first(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, f'[mqtt]\nfallback_urls = ["mqtts://good", "{url}"]\n')
    assert main(["config", "check", "--config", file]) == 78
    said = capsys.readouterr().err
    assert "mqtt.fallback_urls[2]" in said
    assert "secret" not in said
