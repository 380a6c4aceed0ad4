"""What systemd is told: one line a state, and food for the watchdog while all tasks are on time."""

import asyncio
import socket
from pathlib import Path

import pytest
from patience import until

from gateway.diagnostics import health
from gateway.diagnostics.health import Health, tell_systemd, watchdog_seconds


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(health, "_notify", lambda text: lines.extend(text.split("\n")))
    return lines


def test_reason_of_several_lines_cannot_pass_for_another_state(told: list[str]) -> None:
    tell_systemd(STATUS="radio fault:\nWATCHDOG=1\n", READY=1)
    assert told == ["STATUS=radio fault: WATCHDOG=1", "READY=1"]


@pytest.mark.parametrize("abstract", [True, False])
def test_systemd_is_told_where_it_listens(
    abstract: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"@{tmp_path}" if abstract else str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(place.replace("@", "\0"))
        tell_systemd(READY=1, STATUS="receiving")
        assert listening.recv(100) == b"READY=1\nSTATUS=receiving"
    monkeypatch.delenv("NOTIFY_SOCKET")
    tell_systemd(READY=1)


@pytest.mark.parametrize(("microseconds", "seconds"), [("60000000", 60.0), ("", None)])
def test_interval_is_what_systemd_wants(
    microseconds: str, seconds: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", microseconds)
    assert watchdog_seconds() == seconds


async def test_watchdog_is_starved_while_a_task_is_late(told: list[str]) -> None:
    now = 0.0
    one = Health(lambda: now)
    beat = one.task("receive", 10)
    feeding = asyncio.create_task(one.run(interval=0.001))
    await seen(told, "WATCHDOG=1")
    now = 20.0
    await seen(told, "STATUS=stuck: receive")
    told.clear()
    await seen(told, "STATUS=stuck: receive")
    assert "WATCHDOG=1" not in told
    beat()
    await seen(told, "WATCHDOG=1")
    feeding.cancel()
    await asyncio.wait({feeding})


async def seen(told: list[str], line: str) -> None:
    await until(lambda: line in told)
