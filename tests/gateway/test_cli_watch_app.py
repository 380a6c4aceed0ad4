"""`kogge watch` on a terminal: Textual's pilot presses the keys, a real control socket tells."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import pytest
import socket_daemon
import watch_cases as cases
from screen_cases import STATUS, status
from socket_daemon import Daemon
from textual.pilot import Pilot
from watch_cases import Told

from gateway.cli.status import asked
from gateway.cli.watch_app import STYLES, WatchApp
from gateway.cli.watch_table import Look

SECONDS, A_SECOND = 10, 259  # frames/s are what an SX1302 can hear (docs/performance.md)


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with socket_daemon.daemon(tmp_path / "kogge.sock", STATUS) as one:
        yield one


class Terminal:
    def __init__(self, app: WatchApp, pilot: Pilot[None], daemon: Daemon) -> None:
        self.app, self.pilot, self.daemon = app, pilot, daemon

    def text(self) -> str:
        """What is really on it."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips).replace("\u00a0", " ")

    def tell(self, *happenings: Told) -> None:
        for one in happenings:
            self.daemon.watch.tell(**one)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(40):
            while not holds():
                await self.pilot.pause(0.01)

    async def shows(self, *words: str) -> None:
        try:
            await self.until(lambda: all(word in self.text() for word in words))
        except TimeoutError:
            raise AssertionError(f"{words} never came:\n{self.text()}") from None


@asynccontextmanager
async def terminal(daemon: Daemon, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Terminal]:
    app = WatchApp(daemon.path, asked, await asyncio.to_thread(asked, daemon.path))
    async with app.run_test(size=size) as pilot:
        await daemon.watched()
        yield Terminal(app, pilot, daemon)


async def test_what_comes_is_shown_with_its_measurement(daemon: Daemon) -> None:
    async with terminal(daemon) as one:
        await one.shows("Pfahl 17", "nothing has come yet")
        one.tell(cases.uplink(1), cases.reading(1), cases.safe(1), cases.drop())
        await one.shows("temperature 21.5 °C", "drop: unknown device", "accepted 1  safe 1")


async def test_keys_pause_filter_and_detail(daemon: Daemon) -> None:
    async with terminal(daemon) as one:
        one.tell(cases.uplink(1), cases.reading(1))
        await one.shows("temperature 21.5 °C")
        await one.pilot.press("p")
        one.tell(cases.drop())
        await one.shows("PAUSED, 1 new", "dropped 1")
        assert "drop: " not in one.text()
        await one.pilot.press("p")
        await one.shows("LIVE", "drop: unknown device")
        await one.pilot.press("slash", *"bin", "enter")
        await one.shows('filter "bin"')
        assert "drop: " not in one.text()
        await one.pilot.press("enter")
        await one.shows("FRMPayload", "DevAddr    da 1b 01 26", "26011bda")
        await one.pilot.press("escape")
        await one.shows('filter "bin"', "temperature 21.5 °C")


def test_every_look_has_a_style_of_its_own() -> None:
    looks = {look for kind in get_args(Look) for look in (get_args(kind) or [kind])}
    assert set(STYLES) == looks
    assert len(set(STYLES.values())) == len(looks)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_key_ends_it(daemon: Daemon, key: str) -> None:
    async with terminal(daemon) as one:
        await one.pilot.press(key)
        await one.until(lambda: not one.app.is_running)
    assert one.app.return_code == 0


async def test_larger_terminal_shows_more(daemon: Daemon) -> None:
    async with terminal(daemon, (120, 40)) as one:
        one.tell(*(cases.drop(dev_addr=f"{n:08x}") for n in range(26)))
        await one.shows("00000000", "00000019")


async def test_daemon_that_starts_anew_is_watched_anew(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.watch_app.ASK_SECONDS", 0.05)
    async with terminal(daemon) as one:
        daemon.hang_up()
        daemon.status = status("broker_down")
        await one.shows("Look here: broker unreachable")
        one.tell(cases.uplink(1), cases.reading(1))
        await one.shows("temperature 21.5 °C")


async def test_daemon_that_has_gone_is_said_to_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.watch_app.ASK_SECONDS", 0.05)
    app = WatchApp(tmp_path / "absent.sock", asked, STATUS)
    # wide: where the path is long the sentence would be broken somewhere
    async with app.run_test(size=(240, 24)) as pilot:
        one = Terminal(app, pilot, Daemon(tmp_path / "absent.sock", STATUS))
        await one.shows("WAITING", "no daemon answers at", "start kogge")


async def test_it_keeps_up_with_all_that_a_radio_can_hear(daemon: Daemon) -> None:
    """Ten seconds of it, as fast as it takes them: none is left out, the last is on the screen."""
    frames = SECONDS * A_SECOND
    async with terminal(daemon) as one:
        for f_cnt in range(frames):
            one.tell(cases.uplink(f_cnt), cases.reading(f_cnt), cases.safe(f_cnt))
        one.tell(cases.drop("replay"))
        await one.until(lambda: one.app.view.seen.counts["drop"] == 1)
        counts = one.app.view.seen.counts
        assert (counts["up"], counts["readings"], counts["safe"]) == (frames, frames, frames)
        assert counts["left_out"] == 0
        await one.shows("accepted 2 590  safe 2 590", "drop: counter went back")


async def test_what_it_was_too_slow_for_is_counted_and_shown(daemon: Daemon) -> None:
    async with terminal(daemon) as one:
        one.tell(*(cases.drop() for _ in range(30_000)))
        await one.until(lambda: one.app.view.seen.counts["drop"] >= 10_000)
        one.tell(cases.drop())
        await one.shows("LEFT OUT ")
        counts = one.app.view.seen.counts
        await one.until(lambda: counts["drop"] + counts["left_out"] == 30_001)
