"""kogge config show, diff, set: what is said, what is written, what the daemon is asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from socket_daemon import answering

from gateway import settings
from gateway.cli import main
from gateway.diagnostics import configuring
from gateway.diagnostics.control import Control
from gateway.diagnostics.watch import Watch
from gateway.lorawan.join_control import JoinControl

TOML = '[gateway]\nname = "corner"\ncontrol_socket = "s"\n[mqtt]\nin_flight = 20  # as usual\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "devices.toml").touch()
    one = tmp_path / "kogge.toml"
    one.write_text(TOML, encoding="utf-8")
    return one


@dataclass
class Running:
    """As much of a daemon as is asked about its configuration."""

    gate: JoinControl = field(default_factory=JoinControl)
    changes: int = 0

    def change_pace(self) -> None:
        self.changes += 1


@pytest.fixture
async def running(file: Path) -> AsyncIterator[Running]:
    one, used = Running(), await asyncio.to_thread(settings.load, file)
    answer = partial(configuring.answer, running=used, gate=one.gate, forwarder=one)
    control = Control(file.parent / "s", dict, Watch(), {"config": answer})
    async with answering(control):
        yield one


async def config(action: str, file: Path, *words: str) -> int:
    return await asyncio.to_thread(main, ["config", action, "--config", str(file), *words])


def write(file: Path, toml: str) -> None:
    file.write_text(toml, encoding="utf-8")


def text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


async def test_every_key_is_shown_with_where_it_comes_from(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await config("show", file, "--json") == 0
    keys = last(capsys)["keys"]
    assert keys["gateway.name"] == {"value": "corner", "from": "file"}
    assert keys["store.window"] == {"value": 1.0, "from": "default"}
    assert keys["gateway.devices"]["value"] == str(file.parent / "devices.toml")
    assert await config("show", file) == 0
    shown = capsys.readouterr().out
    assert 'name = "corner"                              # from the file\n' in shown
    copy = file.with_name("copy.toml")
    write(copy, shown)
    read = await asyncio.to_thread(settings.load, copy)
    assert read.config == (await asyncio.to_thread(settings.load, file)).config


async def test_live_key_is_taken_over_and_another_wants_a_restart(
    file: Path, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await config("diff", file) == 0
    assert "The daemon uses what the file says." in capsys.readouterr().out
    assert await config("set", file, "mqtt.batch_seconds=2", "mqtt.in_flight=5", "--json") == 0
    assert last(capsys) == {
        "ok": True, "config": str(file), "reason": "",
        "keys": [
            {"key": "mqtt.batch_seconds", "value": 2, "before": None},
            {"key": "mqtt.in_flight", "value": 5, "before": 20},
        ],
        "taken": ["mqtt.batch_seconds"], "restart": ["mqtt.in_flight"],
    }  # fmt: skip
    assert running.changes == 1
    assert text(file) == TOML.replace("= 20  #", "= 5   #") + ("batch_seconds = 2\n")
    assert await config("diff", file) == 1
    shown = capsys.readouterr().out
    assert "  mqtt.in_flight = 5  (default 20)\n" in shown
    assert "  mqtt.in_flight = 5  (in use 20)\n" in shown
    assert "A restart is needed for: mqtt.in_flight (sudo systemctl restart kogge)\n" in shown
    assert "batch_seconds = 2  (in use" not in shown


async def test_joining_follows_the_file_where_that_has_changed(
    file: Path, running: Running
) -> None:
    running.gate.open_until(1000)
    assert await config("set", file, "lorawan.join=closed", "lorawan.joins_per_minute=6") == 0
    assert running.gate.seconds_left(0) == 0
    assert running.gate.joins_per_minute == 6
    running.gate.open()
    assert await config("set", file, 'lorawan.join_allow=["70b3d5"]') == 0
    assert (running.gate.seconds_left(0), running.gate.allow) == (None, ("70b3d5",))


async def test_what_was_edited_by_hand_is_told_apart(
    file: Path, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    write(file, TOML.replace("corner", "tree"))
    assert await config("diff", file) == 1
    assert "takes over without a restart: gateway.name" in capsys.readouterr().out
    assert await config("diff", file, "--json") == 1
    assert last(capsys)["daemon"]["differs"] == [
        {"key": "gateway.name", "file": "tree", "daemon": "corner", "restart": False}
    ]
    assert await config("set", file, "gateway.name", "tree") == 0
    shown = capsys.readouterr().out
    assert "The daemon has taken over: gateway.name\nNo restart is needed.\n" in shown


async def test_without_a_daemon_it_is_said_and_the_rest_is_shown(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await config("diff", file) == 69
    shown = capsys.readouterr().out
    assert '  gateway.name = "corner"  (default "")\n' in shown
    assert "The daemon was not asked: no daemon answers at" in shown
    assert await config("set", file, "gateway.name=x") == 0
    shown = capsys.readouterr().out
    assert shown.endswith(
        'kogge.toml now, it was "corner"\nNo daemon runs: it applies at the next start.\n'
    )
    assert await config("set", file, "gateway.name=x") == 0
    assert f'gateway.name = "x" was in {file} already\n' in capsys.readouterr().out


async def test_daemon_of_another_file_is_not_taken_for_this_ones(
    file: Path, running: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    other = file.with_name("other.toml")
    write(other, TOML)
    assert await config("diff", other) == 69
    assert f"the daemon was started with {file}, not with {other}" in capsys.readouterr().out
    assert await config("set", other, "gateway.name=x") == 0
    assert "does not know it yet: the daemon was started with" in capsys.readouterr().out


async def test_daemon_that_refuses_the_file_is_a_failure(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    control = Control(file.parent / "s", dict, Watch(), {"config": lambda _: {"error": "no"}})
    async with answering(control):
        assert await config("set", file, "gateway.name=x", "--json") == 1
        told = last(capsys)
        assert (told["ok"], told["reason"]) == (False, "the daemon refused: no")


@pytest.mark.parametrize("first", ["", 'password_file = "pw"\n'])
async def test_password_is_read_from_stdin_and_put_into_its_file(
    first: str, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(file, TOML + first)
    monkeypatch.setattr("sys.stdin", StringIO("open sesame\n"))
    monkeypatch.setattr("gateway.cli.config_set._group", lambda: -1)
    assert await config("set", file, "mqtt.password") == 0
    kept = file.with_name("pw" if first else "mqtt-password")
    assert text(kept) == "open sesame\n"
    assert kept.stat().st_mode & 0o777 == 0o640
    found = await asyncio.to_thread(settings.load, file)
    assert found.config.mqtt.password_file == str(kept)
    shown = capsys.readouterr()
    assert "sesame" not in shown.out + shown.err + text(file)
    assert "next connection" in shown.out
    kept.chmod(0o600)
    monkeypatch.setattr("sys.stdin", StringIO("another\n"))
    assert await config("set", file, "mqtt.password") == 0
    assert (text(kept), kept.stat().st_mode & 0o777) == ("another\n", 0o600)


async def test_first_password_wants_a_restart(
    file: Path, running: Running, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.stdin", StringIO("open sesame\n"))
    monkeypatch.setattr("gateway.cli.config_set._group", lambda: -1)
    assert await config("set", file, "mqtt.password") == 0
    shown = capsys.readouterr().out
    assert "A restart is needed for: mqtt.password_file" in shown
    assert "next connection" not in shown


@pytest.mark.parametrize("words", [["mqtt.password=sesame"], ["mqtt.password", "sesame"]])
async def test_password_on_the_command_line_is_refused(
    words: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await config("set", file, *words) == 64
    said = capsys.readouterr().err
    assert "everybody's" in said
    assert "sesame" not in said


async def test_no_password_changes_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(""))
    assert await config("set", file, "mqtt.password") == 1
    assert "nothing was changed" in capsys.readouterr().err
    assert text(file) == TOML
    assert not file.with_name("mqtt-password").exists()


@pytest.mark.parametrize("words", [["gateway.name"], ["gateway.name", "a", "b"]])
async def test_what_is_no_key_and_value_is_usage(words: list[str], file: Path) -> None:
    assert await config("set", file, *words) == 64
    assert text(file) == TOML


async def test_wrong_value_is_exit_78_and_an_object(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await config("set", file, "store.window=0", "--json") == 78
    told = last(capsys)
    assert (told["ok"], told["key"], told["file"]) == (False, "store.window", str(file))


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("mqtt.in_fligth", "did you mean 'mqtt.in_flight'?"),
        ("store.in_flight", "did you mean 'mqtt.in_flight'?"),
        ("foo.bar", "kogge config show lists those that there are"),
    ],
)
async def test_unknown_key_is_told_with_what_is_near_alone(
    key: str, hint: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await config("set", file, f"{key}=1") == 78
    assert f"{key}; there is no such key; {hint}" in capsys.readouterr().err


def test_without_a_file_in_its_place_it_is_said_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = tmp_path / "kogge.toml"
    assert main(["config", "show", "--config", str(absent)]) == 78
    said = capsys.readouterr().err
    assert f"{absent}; there is no such file; start from the examples in" in said
    assert "--config" not in said
    monkeypatch.setattr("gateway.files.DEFAULT_FILE", absent)
    assert main(["config", "show"]) == 78
    said = capsys.readouterr().err
    assert "or say --config FILE (docs/emulator.md" in said
