"""kogge join against a control socket: what is asked, what is said, exit codes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from socket_daemon import answering

from gateway.cli import main
from gateway.diagnostics.control import Control
from gateway.diagnostics.joining import answer
from gateway.diagnostics.watch import Watch
from gateway.lorawan.join_control import JoinControl


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[str]:
    """As much of one as answers; its socket. It is closed, and time stands still."""
    path, gate = tmp_path / "kogge.sock", JoinControl(is_open=False, allow=["70b3d5", "00"])
    control = Control(path, dict, Watch(), {"join": lambda request: answer(gate, request, 1000)})
    async with answering(control):
        yield str(path)


async def join(*words: str) -> int:
    return await asyncio.to_thread(main, ["join", *words])


async def test_joining_is_opened_shown_and_closed(
    daemon: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--socket", daemon)
    assert await join("status", *at) == 0
    assert capsys.readouterr().out == "joining is closed\n"
    assert await join("open", "--minutes", "15", *at) == 0
    assert capsys.readouterr().out == (
        "joining is open for another 15\u00a0min\n  at most 60 joins a minute\n"
        "  only DevEUIs that begin with 70b3d5, 00\n"
    )
    assert await join("status", "--json", *at) == 0
    assert json.loads(capsys.readouterr().out) == {
        "join": "open", "seconds_left": 900.0, "allow": ["70b3d5", "00"], "joins_per_minute": 60,
    }  # fmt: skip
    assert await join("close", *at) == 0
    assert await join("open", *at) == 0
    said = capsys.readouterr().out
    assert said.startswith("joining is closed\njoining is open\n")


async def test_minutes_that_close_nothing_are_called_so(
    daemon: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await join("open", "--socket", daemon) == 0
    assert "afterwards" not in capsys.readouterr().out
    assert await join("open", "--minutes", "15", "--socket", daemon) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == [
        "joining is open",
        "  it was open before, and stays so afterwards; kogge join close ends it",
    ]


@pytest.mark.parametrize("minutes", ["-5", "100000", "nan", "x"])
def test_wrong_minutes_are_refused_in_a_sentence(
    minutes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["join", "open", "--minutes", minutes])
    assert ended.value.code == 64
    assert f"'{minutes}': give a number above 0, at most 1440" in capsys.readouterr().err


async def test_without_a_daemon_it_is_69(tmp_path: Path) -> None:
    assert await join("status", "--socket", str(tmp_path / "absent.sock")) == 69
