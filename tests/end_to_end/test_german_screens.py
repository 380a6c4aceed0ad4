"""Every verb on a German terminal of 80 columns: German to the end, and no wider.

Of a real gateway, also with the daemon down, with what is mistyped, and every `--help`. What speaks
TOML is left out: it is a file's, and a file has points.
"""

import asyncio
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import screen_judge
from broker import mosquitto
from every_verb import AT_REST, OF_NO_GATEWAY, WITH_THE_DAEMON, heard, paused, written
from lamp_post import GAUGE, TEMPERATURE, Sky, board, daemon, write_files
from lorawan_device import Air

from gateway.cli import main
from gateway.cli.whole import leaves, whole

pytestmark = pytest.mark.realtime

TOML = ("config show", "config diff", "config import-semtech")
MAKERS = ("codec list",)
"""What makers call their devices is English."""
ELSEWHERE = ("radio", "restore")
"""They look after Ctrl-C: no thread may."""
MISTYPED = (
    "", "nonsense", "status --bogus", "decode zz", "decode 40", "simulate --days x", "config",
    "config set mqtt.nonsense=2", "config set mqtt.batch_seconds=abc", "config set store.window=0",
    "config set mqtt.protocol=7", "config set mqtt.in_flight=5", "join open --minutes 0",
    "devices show xyz", "devices show 70b3d57ed00000ff", "devices qr LW:D0:bad",
    "devices import @none.csv", "devices add 70b3d57ed000000e --join-eui zz",
    "codec add @none.js --name a/b", "codec test @none.jsonl", "codec show none",
    "backup", "restore @v.jsonl --passphrase-file @pass", "firmware list",
    "frames --pcap @x.pcap", "why 70b3d57ed0000002", "status --socket /nowhere",
)  # fmt: skip
DOWN = (
    "frames",
    "watch",
    "forward pause",
    "join status",
    "join open",
    "config set mqtt.in_flight=6",
)


class Terminal(StringIO):
    """Of 80 columns."""

    def isatty(self) -> bool:
        return True


class Screens:
    """Verbs, run and judged."""

    def __init__(self, place: Path) -> None:
        self.place, self.faults = place, list[str]()

    async def run(self, line: str, stdin: str = "") -> None:
        words = [word.replace("@", f"{self.place}/") for word in line.split()]
        if line.startswith(TOML):
            return
        if line.startswith(ELSEWHERE):
            out = await on_a_terminal(words)
        else:
            out = await asyncio.to_thread(ran, words, stdin)
        if line.startswith(MAKERS):
            out = "\n".join(one for one in out.split("\n") if len(one) > screen_judge.WIDTH)
        self.judge(line, out)

    def judge(self, line: str, out: str) -> None:
        found = screen_judge.faults(out, str(self.place))
        self.faults += (f"kogge {line}: {fault}" for fault in found)


def ran(words: list[str], stdin: str) -> str:
    """Here, in a thread: processes would take seconds each."""
    screen = Terminal()
    before, sys.stdin = sys.stdin, StringIO(stdin)
    try:
        with redirect_stdout(screen), redirect_stderr(screen):
            main(["--lang", "de", *words])
    except SystemExit:
        pass
    finally:
        sys.stdin = before
    return screen.getvalue()


async def on_a_terminal(words: list[str]) -> str:
    ours, theirs = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "--lang", "de", *words),
        stdin=asyncio.subprocess.DEVNULL, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    reading = asyncio.create_task(asyncio.to_thread(_read, ours))
    await process.wait()
    return await reading


def _read(terminal: int) -> str:
    found = b""
    try:
        while octets := os.read(terminal, 65536):
            found += octets
    except OSError:  # the other end is closed: so a terminal ends
        pass
    finally:
        os.close(terminal)
    return found.decode()


async def strangers(sky: Sky) -> None:
    """Something of every kind is dropped."""
    damaged = bytearray(GAUGE.uplink(50, TEMPERATURE))
    damaged[-1] ^= 1
    await sky.send(bytes(damaged))
    await sky.send(Air(0x26AAAAAA, bytes(16), bytes(16)).uplink(3, TEMPERATURE))
    await sky.send(bytes.fromhex("000000d07ed5b370000200d07ed5b37000070001020304"))
    await sky.send(bytes.fromhex("ffeedd"))
    await sky.send(GAUGE.uplink(1, TEMPERATURE))


async def test_every_screen_is_german_and_no_wider_than_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    await asyncio.to_thread(written, tmp_path)
    seen, config = Screens(tmp_path), " --config @kogge.toml"
    async with mosquitto(tmp_path) as broker:
        file = await asyncio.to_thread(write_files, tmp_path, broker.port)
        async with board(tmp_path / "tty") as (_, sky):
            async with daemon(file) as gateway:
                await gateway.receiving()
                await paused(tmp_path / "kogge.sock")
                await heard(gateway, sky)
                await strangers(sky)
                for line, stdin, _codes in WITH_THE_DAEMON:
                    await seen.run(line + config, stdin)
                for line in MISTYPED:
                    await seen.run(line + (config if " " in line else ""))
            for line, stdin, _codes in AT_REST:
                await seen.run(line + config, stdin)
            for line in DOWN:
                await seen.run(line + config)
    for line, stdin, _codes in OF_NO_GATEWAY:
        await seen.run(line, stdin)
    assert seen.faults == []


def test_every_help_is_german_and_no_wider_than_80_columns() -> None:
    faults = [
        f"kogge {' '.join(words)} --help: {fault}"
        for words in [(), *(words for words, _ in leaves(whole()))]
        for fault in screen_judge.faults(ran([*words, "--help"], ""), "/nowhere")
    ]
    assert faults == []


@pytest.mark.parametrize(
    "line",
    [
        "x" * 81, "das ist the end", "868.1 MHz sind es", "-80.5 dBm", "am 2026-11-22",
        "1 Tage her", "verworfen: bad_mic 2", "NOT_ACKED", "kein Codec is da",
    ],
)  # fmt: skip
def test_judge_misses_nothing(line: str) -> None:
    assert list(screen_judge.faults(line, "/nowhere")) != []


@pytest.mark.parametrize(
    "line",
    [
        "x" * 80, "868,1 MHz", "LoRaWAN 1.0.3 und 192.0.2.17", "1 Tag", "21 Tage",
        "MIC falsch (bad_mic)", "hier gehört eine Zahl hin (Expected `float` of the kind)",
    ],
)  # fmt: skip
def test_judge_blames_no_german(line: str) -> None:
    assert list(screen_judge.faults(line, "/nowhere")) == []
