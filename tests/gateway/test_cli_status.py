"""kogge status and kogge watch against a control socket: exit codes, JSON, words."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import socket_daemon
from kogge import HOUSE, kogge
from socket_daemon import Daemon

from gateway.cli import EX_USAGE, main
from gateway.cli import status as verb
from gateway.cli import watch as watch_verb
from gateway.diagnostics import client

STATUS: dict[str, Any] = {
    "v": 1, "version": "0.1.0", "gateway": "0016c001ff10a235", "name": "Pfahl 17",
    "health": "healthy", "time_quality": "ntp", "backlog": 3, "lost": 0, "devices": 8, "stuck": [],
    "codec_worker": {"state": "not needed", "reason": "", "starts": 0, "faults": 0, "disabled": {}},
    "radio": {"state": "receiving", "reason": "", "starts": 1, "model": "SX1302",
              "firmware": "AGC 10", "temperature": 24.4, "damaged": {}, "restarts": 0,
              "last_reason": "", "last_fault_at": None, "faults": {}, "pulses": 0,
              "eui": "0016c001ff10a235"},
    "city": {"state": "connected", "reason": "", "protocol": "5", "commands": True},
    "counts": {"readings": 12, "joins": 5}, "answers": {}, "downlinks": 0, "drops": {"bad_mic": 2},
    "duty_cycle": {"868-868.6": {"seconds_left": 36.0, "seconds": 36.0}}, "silence": "",
    "join": {"join": "open", "seconds_left": None, "allow": [], "joins_per_minute": 60},
    "locked": 0,
    "store": {"state": "well", "reason": "", "since": None, "retries": 0, "memory_records": 0},
    "archive": {"readings": 0, "bytes": 0, "from": None, "to": None, "given_up": 0, "damaged": 0,
                "replays": 0},
}  # fmt: skip
READING = {
    "id": "ab", "device": "70b3d57ed0000002", "name": "bin-04", "at": None, "f_cnt": 1,
    "measurements": {"distance": 0.4, "full": False}, "units": {"distance": "m"},
    "error": None, "radio": {"rssi": -97.0, "snr": 5.0, "sf": 7},
}  # fmt: skip


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with socket_daemon.daemon(tmp_path / "kogge.sock", STATUS) as one:
        yield one


async def start_watch(daemon: Daemon, *arguments: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "watch", "--socket", str(daemon.path), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=HOUSE,
    )  # fmt: skip
    await daemon.watched()
    return process


@pytest.mark.parametrize(("health", "code"), [("healthy", 0), ("degraded", 1), ("broken", 2)])
async def test_exit_code_says_how_the_daemon_is(daemon: Daemon, health: str, code: int) -> None:
    daemon.status = STATUS | {"health": health}
    done = await asyncio.to_thread(kogge, "status", "--socket", str(daemon.path))
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.splitlines()[0] == "Pfahl 17 0016c001ff10a235, Kogge 0.1.0"
    assert "2\u00a0× MIC wrong (bad_mic)" in done.stdout
    assert len(done.stdout.splitlines()) <= 16
    assert "\x1b" not in done.stdout


async def test_json_is_one_object_as_the_last_line(daemon: Daemon) -> None:
    done = await asyncio.to_thread(kogge, "status", "--socket", str(daemon.path), "--json")
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("machine").keys() >= {"disk", "memory", "temperature", "kernel", "python"}
    assert found == STATUS
    assert done.stderr == ""


async def test_socket_is_found_through_the_configuration(daemon: Daemon, tmp_path: Path) -> None:
    file = tmp_path / "kogge.toml"
    file.write_text('[gateway]\ncontrol_socket = "kogge.sock"\n', encoding="utf-8")
    done = await asyncio.to_thread(kogge, "status", "--config", str(file), "--json")
    assert json.loads(done.stdout).items() >= STATUS.items()


async def test_mistake_elsewhere_in_the_configuration_hides_no_daemon(
    daemon: Daemon, tmp_path: Path
) -> None:
    file = tmp_path / "kogge.toml"
    text = '[gateway]\ncontrol_socket = "kogge.sock"\n[mqtt]\nurl = 17\n'
    await asyncio.to_thread(file.write_text, text, encoding="utf-8")
    done = await asyncio.to_thread(kogge, "status", "--config", str(file), "--json")
    assert json.loads(done.stdout).items() >= STATUS.items()


def test_watch_without_a_daemon_is_69_and_says_how_to_start_it(tmp_path: Path) -> None:
    done = kogge("watch", "--socket", str(tmp_path / "absent"), "--json")
    assert (done.returncode, done.stdout) == (69, "")
    assert "sudo systemctl start kogge" in done.stderr


@pytest.mark.parametrize("verb", ["status", "devices list", "why 70b3d57ed0000001"])
def test_without_a_daemon_that_is_said_in_german(tmp_path: Path, verb: str) -> None:
    file = tmp_path / "kogge.toml"
    file.write_text('[gateway]\ncontrol_socket = "absent"\nstate_dir = "."\n', encoding="utf-8")
    (tmp_path / "devices.toml").touch()
    done = kogge("--lang", "de", *verb.split(), "--config", str(file))
    assert "antwortet kein Dienst" in done.stderr.splitlines()[0]


def test_status_without_a_daemon_is_69_and_tells_what_can_be_known(tmp_path: Path) -> None:
    file = tmp_path / "kogge.toml"
    file.write_text(
        '[gateway]\ncontrol_socket = "absent"\nstate_dir = "."\n[concentrator]\nport = "tty"\n',
        encoding="utf-8",
    )
    done = kogge("status", "--config", str(file), "--json")
    assert done.returncode == 69
    assert "sudo systemctl start kogge" in done.stderr
    found = json.loads(done.stdout)
    assert (found["health"], found["configuration"]["problem"]) == ("down", "")
    assert found["port"] == {"name": "tty", "present": False}
    assert found["database"] == {"problem": "absent"}
    assert found["machine"]["disk"]["path"] == str(tmp_path)


def test_metrics_are_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["status", "--metrics", "--json"])
    assert left.value.code == EX_USAGE
    assert "not allowed with" in capsys.readouterr().err


def test_watching_status_ends_with_ctrl_c_and_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = 0

    def sleep(seconds: float) -> None:
        nonlocal shown
        shown += 1
        if shown == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr(verb, "asked", lambda _: STATUS | {"health": "degraded"})
    assert main(["status", "--watch", "--socket", str(tmp_path / "kogge.sock")]) == 1
    assert capsys.readouterr().out.count("Pfahl 17") == 3


def test_status_that_may_not_connect_is_77(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Forbidden(socket.socket):
        def connect(self, _: Any) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Forbidden)
    assert main(["status", "--socket", str(tmp_path / "kogge.sock")]) == 77
    assert "sudo adduser $USER kogge" in capsys.readouterr().err


def test_silent_daemon_is_69(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client, "_TIMEOUT", 0.05)
    path = tmp_path / "deaf.sock"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        assert main(["status", "--socket", str(path)]) == 69
    assert "does not answer; see: journalctl -u kogge" in capsys.readouterr().err


async def test_watch_streams_one_object_a_line_until_the_daemon_ends(daemon: Daemon) -> None:
    process = await start_watch(daemon, "--json")
    daemon.watch.tell("reading", **READING)
    daemon.watch.tell("safe", id="ab")
    assert process.stdout is not None
    lines = [json.loads(await process.stdout.readline()) for _ in range(3)]
    assert [line["event"] for line in lines] == ["watching", "reading", "safe"]
    daemon.hang_up()
    _, said = await process.communicate()
    assert (process.returncode, said) == (69, b"kogge: the daemon hung up\n")


async def test_status_is_shown_again_until_ctrl_c(daemon: Daemon) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "status", "--watch", "--json", "--socket",
        str(daemon.path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=HOUSE,
    )  # fmt: skip
    assert process.stdout is not None
    for health in ("healthy", "degraded"):
        assert json.loads(await process.stdout.readline())["health"] == health
        daemon.status = STATUS | {"health": "degraded"}
    process.send_signal(signal.SIGINT)
    _, said = await process.communicate()
    assert (process.returncode, said) == (1, b"")


async def test_watch_tells_people_in_words(daemon: Daemon) -> None:
    process = await start_watch(daemon)
    daemon.watch.tell("safe", id="ab")
    daemon.watch.tell("reading", **READING)
    daemon.watch.tell("drop", reason="bad_mic", dev_addr="26011bda", rssi=-90.0)
    assert process.stdout is not None
    assert await process.stdout.readline() == (
        b"reading   bin-04: distance 0.4 m, full no  (-97 dBm, SF7)\n"
    )
    assert b"bad_mic" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = await process.communicate()
    assert (process.returncode, said) == (130, b"")


async def test_watch_ends_quietly_when_its_reader_leaves(daemon: Daemon) -> None:
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "watch", "--socket", str(daemon.path), "--json",
        stdout=writing, stderr=asyncio.subprocess.PIPE, cwd=HOUSE,
    )  # fmt: skip
    os.close(writing)
    await daemon.watched()
    os.close(reading)
    daemon.watch.tell("safe", id="ab")
    async with asyncio.timeout(10):
        _, said = await process.communicate()
    assert (process.returncode, said) == (1, b"")


def test_undecoded_reading_says_why() -> None:
    line = watch_verb.line({"event": "reading", **READING, "measurements": {}, "error": "odd"})
    assert "bin-04: odd" in line
