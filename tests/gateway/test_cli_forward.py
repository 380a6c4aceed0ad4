"""kogge forward against a control socket: what is asked, what is said, exit codes."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from forwarder_bench import Gateway, MemoryBuffer
from socket_daemon import answering

from gateway.cli import main
from gateway.diagnostics.control import Control
from gateway.diagnostics.forwarding import answer
from gateway.diagnostics.watch import Watch


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[str]:
    """As much of one as answers; its socket."""
    path, gateway = tmp_path / "kogge.sock", Gateway(1, MemoryBuffer())
    control = Control(
        path, dict, Watch(), {"forward": lambda request: answer(gateway.forwarder, request, 3)}
    )
    async with answering(control):
        yield str(path)


async def forward(*words: str) -> int:
    return await asyncio.to_thread(main, ["forward", *words])


async def test_forwarding_is_paused_shown_and_resumed(
    daemon: str, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ("--socket", daemon)
    assert await forward("pause", "--minutes", "30", *at) == 0
    assert capsys.readouterr().out == (
        "forwarding is paused, goes on by itself in 30\u00a0min\n"
        "  the broker is not connected: kogge status says why\n"
        "  3 not yet acknowledged, of them 0 parked\n"
    )
    assert await forward("status", "--json", *at) == 0
    assert json.loads(capsys.readouterr().out)["forward"] == "paused"
    assert await forward("resume", "--json", *at) == 0
    assert json.loads(capsys.readouterr().out) == {
        "forward": "running", "seconds_left": None, "connected": False, "backlog": 3, "parked": 0,
    }  # fmt: skip
    assert await forward("retry", *at) == 0
    assert capsys.readouterr().out.endswith("  0 are tried again\n")


def test_wrong_minutes_are_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["forward", "pause", "--minutes", "100000"])
    assert ended.value.code == 64
    assert "'100000': give a number above 0, at most 1440" in capsys.readouterr().err


async def test_without_a_daemon_it_says_so(tmp_path: Path) -> None:
    assert await forward("pause", "--socket", str(tmp_path / "none")) == 69
