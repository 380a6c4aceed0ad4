"""kogge report: names that it takes, what it says, and how long lines of a log end."""

import json
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.cli.report_parts import LINE_CHARACTERS, cut

CONFIG = '[gateway]\nstate_dir = "."\ncontrol_socket = "no.sock"\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "kogge.toml"
    file.write_text(CONFIG + '[mqtt]\nurl = "mqtts://broker.invalid"\n')
    (tmp_path / "devices.toml").touch()
    return file


@pytest.mark.parametrize("name", ["x", "x.tar", "x.pdf", "zip"])
def test_name_that_says_no_kind_is_wrong_usage(
    config: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", name, "--config", str(config)]) == 64
    assert "say which kind: FILE.zip" in capsys.readouterr().err


def test_place_that_cannot_be_written_is_named(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = config.parent / "nowhere" / "x.zip"
    assert main(["report", str(target), "--config", str(config)]) == 1
    assert f"{target} cannot be written: No such file" in capsys.readouterr().err


def test_what_is_absent_is_told_with_its_reason(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = config.parent / "x.html"
    assert main(["report", str(target), "--config", str(config), "--lang", "de"]) == 0
    said = capsys.readouterr().out
    assert "nur für den Besitzer lesbar" in said
    assert "Nicht darin: metrics.txt: der Dienst läuft nicht" in said
    assert 'lang="de"' in target.read_text(encoding="utf-8")


def test_ctrl_c_leaves_the_report_of_yesterday_and_nothing_else(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    (config.parent / "x.zip").write_text("of yesterday", encoding="utf-8")
    before = {one.name: one.read_bytes() for one in config.parent.iterdir()}
    monkeypatch.setattr("gateway.report.archive._fill", interrupted)
    assert main(["report", str(config.parent / "x.zip"), "--config", str(config)]) == 130
    assert {one.name: one.read_bytes() for one in config.parent.iterdir()} == before


def test_json_is_the_last_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = config.parent / "x.tgz"
    assert main(["report", str(target), "--config", str(config), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["file"], told["bytes"]) == (str(target), target.stat().st_size)
    assert told["absent"]["metrics.txt"] == "the daemon does not run"
    assert {"report.html", "status.json", "doctor.txt"} <= set(told["files"])
    assert not set(told["files"]) & set(told["absent"])


def test_long_line_ends_before_a_word() -> None:
    short = "receiving since 14:02"
    assert cut(short) == short
    line = f"{'x' * (LINE_CHARACTERS - 20)} and a-password-that-is-long"
    assert cut(line) == f"{'x' * (LINE_CHARACTERS - 20)} and …"
    assert cut("x" * 2 * LINE_CHARACTERS) == " …"
