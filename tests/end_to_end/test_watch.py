"""`kogge watch` in a real terminal (tmux), the real daemon behind it, a board that is emulated."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kogge import HOUSE
from lamp_post import APP_KEY, BIN_EUI, GAUGE, JOIN_EUI, TEMPERATURE, board, daemon, write_files
from lorawan_device import Air, join_request
from patience import HUNG

STRANGER = Air(0x0BADCAFE, b"s" * 16, b"s" * 16)

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed here"),
]


class Tmux:
    """One terminal of 80x24; its server ends with it."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def run(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-f", "/dev/null", "-S", str(self._socket), *words],
            capture_output=True, text=True, timeout=HUNG, check=True, cwd=HOUSE,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )  # fmt: skip
        return done.stdout

    def screen(self) -> str:
        return self.run("capture-pane", "-p", "-t", "w").replace("\u00a0", " ")

    async def press(self, *keys: str) -> None:
        await asyncio.to_thread(self.run, "send-keys", "-t", "w", *keys)

    async def shows(self, *words: str) -> str:
        text = ""
        try:
            async with asyncio.timeout(HUNG):
                while not all(word in text for word in words) or not text:
                    await asyncio.sleep(0.05)
                    text = await asyncio.to_thread(self.screen)
        except TimeoutError:
            raise AssertionError(f"{words} never came:\n{text}") from None
        return text


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    one = Tmux(tmp_path / "tmux")
    yield one
    subprocess.run(["tmux", "-S", str(tmp_path / "tmux"), "kill-server"], check=False,
                   capture_output=True, timeout=HUNG)  # fmt: skip


async def test_technician_watches_pauses_filters_and_looks_into_a_frame(
    tmp_path: Path, tmux: Tmux
) -> None:
    config = write_files(tmp_path, 1)  # no broker is there: the buffer keeps all
    async with board(tmp_path / "tty") as (_, sky), daemon(config) as gateway:
        await gateway.receiving()
        watching = f"{sys.executable} -m gateway watch --config {config}; echo ended with $?; cat"
        await asyncio.to_thread(
            tmux.run, "new-session", "-d", "-s", "w", "-x", "80", "-y", "24", watching
        )
        await tmux.shows("nothing has come yet", "broker unreachable")
        await sky.send(GAUGE.uplink(1, TEMPERATURE, 1))
        text = await tmux.shows("gauge", "temperature_1 21.5", "accepted 1  safe 1")
        assert "868.1    1" in text
        await tmux.press("p")
        await tmux.shows("PAUSED")
        await sky.send(STRANGER.uplink(1))
        text = await tmux.shows("PAUSED", "dropped 1")
        assert "0badcafe" not in text
        await tmux.press("p")
        await tmux.shows("LIVE", "0badcafe", "drop: unknown device")
        await sky.send(join_request(APP_KEY, JOIN_EUI, BIN_EUI, 1))
        await tmux.shows("+ bin ", "JOINED as ", "joins 1")
        await tmux.press("/", "g", "a", "u")
        text = await tmux.shows("/gau", "temperature_1")
        assert "0badcafe" not in text
        await tmux.press("Enter", "Enter")
        await tmux.shows("DevAddr    da 1b 01 26", "26011bda", "FRMPayload", "right",
                         TEMPERATURE.hex(" "))  # fmt: skip
        await sky.send(GAUGE.uplink(2, TEMPERATURE, 1, confirmed=True))
        await tmux.press("Escape")
        await tmux.shows("downlink", 'filter "gau"')  # too late, on a slow machine
        await tmux.press("q")
        await tmux.shows("ended with 0")
