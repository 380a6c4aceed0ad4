"""Ctrl-C at the worst moment: what is there afterwards is all of the old or all of the new.

The signal is sent by the work itself, at a step that is named, never after a time.
"""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from store_tools import World, reading
from vendor_folders import CHIRPSTACK, write

from drivers.sx1302.firmware import AGC_FILE, ARB_FILE, IMAGE_SIZE
from gateway.cli import main
from gateway.cli.whole_or_not import point_of_no_return
from gateway.codecs.own import Own
from gateway.lorawan.session import Changes
from gateway.store.buffer import Buffer
from gateway.store.opening import rename


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Is heard as at a terminal, whoever runs the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "devices.toml").touch()
    file = tmp_path / "kogge.toml"
    file.write_text('[gateway]\nstate_dir = "."\ncontrol_socket = "kogge.sock"\n')
    return file


def interrupting(real: Callable[..., Any]) -> Callable[..., Any]:
    """It, with a Ctrl-C before it begins."""

    def step(*args: Any, **named: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return real(*args, **named)

    return step


def test_ctrl_c_before_the_point_of_no_return_is_heard_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), point_of_no_return():
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_behind_it_is_not_heard_and_later_it_is_again() -> None:
    with point_of_no_return() as reached:
        reached()
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_another_thread_has_no_ctrl_c_to_put_off() -> None:
    done = threading.Event()

    def work() -> None:
        with point_of_no_return() as reached:
            reached()
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done.is_set()


def test_signal_that_python_does_not_know_of_stays_whose_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A library of C's has it, say: Python could not put that back."""
    real = signal.getsignal
    monkeypatch.setattr(
        signal, "getsignal", lambda one: None if one == signal.SIGHUP else real(one)
    )
    was = real(signal.SIGHUP)
    with point_of_no_return() as reached:
        reached()
        assert real(signal.SIGHUP) is was
        assert real(signal.SIGTERM) is signal.SIG_IGN
    assert real(signal.SIGHUP) is was


def test_both_images_are_installed_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {AGC_FILE: bytes(IMAGE_SIZE), ARB_FILE: bytes(IMAGE_SIZE)}
    there = tmp_path / "installed"
    typed = ["firmware", "import", str(tmp_path), "--dir", str(there)]
    with monkeypatch.context() as patch:
        patch.setattr("drivers.sx1302.firmware_source.find", interrupting(lambda _: found))
        assert main(typed) == 130
        assert not there.exists()
    monkeypatch.setattr("drivers.sx1302.firmware_source.find", lambda _: found)
    monkeypatch.setattr("drivers.sx1302.firmware_source.os.fsync", interrupting(os.fsync))
    assert main(typed) == 1, "their SHA-256 is not known"
    assert {file.name for file in there.iterdir()} == {AGC_FILE, ARB_FILE}


def test_password_and_its_key_come_together(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = config.read_text()
    typed = ["config", "set", "mqtt.password", "--config", str(config)]
    with monkeypatch.context() as patch:
        patch.setattr("gateway.cli.config_set._typed", interrupting(lambda: "sesame"))
        assert main(typed) == 130
        assert config.read_text() == before
    monkeypatch.setattr("gateway.cli.config_set._typed", lambda: "sesame")
    monkeypatch.setattr("gateway.cli.config_set._group", lambda: -1)
    monkeypatch.setattr("gateway.file_edit.os.fsync", interrupting(os.fsync))
    assert main(typed) == 0
    assert 'password_file = "mqtt-password"' in config.read_text()
    assert config.with_name("mqtt-password").read_text() == "sesame\n"
    assert "No daemon runs" in capsys.readouterr().out


def test_codecs_of_a_vendor_come_all_or_none(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = config.with_name("vendor")
    write(folder, CHIRPSTACK)
    own, typed = config.with_name("codecs"), ["codec", "import", str(folder), "--json"]
    typed += ["--config", str(config)]
    with monkeypatch.context() as patch:
        patch.setattr("gateway.cli.codec_import._tried", interrupting(lambda *_: None))
        assert main(typed) == 130
        assert not own.exists()
    monkeypatch.setattr(Own, "put", interrupting(Own.put))
    main(typed)
    told = json.loads(capsys.readouterr().out)
    assert told["imported"] > 0
    assert len(list(own.glob("**/*.js"))) == told["imported"]


async def _torn(world: World) -> None:
    """A page in the middle of the database is gone."""
    async with world.store() as store:
        buffer = Buffer(store, 1.0, world.say_safe, now=lambda: world.time, clock=world.clock())
        await buffer.open()
        await buffer.keep([reading(n, payload=f"{n:08x}") for n in range(2000)], Changes())
        await buffer.close()
    with world.path.open("r+b") as card:
        card.seek(world.path.stat().st_size // 2 // 1024 * 1024)
        card.write(b"\xa5" * 1024)


def test_database_is_repaired_or_as_it_was(
    world: World, config: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    asyncio.run(_torn(world))
    before = world.path.read_bytes()
    typed = ["buffer", "repair", "--config", str(config)]
    with monkeypatch.context() as patch:
        patch.setattr("gateway.store.salvage.os.fsync", interrupting(os.fsync))
        assert main(typed) == 130
        assert world.path.read_bytes() == before
        assert not list(config.parent.glob("*.salvaged*"))
    monkeypatch.setattr("gateway.store.quarantine.rename", interrupting(rename))
    assert main(typed) == 0
    assert world.path.with_name("kogge.db.damaged-1").read_bytes() == before
    capsys.readouterr()
    assert main(typed) == 0
    assert "nothing is damaged" in capsys.readouterr().out


def test_report_and_export_leave_nothing_of_their_halves(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = set(config.parent.iterdir())
    monkeypatch.setattr("gateway.report.archive.os.fsync", interrupting(os.fsync))
    report = ["report", str(config.with_name("r.zip")), "--config", str(config)]
    assert main(report) == 130
    assert set(config.parent.iterdir()) == there
    monkeypatch.setattr("gateway.cli.buffer._written", interrupting(lambda *_: {}))
    for kind in ("csv", "jsonl", "sqlite"):
        export = ["buffer", "export", str(config.with_name("x")), f"--{kind}"]
        assert main([*export, "--config", str(config)]) == 130
        assert set(config.parent.iterdir()) == there
