"""`kogge join`: let devices join for a while, no longer, or see whether they may."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from gateway.cli import EX_USAGE, complain
from gateway.cli.heard import heard
from gateway.cli.language import _, plural, span
from gateway.cli.parser import up_to
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket, socket_path

HELP = "Whether devices may join now; open it for a while, or close it. Until the next start."


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    opening = actions.add_parser("open", help="let devices join")
    opening.add_argument(
        "--minutes", type=up_to(1440), metavar="N", help="then as before; at most 1440"
    )
    closing = actions.add_parser("close", help="let none join any more; who has joined stays")
    asking = actions.add_parser("status", help="whether they may")
    for action in (opening, closing, asking):
        arguments_for_the_socket(action)
        action.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway.diagnostics.client import ask

    found = ask(socket_path(args), "join", **_wish(args))
    if "error" in found:
        return complain(_("the daemon refused: {why}", why=heard(found["error"])), EX_USAGE)
    minutes = getattr(args, "minutes", None)
    tell(json.dumps(found) if args.json else "\n".join(lines(found, minutes)))
    return 0


def _wish(args: argparse.Namespace) -> dict[str, Any]:
    if args.action == "status":
        return {}
    if args.action == "open" and args.minutes is not None:
        return {"minutes": args.minutes}
    return {"open": args.action == "open"}


def lines(found: dict[str, Any], minutes: float | None = None) -> Iterator[str]:
    """How joining stands, as a technician reads it; `minutes` is what it was opened for."""
    is_open, left = found["join"] == "open", found["seconds_left"]
    ends = "" if left is None else _(" for another {span}", span=span(round(left)))
    yield (_("joining is open") if is_open else _("joining is closed")) + ends
    if is_open and left is None and minutes is not None:
        yield "  " + _("it was open before, and stays so afterwards; kogge join close ends it")
    if is_open:
        most = found["joins_per_minute"]
        yield "  " + plural("at most {n} join a minute", "at most {n} joins a minute", most)
        if found["allow"]:
            prefixes = ", ".join(found["allow"])
            yield "  " + _("only DevEUIs that begin with {prefixes}", prefixes=prefixes)
