"""`kogge frames`: the last raw frames of the daemon, up and down, with what became of each."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from gateway.cli import EX_USAGE, complain, say
from gateway.cli.language import _, instant, number, plural
from gateway.cli.status import arguments_for_the_socket, socket_path
from gateway.errors import ControlError

HELP = "The last 2000 raw frames, up and down, with drops and their reasons; payloads encrypted."

WAIT = 2.0  # seconds that the daemon holds a request of ours
PAUSE = 0.1  # between two requests: frames come in bunches


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--follow", action="store_true", help="go on with new ones, until Ctrl-C")
    parser.add_argument("--pcap", metavar="FILE", help="for Wireshark and tshark; - is stdout")
    parser.add_argument(
        "--json", "--jsonl", action="store_true", dest="json", help="one object a line"
    )
    arguments_for_the_socket(parser)


def run(args: argparse.Namespace) -> int:
    if args.pcap and args.json:
        return complain(_("--pcap or --json, not both"), EX_USAGE)
    frames = stream(socket_path(args), follow=args.follow)
    try:
        if args.pcap:
            _write(args.pcap, frames)
        else:
            for frame in frames:
                print(json.dumps(frame) if args.json else line(frame), flush=args.follow)
    except KeyboardInterrupt:
        if not args.follow:
            raise
    return 0


def stream(socket: Path, *, follow: bool) -> Iterator[dict[str, Any]]:
    """Oldest first. What was forgotten before it could be fetched is told on stderr."""
    from gateway.diagnostics.client import ask

    after = 0
    while True:
        answer = ask(socket, "frames", after=after, wait=WAIT if follow else 0.0)
        if "error" in answer:
            raise ControlError(f"the daemon refuses: {answer['error']}")
        for frame in answer["frames"]:
            if after and frame["number"] > after + 1:
                missed = frame["number"] - after - 1
                say(
                    plural(
                        "{n} frame was too fast for this line",
                        "{n} frames were too fast for this line",
                        missed,
                    )
                )
            after = frame["number"]
            yield frame
        if not answer["frames"] and not follow:
            return
        if follow:
            time.sleep(PAUSE)


def line(frame: dict[str, Any]) -> str:
    since_power_up = f"{number(frame['monotonic_s'], 3)} s"
    at = since_power_up if frame["at"] is None else instant(frame["at"])
    place = f"{number(frame['frequency'] / 1e6, 3)} MHz "
    place += f"SF{frame['sf']}" if frame["modulation"] == "LORA" else "FSK"
    if frame["direction"] == "up":
        sign = "" if frame["snr"] is None or frame["snr"] < 0 else "+"
        snr = "" if frame["snr"] is None else f" {sign}{number(frame['snr'], 1)} dB"
        strength = f"{number(frame['rssi'])} dBm{snr}"
    else:
        strength = "" if frame["power"] is None else f"{frame['power']} dBm e.i.r.p."
    whose, direction = frame["device"] or "", _("up") if frame["direction"] == "up" else _("down")
    said = (at, f"{direction:4}", place, strength, frame["fate"], whose, frame["payload"])
    return "  ".join(word for word in said if word)


def _write(name: str, frames: Iterator[dict[str, Any]]) -> None:
    from gateway.diagnostics import pcap

    damaged = written = 0
    with nullcontext(sys.stdout.buffer) if name == "-" else Path(name).open("wb") as file:
        file.write(pcap.header())
        for frame in frames:
            found = b"".join(pcap.records([frame]))
            file.write(found)
            file.flush()
            damaged, written = damaged + (not found), written + bool(found)
    told = plural("{n} frame in {name}", "{n} frames in {name}", written, name=name)
    left_out = _("; {n} damaged ones left out", n=number(damaged)) if damaged else ""
    say(told + left_out)
