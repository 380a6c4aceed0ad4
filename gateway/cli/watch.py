"""`kogge watch`: readings, joins, drops and downlinks of the daemon as they happen.

On a terminal it is a live view (gateway.cli.watch_app); in a pipe, on a dumb terminal, or with
`--plain`, a line for each; with `--json` an object for each.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from gateway.cli import EX_UNAVAILABLE, codes, complain, say, status
from gateway.cli.heard import heard
from gateway.cli.language import _, mark, number
from gateway.cli.quantities import measured, megahertz
from gateway.cli.screen import tell
from gateway.one_line import one_line

HELP = mark("Live readings, joins, drops and downlinks of the daemon, until you press q or Ctrl-C.")


def arguments(parser: argparse.ArgumentParser) -> None:
    status.arguments_for_the_socket(parser)
    parser.add_argument("--plain", action="store_true", help="one line each, also on a terminal")
    parser.add_argument("--json", action="store_true", help="one object a line")


def run(args: argparse.Namespace) -> int:
    path = status.socket_path(args)
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not (args.plain or args.json) and has_a_screen(streams, os.environ):
        if can_draw():
            return _view(path)
        say(
            _(
                "the live view needs the Python package textual, which is not installed here"
                " (pip install 'textual>=8,<9'); plain lines instead"
            )
        )
    return _lines(path, as_json=args.json)


def has_a_screen(streams: Iterable[TextIO], env: Mapping[str, str]) -> bool:
    """Textual reads stdin and draws on stderr; whoever pipes stdout wants lines."""
    return all(one.isatty() for one in streams) and env.get("TERM", "dumb") != "dumb"


def can_draw() -> bool:
    from importlib.util import find_spec

    return find_spec("textual") is not None


def _view(path: Path) -> int:
    """Whoever has no daemon, or may not ask it, is told so before the screen is taken."""
    found = status.asked(path)
    from gateway.cli.watch_app import WatchApp

    WatchApp(path, status.asked, found).run()
    return 0


def _lines(path: Path, *, as_json: bool) -> int:
    from gateway.diagnostics.client import stream

    for happening in stream(path, "watch"):
        if as_json:
            print(json.dumps(happening), flush=True)
        elif text := line(happening):
            tell(text, flush=True)
    return complain(_("the daemon hung up"), EX_UNAVAILABLE)


def line(happening: dict[str, Any]) -> str:
    """One happening in words; "" for what only programs care about."""
    match happening["event"]:
        case "reading":
            return reading_line(happening)
        case "safe" | "watching":
            return ""
        case "frame":
            return frame_line(happening) if happening["direction"] == "down" else ""
        case "left_out":
            return _("LEFT OUT {n}: too fast", n=number(happening["count"]))
        case "drop":
            return drop_line(happening)
        case "join":
            said = _("JOINED as {dev_addr}", dev_addr=happening["dev_addr"])
            return f"{_('join'):9} {happening['device']}: {said}"
        case _:
            from gateway.cli.watch_words import news

            return news(happening)


def drop_line(drop: dict[str, Any]) -> str:
    whose = drop.get("dev_eui") or drop.get("dev_addr") or _("somebody")
    says = f"; {heard(one_line(drop['says']))}" if drop.get("says") else ""
    why = codes.worded(drop["reason"], codes.DROPS)
    return f"{_('drop'):9} {whose}: {why}{says}  ({number(drop['rssi'])} dBm)"


def reading_line(reading: dict[str, Any]) -> str:
    radio, wrong = reading["radio"], reading["error"]
    said = ", ".join(measured(reading)) or (heard(wrong) if wrong else _("no measurements"))
    heard_at = f"{number(radio['rssi'])} dBm, SF{radio['sf']}"
    return f"{_('reading'):9} {reading['name']}: {said}  ({heard_at})"


def frame_line(frame: dict[str, Any]) -> str:
    """A downlink; what came up is told as a reading, a drop or a join."""
    window = f"RX{frame['window']} " if frame["window"] else ""
    rate = f"SF{frame['sf']}" if frame["sf"] else "FSK"
    power = "" if frame["power"] is None else f" {frame['power']} dBm"
    place = f"{window}{megahertz(frame['frequency'])} MHz {rate}{power}"
    fate = codes.worded(frame["fate"], codes.SENT)
    return f"{_('downlink'):9} {frame['device'] or ''}: {fate}  ({place})"
