"""`kogge report` beside a real daemon and without one: what it holds, and what it never does."""

import asyncio
import base64
import csv
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from broker import mosquitto
from kogge import HOUSE
from lamp_post import APP_KEY, GAUGE, TEMPERATURE, Daemon, Sky, board, daemon, write_files

SCHEMA = json.loads((HOUSE / "config/schema/cli/report.json").read_text(encoding="utf-8"))
PASSWORD, TOKEN, USER = "Kai-17;Ladung&Löschen", "tok_9f8e7d6c5b4a", "city-user-4711"
URL_PASSWORD, ENVIRONMENT = "p@ss-in-url", "env-only-secret-77"
STRANGER = bytes.fromhex("c0ffee00112233445566778899aabbcc")  # a key that nobody here knows
SEALING = bytes(range(200, 232))
SCRIPT = "<script>alert(1)</script>"
WHOLE = {
    "report.html", "status.json", "status.txt", "doctor.json", "doctor.txt", "history.csv",
    "config.json", "signals.json", "devices.json", "database.json", "log.txt",
}  # fmt: skip


def keys() -> list[bytes]:
    return [APP_KEY, GAUGE.nwk_s_key, GAUGE.app_s_key, STRANGER]


def writings(secret: bytes) -> Iterator[bytes]:
    """Every way in which this test plants a secret, and looks for it."""
    yield from (secret.hex().encode(), secret.hex().upper().encode(), secret[::-1].hex().encode())
    coded = base64.b64encode(secret), base64.urlsafe_b64encode(secret)
    yield from coded
    if secret != STRANGER:
        yield from (secret, *(one.rstrip(b"=") for one in coded))


def secrets() -> list[bytes]:
    words = [PASSWORD, TOKEN, ENVIRONMENT]
    return [*keys(), SEALING, *(word.encode() for word in words)]


def leaks(files: dict[str, bytes], planted: list[bytes]) -> list[str]:
    return [
        f"{name}: {writing!r}"
        for name, content in files.items()
        for secret in planted
        for writing in writings(secret)
        if writing.lower() in content.lower()
    ]


def unpacked(target: Path) -> dict[str, bytes]:
    if target.suffix == ".zip":
        with zipfile.ZipFile(target) as packed:
            found = {name: packed.read(name) for name in packed.namelist()}
    else:
        with tarfile.open(target) as tar:
            opened = {one.name: tar.extractfile(one) for one in tar}
            found = {name: file.read() for name, file in opened.items() if file is not None}
    return {name.removeprefix("kogge-report/"): content for name, content in found.items()}


def talkative_journal(directory: Path, planted: list[bytes]) -> dict[str, str]:
    """An environment whose journalctl tells every secret in every writing."""
    said = [b"2026-11-22T14:03:00+0100 lamp kogge[612]: receiving since 14:02"]
    for secret in planted:
        said += [b"kogge: refused: " + writing + b" is wrong" for writing in writings(secret)]
    said += [
        f"connecting to mqtts://{USER}:{URL_PASSWORD}@broker:8883 failed".encode(),
        f"retry with Authorization: Bearer {TOKEN}".encode(),
    ]
    programs = directory / "programs"
    programs.mkdir()
    (programs / "said").write_bytes(b"\n".join(said) + b"\n")
    journal = programs / "journalctl"
    journal.write_text(f'#!/bin/sh\ncat "{programs / "said"}"\n')
    journal.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "MQTT_PASSWORD": ENVIRONMENT,
        "MQTT_TOKEN": TOKEN,
    }


def report(config: Path, target: Path, env: dict[str, str], *more: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "report", str(target), "--config", str(config), "--json",
         *more],
        capture_output=True, text=True, cwd=HOUSE, env=env, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(told, SCHEMA)
    return told


def plant(config: Path) -> None:
    """Secrets in every file of the configuration, and one as a device's name."""
    (config.parent / "password").write_text(PASSWORD)
    (config.parent / "kogge.key").write_text(SEALING.hex())
    (config.parent / "kogge.key").chmod(0o600)
    text = config.read_text(encoding="utf-8")
    mqtt = f'username = "{USER}"\npassword_file = "password"\n'
    text = text.replace("[store]", f"{mqtt}# the old password was {TOKEN}\n[store]")
    config.write_text(text, encoding="utf-8")
    devices = config.with_name("devices.toml")
    named = f'name = "{SCRIPT} {STRANGER.hex().upper()}"'
    devices.write_text(devices.read_text(encoding="utf-8").replace('name = "gauge"', named))


@asynccontextmanager
async def gateway(tmp_path: Path) -> AsyncIterator[tuple[Path, Sky, Daemon]]:
    async with mosquitto(tmp_path) as broker, board(tmp_path / "tty") as (_, sky):
        config = write_files(tmp_path, broker.port)
        plant(config)
        async with daemon(config) as one:
            await one.receiving()
            await sky.send(GAUGE.uplink(1, TEMPERATURE))
            await one.until(
                lambda status: status["counts"]["readings"] == 1 and status["backlog"] == 0
            )
            yield config, sky, one


@pytest.mark.realtime
async def test_report_has_all_of_a_gateway_and_none_of_its_secrets(tmp_path: Path) -> None:
    async with gateway(tmp_path) as (config, _, one):
        env = talkative_journal(tmp_path, secrets())
        told = await asyncio.to_thread(report, config, tmp_path / "up.zip", env)
        up = unpacked(tmp_path / "up.zip")
        assert set(up) == WHOLE | {"metrics.txt"}
        assert set(told["files"]) == set(up)
        page = up["report.html"].decode()
        one.process.terminate()
        await one.process.wait()
        told = await asyncio.to_thread(report, config, tmp_path / "down.tar.gz", env)
        down = unpacked(tmp_path / "down.tar.gz")
    assert set(down) >= WHOLE
    assert "metrics.txt" in told["absent"]
    said = {"log.txt": (tmp_path / "programs" / "said").read_bytes()}
    assert len(leaks(said, secrets())) > 50, "the search finds what is there"
    assert leaks(up, secrets()) == []
    assert leaks(down, secrets()) == []
    for word in (USER, URL_PASSWORD):
        assert word.encode() in said["log.txt"]
        assert word.encode() not in b"".join([*up.values(), *down.values()])
    for name in ("up.zip", "down.tar.gz"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; [removed]" in page
    assert b"receiving since 14:02" in up["log.txt"]
    _check_contents(up)
    assert json.loads(down["status.json"])["health"] == "down"
    assert [one["uplinks"] for one in json.loads(down["signals.json"])] == [[[7, 8.0]]]
    assert "The daemon does not run" in down["report.html"].decode()
    assert 'id="traffic"' in down["report.html"].decode(), "the history is on disk"


def _check_contents(up: dict[str, bytes]) -> None:
    told = json.loads(up["config.json"])
    assert told["mqtt"]["username"] == "(set)"
    assert told["mqtt"]["password_file"].endswith("/password")
    devices = {one["dev_eui"]: one for one in json.loads(up["devices.json"])}
    assert devices["70b3d57ed0000001"]["f_cnt"] == 1
    assert devices["70b3d57ed0000002"]["name"] == "bin"
    signals = {one["dev_eui"]: one["uplinks"] for one in json.loads(up["signals.json"])}
    assert signals == {"70b3d57ed0000001": [[7, 8.0]], "70b3d57ed0000002": []}
    rows = list(csv.DictReader(up["history.csv"].decode().splitlines()))
    assert (rows[0]["began"], rows[0]["waiting"]) == ("1", "0")
    assert json.loads(up["database.json"])["asked"] == "daemon"
    assert {one["check"] for one in json.loads(up["doctor.json"])["findings"]} >= {"board", "clock"}
    assert b"kogge_" in up["metrics.txt"]
    everything = b"".join(up.values())
    assert TEMPERATURE.hex().encode() not in everything
    assert b"21.5" not in everything, "no measurement"


def test_gateway_that_never_ran_and_whose_files_are_wrong_has_a_report_too(tmp_path: Path) -> None:
    """What holds the secrets is itself what is wrong."""
    config = tmp_path / "kogge.toml"
    config.write_text(
        f'[gateway]\nstate_dir = "."\ncontrol_socket = "no.sock"\npassword = "{TOKEN}"\n'
        f'[mqtt]\nurl = "mqtts://{USER}:{URL_PASSWORD}@broker.test"\n'
    )
    (tmp_path / "devices.toml").write_text(f'[[device]]\napp_key = "{APP_KEY.hex()}"\nbroken')
    planted = [APP_KEY, STRANGER, TOKEN.encode(), URL_PASSWORD.encode(), ENVIRONMENT.encode()]
    env = talkative_journal(tmp_path, planted)
    told = report(config, tmp_path / "x.zip", env)
    found = unpacked(tmp_path / "x.zip")
    assert leaks(found, planted) == []
    assert set(told["absent"]) >= {"config.json", "history.csv", "devices.json", "metrics.txt"}
    assert "password" in told["absent"]["config.json"]
    assert "There is no history yet" in found["report.html"].decode()
