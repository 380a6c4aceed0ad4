"""`kogge demo`: a whole city in this terminal, without any hardware."""

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from gateway.demo.display import Style
    from gateway.demo.show import Outcome

HELP = (
    "Plays the main job: an emulated concentrator, the real daemon, eight virtual end devices, an "
    "MQTT broker, and an outage of the line to it. Exit status 0 only if no reading was lost and "
    "none came under two ids."
)
SHORTEST, USUAL = 20.0, 45.0


def _seconds(text: str) -> float:
    seconds = float(text)
    if not SHORTEST <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"between {SHORTEST:.0f} and 600, please")
    return seconds


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=_seconds, default=USUAL, metavar="N", help="how long (45; at least 20)"
    )
    parser.add_argument("--no-outage", action="store_true", help="leave the line alone")
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    import tempfile
    from pathlib import Path

    from gateway.demo import show

    terminal = Terminal(sys.stderr if args.json else sys.stdout)
    screen = show.Screen(terminal.say, terminal.status, terminal.style())
    with tempfile.TemporaryDirectory(prefix="kogge-demo-") as directory, terminal:
        outcome = _played(show.play(Path(directory), screen, args.seconds, not args.no_outage))
    if args.json:
        print(json.dumps(outcome.verdict.json(outcome.joined, outcome.seconds)))
    return 0 if outcome.good else 1


def _played(play: "Coroutine[Any, Any, Outcome]") -> "Outcome":
    """Run it; SIGTERM and a closed terminal end it in order, as Ctrl-C does."""
    import asyncio
    import signal

    async def guarded() -> "Outcome":
        this = asyncio.current_task()
        assert this is not None
        for name in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(name, this.cancel)
        return await play

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


class Terminal:
    """Lines that stay and, on a real terminal, one below them that the next replaces."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._status = stream, ""
        self._live = stream.isatty() and os.environ.get("TERM") != "dumb"

    def style(self) -> "Style":
        from gateway.demo.display import Style

        utf8 = (self._stream.encoding or "").lower().replace("-", "") == "utf8"
        return Style(colours=self._live and not os.environ.get("NO_COLOR"), utf8=utf8)

    def say(self, line: str) -> None:
        status = self._status
        self.status("")
        print(line, file=self._stream, flush=not status)
        self.status(status)

    def status(self, line: str) -> None:
        if self._live and line != self._status:
            print(f"\r\x1b[K{line}", end="", file=self._stream, flush=True)
            self._status = line

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.status("")
