"""kogge radio: which board, what it is, how its start goes, and how each fault ends."""

import argparse
import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench_board import IMAGES, bench, board, driver, write_files
from concentrator_standin import FakeConcentrator
from kogge import kogge, loaded_by
from socket_daemon import answering

from drivers.concentrator import ChipError, DriverError, LinkLost
from gateway.cli import main, radio, radio_bench, radio_start
from gateway.cli.radio_bench import explained
from gateway.diagnostics.control import Control
from gateway.diagnostics.watch import Watch
from gateway.errors import StoreError


@pytest.fixture
def busy_port() -> Iterator[str]:
    """A terminal that another program has locked."""
    master, slave = os.openpty()
    fcntl.flock(slave, fcntl.LOCK_EX)
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


async def test_info_tells_what_the_board_is_and_leaves_it_switched_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with board() as (running, _):
        one = await asyncio.to_thread(driver, running, tmp_path)
        known = await radio_start.ask_chip(one)
        assert await radio_start.ask_chip(one) == known  # the port is free again
    assert await asyncio.to_thread(radio_start.show, one, known, as_json=True) == 0
    report = json.loads(capsys.readouterr().out)
    assert await asyncio.to_thread(radio_start.show, one, known, as_json=False) == 0
    assert report == {
        "asked": "chip", "state": "receiving", "reason": "", "eui": "0016c001f0000001",
        "pulses": 0, "model": "SX1303", "temperature": 24.37, "usb": None, "port": one.wanted.port,
        "firmware": "MCU V01.00.00, AGC 10, ARB 2, unverified firmware",
        "board": "corecell-usb", "region": "EU868",
    }  # fmt: skip
    said = capsys.readouterr().out
    for word in ("no pulse", "SX1303", "0016c001f0000001", "24.4 °C", "unverified"):
        assert word in said


async def test_info_asks_a_running_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    radio_part = {"state": "fault", "reason": "unplugged", "model": "SX1302",
                  "firmware": "AGC 10", "temperature": 31.0}  # fmt: skip
    status = {"gateway": "0016c001ff10a235", "radio": radio_part}
    control = Control(tmp_path / "kogge.sock", lambda: status, Watch())
    config = await asyncio.to_thread(write_files, tmp_path)
    async with answering(control):
        code = await asyncio.to_thread(main, ["radio", "info", "--config", str(config), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == 1
    assert (report["asked"], report["reason"]) == ("daemon", "unplugged")
    assert report["eui"] == "0016c001ff10a235"


def test_usb_port_is_told_by_its_ids_and_its_socket(tmp_path: Path) -> None:
    stick = tmp_path / "devices" / "usb1" / "1-1.2"
    (stick / "1-1.2:1.0").mkdir(parents=True)
    for name, text in {"idVendor": "0483", "idProduct": "5740", "product": "STM32 VCP"}.items():
        (stick / name).write_text(text + "\n")
    (tmp_path / "tty" / "ttyACM7").mkdir(parents=True)
    (tmp_path / "tty" / "ttyACM7" / "device").symlink_to(stick / "1-1.2:1.0")
    (tmp_path / "by-id").symlink_to("/dev/ttyACM7")
    found = radio_start.usb(str(tmp_path / "by-id"), tmp_path / "tty")
    assert found == "0483:5740 STM32 VCP at 1-1.2"
    assert radio_start.usb("/dev/ttyS0", tmp_path / "tty") is None


async def test_start_says_each_step_and_its_time(tmp_path: Path) -> None:
    """As a process, with the waits of the real start, which are within the three seconds."""
    config = await asyncio.to_thread(write_files, tmp_path)
    async with board(tmp_path / "tty"):
        done = await asyncio.to_thread(kogge, "radio", "start", "--config", str(config), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert [step["step"] for step in report["steps"]] == ["images", "start", "counter"]
    assert all(step["ok"] for step in report["steps"])
    assert sum(step["seconds"] for step in report["steps"]) <= report["seconds"] + 0.01
    assert report["up"] is True
    assert report["seconds"] < 5


def test_start_without_images_says_what_to_do(tmp_path: Path) -> None:
    config = write_files(tmp_path)
    (tmp_path / "firmware" / "arb_fw.bin").unlink()
    done = kogge("radio", "start", "--config", str(config))
    assert done.returncode == 1
    assert "images" in done.stdout
    assert "FAILED" in done.stdout
    assert "kogge firmware import PATH" in done.stderr


async def test_counter_that_stands_is_a_failed_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(radio_start, "Sx1302", FakeConcentrator)
    monkeypatch.setattr(radio_start, "COUNTED", 0.02)
    monkeypatch.setattr("drivers.sx1302.firmware.load", lambda *_, **__: IMAGES)
    one = FakeConcentrator()
    code = await radio_start.start(await asyncio.to_thread(bench, one, tmp_path), as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert (code, report["up"]) == (1, False)
    assert "counter went on by 0.000 s" in report["reason"]
    assert one.done[-1] == "stop"


@pytest.mark.parametrize("action", ["info", "start", "listen"])
def test_port_that_the_daemon_has_is_69(action: str, busy_port: str, tmp_path: Path) -> None:
    config = write_files(tmp_path)
    done = kogge("radio", action, "--config", str(config), "--port", busy_port)
    assert done.returncode == 69
    assert "sudo systemctl stop kogge" in done.stderr
    assert busy_port in done.stderr


def test_port_without_permission_is_77_and_names_the_group() -> None:
    error = LinkLost("no permission to open /dev/ttyACM0: add … to the group dialout")
    error.__cause__ = PermissionError(13, "Permission denied")
    said, code = explained(error, "/dev/ttyACM0")
    assert (said, code) == (str(error), 77)


def test_database_without_permission_is_77_and_says_sudo() -> None:
    error = StoreError("kogge.db may not be read by this user")
    error.__cause__ = PermissionError(13, "Permission denied")
    assert explained(error, "/dev/ttyACM0") == (f"{error}; use sudo", 77)


@pytest.mark.parametrize("error", [ChipError("wrong chip"), DriverError("odd")])
def test_other_faults_are_1_in_their_own_words(error: DriverError) -> None:
    assert explained(error, "/dev/ttyACM0") == (str(error), 1)


def test_port_that_is_not_there_is_1_and_says_so(tmp_path: Path) -> None:
    config = write_files(tmp_path)
    done = kogge("radio", "listen", "--config", str(config), "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "plug the board in" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--board", "toaster"], ["--board", "toaster", "corecell-usb"]),
        (["--region", "XX1"], ["--region", "XX1"]),
        (["--plan", "nowhere"], ["--plan", "nowhere", "eu868"]),
    ],
)
def test_impossible_option_is_78_and_named(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = write_files(tmp_path)
    assert main(["radio", "start", "--config", str(config), *arguments]) == 78
    said = capsys.readouterr().err
    assert "command line" in said
    for word in words:
        assert word in said


def test_bench_needs_no_kogge_toml_once_the_port_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gateway.files.DEFAULT_FILE", tmp_path / "kogge.toml")
    assert main(["radio", "start"]) == 78
    assert "--port" in capsys.readouterr().err
    assert main(["radio", "start", "--port", str(tmp_path / "tty")]) == 1
    assert "/var/lib/kogge/firmware" in capsys.readouterr().err


def test_configuration_that_may_not_be_read_is_77(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forbidden(_: Path) -> None:
        raise PermissionError("use sudo")

    monkeypatch.setattr(radio_bench, "_absent", lambda _: False)
    monkeypatch.setattr("gateway.config.read_toml", forbidden)
    assert main(["radio", "start", "--port", "tty"]) == 77
    assert "use sudo" in capsys.readouterr().err


def test_region_of_an_option_takes_its_own_plan(tmp_path: Path) -> None:
    config = write_files(tmp_path)
    text = config.read_text().replace("[concentrator]", '[concentrator]\nplan = "own.toml"')
    config.write_text(text)
    parser = argparse.ArgumentParser()
    radio.arguments(parser)
    args = parser.parse_args(["info", "--config", str(config), "--region", "eu868"])
    assert radio_bench.load(args).wanted.plan == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["listen", "--seconds", "0"],
        ["listen", "--seconds", "soon"],
        ["listen", "--count", "-1"],
        ["info", "--port", ""],
    ],
)
def test_wrong_usage_is_64(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["radio", *arguments])
    assert ended.value.code == 64


def test_help_loads_no_driver() -> None:
    assert not {"drivers", "serial", "msgspec"} & loaded_by("radio", "--help")
