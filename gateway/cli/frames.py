"""`kogge frames`: the last raw frames of the daemon, up and down, with what became of each."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from gateway.cli import EX_USAGE, codes, complain, say
from gateway.cli.language import _, instant, number, plural
from gateway.cli.quantities import megahertz
from gateway.cli.screen import style_for
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
            width = None if args.json else style_for(sys.stdout).width
            for frame in frames:
                told = json.dumps(frame) if args.json else shown(frame, width)
                print(told, flush=args.follow)
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


def shown(frame: dict[str, Any], width: int | None) -> str:
    """One frame: a line for a pipe; on a terminal two, with as many bytes as there is room for."""
    if width is None:
        return line(frame)
    size = plural("{n} byte", "{n} bytes", len(frame["payload"]) // 2)
    said = "  ".join(["   ", *_said(frame)])
    octets, room = frame["payload"], width - len(said) - 2
    if len(octets) > room:
        octets = f"{octets[: room - 1]}…"
    return "\n".join(["  ".join([*_radio(frame), size]), f"{said}  {octets}"])


def line(frame: dict[str, Any]) -> str:
    return "  ".join([*_radio(frame), *_said(frame), frame["payload"]]).rstrip()


def _radio(frame: dict[str, Any]) -> Iterator[str]:
    since_power_up = f"{number(frame['monotonic_s'], 3)} s"
    yield since_power_up if frame["at"] is None else instant(frame["at"])
    yield f"{_('up') if frame['direction'] == 'up' else _('down'):4}"
    rate = f"SF{frame['sf']}" if frame["modulation"] == "LORA" else "FSK"
    yield f"{megahertz(frame['frequency'])} MHz {rate}"
    if frame["direction"] == "down":
        yield from () if frame["power"] is None else [f"{frame['power']} dBm e.i.r.p."]
        return
    sign = "" if frame["snr"] is None or frame["snr"] < 0 else "+"
    snr = "" if frame["snr"] is None else f" {sign}{number(frame['snr'], 1)} dB"
    yield f"{number(frame['rssi'])} dBm{snr}"


def _said(frame: dict[str, Any]) -> Iterator[str]:
    """What became of it, and whose it is."""
    yield codes.worded(frame["fate"], codes.FATES)
    if frame["device"]:
        yield frame["device"]


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
