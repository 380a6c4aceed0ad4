"""`kogge forward`: send nothing to the city for a while, go on, or try again what was refused."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from gateway.cli import EX_FAILED, EX_USAGE, complain
from gateway.cli.heard import heard
from gateway.cli.language import _, number, plural, span
from gateway.cli.parser import up_to
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket, socket_path

HELP = "Pause forwarding to the city; readings are received and stored meanwhile."


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    pausing = actions.add_parser("pause", help="send nothing for a while")
    pausing.add_argument(
        "--minutes",
        type=up_to(1440),
        metavar="N",
        help="then it goes on by itself: 60; at most 1440",
    )
    resuming = actions.add_parser("resume", help="go on now")
    retrying = actions.add_parser("retry", help="send what the broker has refused for good again")
    asking = actions.add_parser("status", help="whether it is paused")
    for action in (pausing, resuming, retrying, asking):
        arguments_for_the_socket(action)
        action.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway.diagnostics.client import ask

    minutes = getattr(args, "minutes", None)
    more = {} if minutes is None else {"minutes": minutes}
    found = ask(socket_path(args), "forward", action=args.action, **more)
    if "error" in found:
        code = EX_USAGE if "not understood" in found["error"] else EX_FAILED
        return complain(_("the daemon refused: {why}", why=heard(found["error"])), code)
    tell(json.dumps(found) if args.json else "\n".join(lines(found)))
    return 0


def lines(found: dict[str, Any]) -> Iterator[str]:
    """How it stands, as a technician reads it."""
    paused = found["forward"] == "paused"
    left = found["seconds_left"]
    ends = "" if left is None else _(", goes on by itself in {span}", span=span(round(left)))
    yield (_("forwarding is paused") if paused else _("forwarding is running")) + ends
    if not found["connected"]:
        yield "  " + _("the broker is not connected: kogge status says why")
    yield "  " + _(
        "{n} not yet acknowledged, of them {parked} parked",
        n=number(found["backlog"]),
        parked=number(found["parked"]),
    )
    if "retried" in found:
        yield "  " + plural("{n} is tried again", "{n} are tried again", found["retried"])
