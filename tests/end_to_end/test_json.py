"""Every verb's --json, of a real gateway: as its schema in config/schema/cli says, closed."""

import asyncio
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import json_judge
import pytest
from broker import mosquitto
from every_verb import AT_REST, EUI, OF_NO_GATEWAY, WITH_THE_DAEMON, heard, paused, written
from kogge import HOUSE
from lamp_post import GAUGE, TEMPERATURE, Sky, board, daemon, write_files
from patience import HUNG

from gateway.cli import main

pytestmark = pytest.mark.realtime

ELSEWHERE = {("demo",)}
"""It takes its time: tests/end_to_end/test_demo.py has it judged."""


class Seen:
    """Verbs, run and judged."""

    def __init__(self, place: Path) -> None:
        self.place, self.leaves = place, set[tuple[str, ...]]()

    async def run(self, line: str, *codes: int, stdin: str = "") -> None:
        """It ends by itself with one of the codes, 0 without any."""
        if line.startswith(("radio", "restore")):  # they look after Ctrl-C: no thread may
            process = await self.begun(line)
            out, err = (text.decode() for text in await process.communicate())
            code = process.returncode
        else:
            code, out, err = await asyncio.to_thread(ran, self.words(line), stdin)
        assert code in (codes or (0,)), f"{line}: {err}"
        self.judge(line, out)

    def words(self, line: str) -> list[str]:
        return [word.replace("@", f"{self.place}/") for word in [*line.split(), "--json"]]

    async def begun(self, line: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *self.words(line)),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=HOUSE,
        )  # fmt: skip

    def judge(self, line: str, out: str) -> None:
        assert out.strip(), f"{line}: it says nothing"
        self.leaves.add(json_judge.judge(line.split(), out))

    async def first_line(self, line: str) -> None:
        """Of a verb that goes on until Ctrl-C."""
        process = await self.begun(line)
        assert process.stdout is not None
        async with asyncio.timeout(HUNG):
            self.judge(line, (await process.stdout.readline()).decode())
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
        if out:
            self.judge(line, out.decode())

    async def watched(self, config: str, sky: Sky) -> None:
        """An uplink, as `kogge watch` tells it: its frame, the reading, that it is safe."""
        process, told = await self.begun(f"watch{config}"), list[str]()
        assert process.stdout is not None
        async with asyncio.timeout(HUNG):
            while not told or '"safe"' not in told[-1]:
                if len(told) < 20:
                    await sky.send(GAUGE.uplink(100 + len(told), TEMPERATURE))
                told.append((await process.stdout.readline()).decode())
        process.send_signal(signal.SIGINT)
        await process.communicate()
        self.judge("watch", "".join(told))


def ran(words: list[str], stdin: str) -> tuple[int, str, str]:
    """Here, in a thread: processes would take seconds each."""
    out, err = StringIO(), StringIO()
    before, sys.stdin = sys.stdin, StringIO(stdin)
    try:
        with redirect_stdout(out), redirect_stderr(err):
            return main(words), out.getvalue(), err.getvalue()
    finally:
        sys.stdin = before


async def test_every_verb_says_what_its_schema_says(tmp_path: Path) -> None:
    await asyncio.to_thread(written, tmp_path)
    seen = Seen(tmp_path)
    config = " --config @kogge.toml"
    async with mosquitto(tmp_path) as broker:
        file = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky):
            async with daemon(file) as gateway:
                await gateway.receiving()
                await paused(tmp_path / "kogge.sock")
                await heard(gateway, sky)
                for line, stdin, codes in WITH_THE_DAEMON:
                    await seen.run(line + config, *codes, stdin=stdin)
                await seen.first_line(f"devices show {EUI} --watch{config}")
                await seen.run(f"forward pause{config}")
                await seen.watched(config, sky)
            for line, stdin, codes in AT_REST:
                await seen.run(line + config, *codes, stdin=stdin)
    for line, stdin, codes in OF_NO_GATEWAY:
        await seen.run(line, *codes, stdin=stdin)
    assert seen.leaves | ELSEWHERE == json_judge.LEAVES
