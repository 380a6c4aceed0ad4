"""`kogge watch`: readings, joins and drops of the daemon as they happen."""

import argparse
import json
import sys
from typing import Any

from gateway.cli import status
from gateway.one_line import one_line

HELP = "Live readings, joins and drops of the daemon, until you press Ctrl-C."


def arguments(parser: argparse.ArgumentParser) -> None:
    status.arguments_for_the_socket(parser)
    parser.add_argument("--json", action="store_true", help="one object a line")


def run(args: argparse.Namespace) -> int:
    from gateway.diagnostics.client import stream

    for happening in stream(status.socket_path(args), "watch"):
        text = json.dumps(happening) if args.json else line(happening)
        if text:
            print(text, flush=True)
    print("kogge: the daemon hung up", file=sys.stderr)
    return 69


def line(happening: dict[str, Any]) -> str:
    """One happening in words; "" for what only programs care about."""
    detail = {key: value for key, value in happening.items() if key != "event" and value != ""}
    match happening["event"]:
        case "reading":
            return reading_line(happening)
        case "safe" | "watching":
            return ""
        case "frame":
            return frame_line(happening) if happening["direction"] == "down" else ""
        case event:
            return f"{event:9} " + "  ".join(f"{key} {value}" for key, value in detail.items())


def reading_line(reading: dict[str, Any]) -> str:
    units = reading["units"]
    values = ", ".join(
        f"{name} {plain(value)} {units.get(name, '')}".rstrip()
        for name, value in reading["measurements"].items()
    )
    radio = reading["radio"]
    said = values or reading["error"] or "no measurements"
    return f"reading   {reading['name']}: {said}  ({radio['rssi']:.0f} dBm, SF{radio['sf']})"


def frame_line(frame: dict[str, Any]) -> str:
    """A downlink; what came up is told as a reading, a drop or a join."""
    window = f"RX{frame['window']} " if frame["window"] else ""
    power = "" if frame["power"] is None else f" {frame['power']} dBm"
    place = f"{window}{frame['frequency'] / 1e6:.3f} MHz SF{frame['sf']}{power}"
    return f"sent      {frame['device'] or ''}: {frame['fate']}  ({place})"


def plain(value: float | bool | str) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else one_line(str(value))
