"""`kogge demo` as a visitor starts it: the whole way, an outage, a verdict, nothing left over."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import json_judge
import pytest

# real time on the air: run these one after the other, in one worker
pytestmark = pytest.mark.realtime


async def start(directory: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(directory)},
    )


def daemons_of(directory: Path) -> list[int]:
    """The processes that were started with a file below `directory`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if str(directory).encode() in command:
            found.append(int(process.name))
    return found


def left_over(directory: Path) -> list[object]:
    """Processes and files."""
    return [*daemons_of(directory), *directory.iterdir()]


async def test_demo_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    demo = await start(tmp_path, "--seconds", "25", "--json")
    out, shown = await demo.communicate()
    screen = shown.decode()
    assert demo.returncode == 0, screen
    assert json_judge.judge(["demo"], out.decode()) == ("demo",)
    verdict = json.loads(out.decode().splitlines()[-1])
    assert verdict.keys() == {
        "sent", "received", "lost", "duplicates", "redelivered", "late", "joined", "seconds",
    }  # fmt: skip
    assert (verdict["lost"], verdict["duplicates"]) == (0, 0), screen
    assert verdict["received"] == verdict["sent"] > 8
    assert verdict["joined"] >= 4
    assert verdict["late"] > 0, "some readings waited for the line"
    assert "\x1b" not in screen, "a pipe is no terminal"
    assert max(map(len, screen.splitlines())) <= 80
    assert screen.index("line to the city is cut") < screen.index("buffer is empty again")
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_interrupted_demo_leaves_nothing_behind(tmp_path: Path, how: signal.Signals) -> None:
    demo = await start(tmp_path)
    assert demo.stdout is not None
    while b" live" not in (line := await demo.stdout.readline()):
        assert line, "it ended by itself"
    assert len(daemons_of(tmp_path)) == 1
    demo.send_signal(how)
    _, complaint = await demo.communicate()
    assert demo.returncode == 130
    assert complaint == b""
    assert left_over(tmp_path) == []


async def test_demo_whose_daemon_is_killed_says_so(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    assert demo.stdout is not None
    while b" live" not in (line := await demo.stdout.readline()):
        assert line, "it ended by itself"
    os.kill(daemons_of(tmp_path)[0], signal.SIGKILL)
    _, complaint = await demo.communicate()
    assert demo.returncode == 1
    assert b"ended by itself (exit code -9)" in complaint
    assert b"Traceback" not in complaint
    assert left_over(tmp_path) == []
