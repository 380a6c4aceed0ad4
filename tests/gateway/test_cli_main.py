"""The command line itself: its verbs, its exit codes, and how little it brings in."""

import importlib
import os
import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from kogge import HOUSE, kogge, loaded_by
from patience import HUNG

from gateway import VERSION, cli, files
from gateway.cli import VERBS, main
from gateway.errors import ConfigError, ControlError, GatewayError, StoreError

HEAVY = {"asyncio", "msgspec", "serial", "aiomqtt", "paho", "sqlite3", "ssl", "amqtt", "tomllib",
         "native.frames", "gateway.config", "gateway.daemon", "systemd"}  # fmt: skip


def test_version_is_told() -> None:
    assert kogge("--version").stdout == f"kogge {VERSION}\n"


@pytest.mark.parametrize("arguments", [[], ["frobnicate"], ["--frobnicate"], ["statu"]])
def test_without_a_known_verb_it_is_usage(arguments: list[str]) -> None:
    done = kogge(*arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert 1 <= len(done.stderr.splitlines()) <= 10


def test_help_lists_every_verb() -> None:
    done = kogge("--help")
    assert done.returncode == 0
    for verb, text in VERBS.items():
        assert f"  {verb:10} {text}" in done.stdout


@pytest.mark.tree
def test_every_verb_is_a_file_and_every_file_a_verb() -> None:
    files = {path.stem for path in (HOUSE / "gateway" / "cli").glob("*.py")}
    assert set(VERBS) <= files
    verbs = {name for name in files - {"__init__"} if _has_run(name)}
    assert verbs == set(VERBS)


def _has_run(name: str) -> bool:
    module = importlib.import_module(f"gateway.cli.{name}")
    return all(hasattr(module, part) for part in ("HELP", "arguments", "run"))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_what_it_does_not_know(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--frobnicate"])
    assert ended.value.code == cli.EX_USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"kogge {verb}" in captured.err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert f"usage: kogge {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("kogge.toml", "mqtt.url", "x", "write mqtts://"), 78),
        (ControlError("no daemon"), 69),
        (PermissionError("join the group"), 77),
        (StoreError("disk full"), 1),
        (GatewayError("something else"), 1),
    ],
)
def test_our_errors_are_one_sentence_and_an_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Namespace) -> int:
        raise error

    monkeypatch.setattr("gateway.cli.status.run", fail)
    assert main(["status"]) == code
    assert capsys.readouterr() == ("", f"kogge: {error}\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["decode", "40ff"]])
def test_reader_who_has_left_is_no_error_to_talk_about(
    arguments: list[str], unbuffered: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments], check=False, timeout=HUNG, cwd=HOUSE,
        stdout=writing, stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 1 or (unbuffered and "--help" in arguments)
    assert b"Broken" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [("--version", 0), ("codec list", 0), ("status --socket /absent", 69),
     ("config set mqtt.password --config /absent", 1), ("statsu", 64)],
)  # fmt: skip
def test_closed_streams_are_no_fault(arguments: str, code: int, closed: str) -> None:
    """The shell has closed them: nothing is read there, nothing told, and nothing goes astray."""
    command = f"{shlex.quote(sys.executable)} -m gateway {arguments} {closed}"
    done = subprocess.run(
        command, shell=True, check=False, timeout=HUNG, cwd=HOUSE, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "kogge: " not in done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("arguments", "code"), [("config show --config /absent", 78), ("statsu", 64)]
)
def test_stderr_that_cannot_be_written_changes_no_exit_code(
    arguments: str, code: int, unbuffered: str
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments.split()], check=False, timeout=HUNG,
            cwd=HOUSE, stderr=full, stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    assert done.returncode == code


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_a_sentence(unbuffered: str) -> None:
    env = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    for arguments in (["codec", "list"], ["config", "--help"], ["decode", "40ff"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "gateway", *arguments], check=False, timeout=HUNG, cwd=HOUSE,
                stdout=full, stderr=subprocess.PIPE, env=env,
            )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr
        if not (unbuffered and "--help" in arguments):
            assert done.returncode == 1
            said = (
                b"kogge: the output, or a file, cannot be written or read: No space left on device"
            )
            assert said in done.stderr


def test_card_that_fails_is_not_called_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Namespace) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("gateway.cli.status.run", fail)
    monkeypatch.setattr(cli, "_silence", lambda _: None)
    assert main(["status"]) == 1
    said = "kogge: the output, or a file, cannot be written or read: Input/output error\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (IsADirectoryError(21, "Is a directory", "/x"), 1, "/x: Is a directory"),
        (PermissionError(13, "Permission denied", "/x"), 77, "/x is closed to this user: use sudo"),
    ],
)  # fmt: skip
def test_file_that_the_system_refuses_is_named(
    error: OSError, code: int, said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(_: Namespace) -> int:
        raise error

    monkeypatch.setattr("gateway.cli.status.run", fail)
    assert main(["status"]) == code
    assert said in capsys.readouterr().err


def test_fault_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Namespace) -> int:
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr("gateway.cli.status.run", fail)
    with pytest.raises(OSError, match="Bad file"):
        main(["status"])


def test_file_that_may_not_be_read_is_a_matter_of_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", forbidden)
    assert main(["status", "--config", str(tmp_path / "kogge.toml")]) == 77
    assert "sudo adduser $USER kogge" in capsys.readouterr().err


def test_status_brings_in_nothing_heavy(tmp_path: Path) -> None:
    loaded = loaded_by("status", "--socket", str(tmp_path / "absent"))
    assert loaded & HEAVY == {"tomllib"}  # without a daemon it looks for what is there
    assert {name for name in loaded if name.split(".")[0] in {"gateway", "drivers", "native"}} == {
        "gateway",
        "gateway.cli",
        "gateway.cli.heard",
        "gateway.cli.language",
        "gateway.cli.parser",
        "gateway.cli.screen",
        "gateway.cli.status",
        "gateway.cli.status_down",
        "gateway.cli.status_machine",
        "gateway.cli.status_verdict",
        "gateway.diagnostics",
        "gateway.diagnostics.client",
        "gateway.diagnostics.machine",
        "gateway.errors",
        "gateway.files",
    }


def test_status_with_a_configuration_brings_in_only_what_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "kogge.toml"
    file.write_text(f'[gateway]\ncontrol_socket = "{tmp_path / "absent"}"\n', encoding="utf-8")
    loaded = loaded_by("status", "--config", str(file))
    assert loaded & HEAVY == {"tomllib"}


@pytest.mark.parametrize("arguments", [["--version"], ["watch", "--socket", "/absent"]])
def test_what_only_asks_needs_no_event_loop(arguments: list[str]) -> None:
    assert loaded_by(*arguments) & HEAVY == set()


def test_default_configuration_is_where_the_service_has_it() -> None:
    service = (HOUSE / "systemd" / "kogge.service").read_text(encoding="utf-8")
    assert f"kogge run --config {files.DEFAULT_FILE}" in service
    assert f"RestartPreventExitStatus={cli.EX_CONFIG}" in service


def test_backup_refuses_an_outsider_before_it_asks_for_a_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "kogge.toml"
    config.write_text('[gateway]\nstate_dir = "."\ncontrol_socket = "s"\n')
    (tmp_path / "devices.toml").touch()

    def closed(*_: object, **__: object) -> None:
        raise PermissionError("you may not talk to the daemon")

    monkeypatch.setattr("gateway.diagnostics.client.ask", closed)
    backup = ["backup", str(tmp_path / "b"), "--config", str(config)]
    assert main([*backup, "--passphrase-file", "/absent"]) == 77
    assert "you may not talk to the daemon" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
