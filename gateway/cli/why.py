"""`kogge why DEVEUI|NAME`: what keeps a device away, the newest reason first, and what to do."""

import argparse
import json
from dataclasses import asdict

from gateway.cli import devices_meant, say
from gateway.cli.devices_known import known, last_reading, near
from gateway.cli.language import _
from gateway.cli.progress import Progress
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket, socket_path

HELP = (
    "Why a device did not join or does not report: what the daemon saw of it since its start, and "
    "what the database has of it."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    devices_meant.argument(parser)
    arguments_for_the_socket(parser)
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import why_words
    from gateway.diagnostics.client import ask

    found = known(args, args.device)
    (device,) = found.devices
    dev_eui = device["dev_eui"]
    status = {} if found.asked == "files" else ask(socket_path(args), "status")
    last = None
    if found.asked == "daemon" and not device.get("seen"):
        with Progress(_("reading the buffer")):
            last = last_reading(args, dev_eui)
    reasons = why_words.reasons(device, found.gateway or {}, status, last)
    if args.json:
        told = {"asked": found.asked, "dev_eui": dev_eui, "known": device["known"]}
        listed = [asdict(one) for one in reasons]
        print(json.dumps({**told, "reasons": listed, "wrong": found.wrong}))
    else:
        tell("\n".join(why_words.lines(device, found.gateway, reasons)))
        if not device["known"] and (hint := near(args, dev_eui)):
            say(hint)
    return found.exit
