"""`kogge devices` and `kogge why` without a daemon: words, tables, keys and exit codes."""

import errno
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kogge import HOUSE, kogge
from patience import HUNG

from gateway.cli import devices_words, main, refusals, why_words

EUI, KEY = "70b3d57ed0000009", "0f0e0d0c0b0a09080706050403020100"
DEVICE: dict[str, Any] = {
    "known": True, "dev_eui": EUI, "name": "parking-am-neuen-markt-07", "codec": "cayennelpp",
    "lorawan": "1.0.3", "class": "A", "place": "Markt", "activation": "OTAA",
    "join_eui": "70b3d57ed0000000", "dev_addr": "26011bda", "state": "joined", "f_cnt": 9,
    "battery": 12, "hears_margin": 7, "adr": "stays", "joins": 1,
    "joined": {"at": None, "age_s": 9e4}, "seen": {"at": None, "age_s": 4005.0},
    "interval_s": 600.0, "regular": True, "overdue_s": 3405.0, "margin": 2.5, "sf": 9,
    "heard": 24, "lost": 5, "codec_errors": 0, "codec_error": "", "codec_error_when": None,
    "uplinks": [{"age_s": 600.0 - n, "rssi": -80.0 - n, "snr": 1.0, "sf": 9, "margin": 13.5 - n}
                for n in range(12)],
    "refused": [],
}  # fmt: skip
NEVER = DEVICE | {"state": "new", "seen": None, "f_cnt": None, "uplinks": [], "heard": 0, "lost": 0,
                  "margin": None, "battery": None, "sf": None, "interval_s": None,
                  "overdue_s": None}  # fmt: skip
GATEWAY = {"time_quality": "ntp", "region": "EU868", "channels": [868_100_000], "up_s": 9e4}
STATUS: dict[str, Any] = {
    "radio": {"state": "receiving", "reason": ""}, "answers": {"OK": 3}, "silence": "",
    "join": {"join": "open", "allow": [], "seconds_left": None},
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "kogge.toml"
    file.write_text('[gateway]\nstate_dir = "."\ncontrol_socket = "kogge.sock"\n')
    (tmp_path / "devices.toml").write_text("# our street\n")
    return file


def run(config: Path, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words, "--config", str(config)],
        input=stdin, capture_output=True, text=True, cwd=HOUSE, check=False, timeout=HUNG,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_life_of_a_device_without_a_daemon(config: Path) -> None:
    file, table = config.with_name("devices.toml"), config.with_name("out.csv")
    done = run(
        config, "devices", "add", "70:B3:D5:7E:D0:00:00:09", "--join-eui", "70B3D57ED0000000",
        "--name", "bin", "--json", stdin=f"{KEY.upper()}\n",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert (done.returncode, told["added"], told["applied"]) == (0, [EUI], False)
    assert "no daemon answers" in told["reason"]
    assert file.read_text().startswith("# our street\n")
    assert f'app_key = "{KEY}"' in file.read_text()

    listed = run(config, "devices", "list")
    assert listed.returncode == 69
    assert EUI in listed.stdout
    shown = run(config, "devices", "show", EUI)
    assert (shown.returncode, KEY in shown.stdout) == (69, False)
    assert KEY in run(config, "devices", "show", EUI, "--keys", "shown").stdout
    why = run(config, "why", EUI)
    assert (why.returncode, "nothing was heard" in why.stdout) == (69, True)

    assert KEY not in run(config, "devices", "export", "-").stdout
    assert run(config, "devices", "export", str(table), "--keys", "shown").returncode == 0
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert run(config, "devices", "remove", EUI).returncode == 0
    assert file.read_text().strip() == "# our street"
    assert run(config, "devices", "import", str(table)).returncode == 0
    again = config.with_name("again.toml")
    assert run(config, "devices", "export", str(again), "--keys", "shown").returncode == 0
    assert KEY in again.read_text()


@pytest.mark.parametrize(
    ("words", "stdin", "code", "says"),
    [
        (("qr", "https://example.org"), "", 64, "no LoRaWAN QR code"),
        (("qr", f"LW:D0:{'0' * 16}:{EUI}:AABB1122"), "", 1, "AppKey is missing"),
        (("qr", f"LW:D0:{'0' * 16}:{EUI}:AABB1122"), "00\n" * 3, 1, "no AppKey was given"),
        (("qr", "-"), f"LW:D0:{'0' * 16}:{EUI}:AABB1122\n", 1, "AppKey is missing"),
        (("add", "7", "--join-eui", "0"), "", 64, "16 hex digits"),
        (("add", EUI, "--join-eui", "12"), f"{KEY}\n", 78, "16 hex digits"),
        (("add", EUI, "--dev-addr", "26011bda"), f"{KEY}\n", 1, "AppSKey is missing"),
        (("add", EUI, "--join-eui", "0" * 16, "--codec", "cayenelpp"), f"{KEY}\n", 78,
         "did you mean cayennelpp"),
        (("add", EUI, "--join-eui", "0" * 16, "--keys", "none.csv"), "", 78, "cannot be read"),
        (("remove", EUI), "", 78, "no device in it has this DevEUI"),
        (("import", "none.csv"), "", 78, "cannot be read"),
        (("show", EUI), "", 1, "no device in devices.toml"),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_and_changes_nothing(
    config: Path, words: tuple[str, ...], stdin: str, code: int, says: str
) -> None:
    done = run(config, "devices", *words, stdin=stdin)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert KEY not in done.stderr
    assert config.with_name("devices.toml").read_text() == "# our street\n"


def test_device_that_is_there_is_refused_before_its_key_is_asked_for(config: Path) -> None:
    words = ("devices", "add", EUI, "--join-eui", "0" * 16)
    assert run(config, *words, stdin=f"{KEY}\n").returncode == 0
    done = run(config, *words)
    assert (done.returncode, f"already: {EUI}" in done.stderr) == (78, True)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--codec", "cayenelpp"), "codec is 'cayenelpp'; did you mean cayennelpp"),
        (("--lorawan", "2.0"), "lorawan is '2.0'; possible are 1.0.2"),
        (("--class", "B"), "class is 'B'"),
        (("--depth", "-1"), "depth is -1.0"),
        (("--join-eui", "12"), "join_eui is '12'"),
    ],
)
def test_what_is_wrong_with_a_device_is_said_before_its_key_is_asked_for(
    config: Path, more: tuple[str, ...], says: str
) -> None:
    """And by its DevEUI: it stands in no file yet."""
    done = run(config, "devices", "add", EUI, "--join-eui", "0" * 16, *more)
    assert (done.returncode, f"{EUI}: {says}" in done.stderr) == (78, True), done.stderr
    assert "AppKey" not in done.stderr
    scanned = ("devices", "qr", f"LW:D0:{'0' * 16}:{EUI}:AABB1122", "--codec", "cayenelpp")
    assert "did you mean cayennelpp" in run(config, *scanned).stderr


@pytest.mark.parametrize(
    ("last", "says"),
    [
        ("70b3d57ed0000009,third,0000000000000000,00", ":5: app_key is '2 characters'"),
        (f"{EUI},third,0000000000000000,{KEY}", ":5: dev_eui is '70b3d57ed0000009'; stands tw"),
        (f"70b3d57ed0000007,third,0000000000000000,{KEY}", ":5: dev_eui is '70b3d57ed0000007'"),
        (f"7.0E+15,third,0000000000000000,{KEY}", ":5: dev_eui; the spreadsheet has made"),
    ],
)
def test_table_is_brought_in_whole_or_not_at_all(config: Path, last: str, says: str) -> None:
    known = ("devices", "add", "70b3d57ed0000007", "--join-eui", "0" * 16)
    assert run(config, *known, stdin=f"{KEY}\n").returncode == 0
    file, table = config.with_name("devices.toml"), config.with_name("street.csv")
    before = file.read_bytes()
    table.write_text(
        f"dev_eui,name,join_eui,app_key\n\n{EUI},bin,0000000000000000,{KEY}\n"
        f"70b3d57ed0000002,next,0000000000000000,{KEY}\n{last}\n"
    )
    done = run(config, "devices", "import", str(table))
    assert (done.returncode, f"{table}{says}" in done.stderr) == (78, True), done.stderr
    assert file.read_bytes() == before
    assert KEY not in done.stderr


def test_export_that_fails_leaves_the_one_before(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    table = config.with_name("street.csv")
    table.write_text("of yesterday")
    table.chmod(0o644)
    monkeypatch.setattr(os, "fsync", full)
    assert main(["devices", "export", str(table), "--config", str(config)]) == 1
    assert "No space left" in capsys.readouterr().err
    assert table.read_text() == "of yesterday"
    monkeypatch.undo()
    assert main(["devices", "export", str(table), "--config", str(config)]) == 0
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    assert sorted(one.name for one in table.parent.iterdir() if "street" in one.name) == [
        "street.csv"
    ]


def test_export_replaces_neither_a_link_nor_what_is_no_file(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of root's it would be /dev/null or /dev/stdout."""
    pipe, link, table = (config.with_name(name) for name in ("pipe", "link.csv", "table.csv"))
    os.mkfifo(pipe)
    link.symlink_to(table)
    assert main(["devices", "export", str(pipe), "--config", str(config)]) == 1
    assert f"{pipe} is no file" in capsys.readouterr().err
    assert pipe.is_fifo()
    assert main(["devices", "export", str(link), "--config", str(config)]) == 0
    assert link.is_symlink()
    assert table.read_text().startswith("dev_eui")


def test_device_1_1_is_asked_for_both_keys(config: Path) -> None:
    words = ("devices", "add", EUI, "--join-eui", "0" * 16, "--lorawan", "1.1")
    assert run(config, *words, stdin=f"{KEY}\n{'1' * 32}\n").returncode == 0
    assert f'nwk_key = "{"1" * 32}"' in config.with_name("devices.toml").read_text()


def test_typed_key_is_never_shown(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    typed = iter(["00 11", KEY])
    prompts: list[str] = []

    def type_in(prompt: str) -> str:
        prompts.append(prompt)
        return next(typed)

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", type_in)
    words = ["devices", "add", EUI, "--join-eui", "0" * 16, "--config", str(config)]
    assert main(words) == 0
    said = capsys.readouterr()
    assert prompts == [f"AppKey of {EUI} (not shown): "] * 2
    assert KEY not in said.out + said.err
    assert "it had 4 characters" in said.err


def test_table_of_devices_keeps_to_80_columns() -> None:
    lines = list(devices_words.table([DEVICE, NEVER]))
    assert max(map(len, lines)) <= 80
    assert "OVERDUE, WEAK, LOSSY, BATTERY LOW" in lines[2]
    assert "never heard" in lines[4]
    assert "kogge devices qr" in next(devices_words.table([]))


def test_detail_has_a_picture_of_the_signal() -> None:
    lines = list(devices_words.detail(DEVICE))
    (picture,) = [line for line in lines if "RSSI" in line]
    assert "█" in picture
    assert "▁" in picture
    assert sum("dBm" in line for line in lines) == 1 + 8
    assert any("OVERDUE" in line for line in lines)


def codes(device: dict[str, Any], **status: Any) -> list[str]:
    return [one.code for one in why_words.reasons(device, GATEWAY, STATUS | status, None)]


def test_reasons_come_newest_first_and_then_what_is_so_now() -> None:
    refused = [
        {"age_s": age, "reason": reason, "says": "", "by": "dev_eui", "dev_addr": None, "count": 2}
        for age, reason in ((90.0, "bad_mic"), (5.0, "join_closed"))
    ]
    shut = {"join": "closed", "allow": [], "seconds_left": 0}
    assert codes(DEVICE | {"refused": refused}) == [
        "join_closed", "bad_mic", "overdue", "weak", "lossy", "battery",
    ]  # fmt: skip
    found = codes(NEVER, join=shut, radio={"state": "fault", "reason": "no port"})
    assert found[:3] == ["radio", "join_closed", "never_heard"]


def test_never_heard_is_led_step_by_step() -> None:
    assert codes(NEVER) == [
        "never_heard", "asleep", "identity", "region", "elsewhere", "antenna",
    ]  # fmt: skip
    stranger = {"known": False, "dev_eui": EUI, "refused": [], "uplinks": []}
    assert codes(stranger)[:3] == ["never_heard", "not_in_file", "asleep"]


def test_clock_that_is_not_set_is_told_of_what_was_heard() -> None:
    """Of what was never heard there is nothing to date."""
    unset = GATEWAY | {"time_quality": "unsynchronised"}

    def told(device: dict[str, Any]) -> list[str]:
        return [one.code for one in why_words.reasons(device, unset, STATUS, None)]

    assert "clock" in told(DEVICE)
    assert "clock" not in told(NEVER)


def test_every_reason_for_a_refusal_has_words() -> None:
    from gateway.lorawan.outcome import DropReason

    nobodys = {"bad_crc", "no_crc", "malformed", "not_an_uplink", "duplicate"}
    assert set(refusals.REFUSALS) == {str(one) for one in DropReason} - nobodys


def test_why_keeps_to_80_columns() -> None:
    found = why_words.reasons(DEVICE, GATEWAY, STATUS, {"received_at": "2026-11-20T10:00:00Z"})
    assert max(map(len, why_words.lines(DEVICE, GATEWAY, found))) <= 80


def test_help_and_a_wrong_word() -> None:
    assert kogge("devices", "--help").returncode == 0
    assert kogge("devices", "remove", "no-eui").returncode == 64


STREET = "".join(
    f"[[device]]\ndev_eui = '70b3d57ed000000{n}'\nname = '{name}'\ndev_addr = '2601000{n}'\n"
    f"nwk_s_key = '{KEY}'\napp_s_key = '{KEY}'\n"
    for n, name in enumerate(["bin-am-hafen", "Gauge", "gauge", "twin", "twin"])
)


@pytest.mark.parametrize("verb", [("why",), ("devices", "show")])
@pytest.mark.parametrize(
    ("meant", "dev_eui"),
    [
        ("bin-am-hafen", "70b3d57ed0000000"),
        ("BIN-am-Hafen", "70b3d57ed0000000"),
        ("gauge", "70b3d57ed0000002"),
        ("70-B3-D5-7E-D0-00-00-01", "70b3d57ed0000001"),
    ],
)
def test_device_is_meant_by_its_name_too(
    config: Path, verb: tuple[str, ...], meant: str, dev_eui: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    config.with_name("devices.toml").write_text(STREET)
    assert main([*verb, meant, "--config", str(config), "--json"]) == 69
    told = json.loads(capsys.readouterr().out)
    assert told.get("device", told)["dev_eui"] == dev_eui


@pytest.mark.parametrize("verb", [("why",), ("devices", "show")])
@pytest.mark.parametrize(
    ("meant", "says"),
    [
        ("twin", "several devices are called twin: 70b3d57ed0000003, 70b3d57ed0000004; give the"),
        ("bin-am-hafn", "did you mean bin-am-hafen (70b3d57ed0000000)?"),
        ("xyzzy", "no device is called xyzzy; kogge devices list shows those that are there"),
    ],
)
def test_name_of_no_one_device_is_refused_with_what_is_near(
    config: Path, verb: tuple[str, ...], meant: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config.with_name("devices.toml").write_text(STREET)
    assert main([*verb, meant, "--config", str(config)]) == 1
    captured = capsys.readouterr()
    assert (captured.out, says in captured.err) == ("", True), captured.err


@pytest.mark.parametrize("verb", [("why",), ("devices", "show")])
def test_mistyped_dev_eui_is_told_with_the_one_that_is_near(
    config: Path, verb: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    config.with_name("devices.toml").write_text(STREET)
    main([*verb, "70b3d57fd0000000", "--config", str(config)])
    assert "did you mean 70b3d57ed0000000 (bin-am-hafen)?" in capsys.readouterr().err
    main([*verb, "0000000000000001", "--config", str(config)])
    assert "did you mean" not in capsys.readouterr().err
