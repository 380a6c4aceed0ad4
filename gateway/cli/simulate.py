"""`kogge simulate`: a virtual month of many end devices against the real network server."""

import argparse
import json
import secrets
import sys
from typing import TYPE_CHECKING

from gateway.cli import EX_FAILED
from gateway.cli.language import _, mark, number, plural
from gateway.cli.progress import Progress
from gateway.cli.screen import tell

if TYPE_CHECKING:
    from gateway.simulation.month import Report

HELP = (
    "Plays days of a whole street in virtual time: end devices of their own MAC, losses, copies, "
    "replays, power cycles, and a gateway that is killed between written and synced. Exit status 0 "
    "only if nothing happened that may not."
)
DAYS, DEVICES, MOST_DEVICES = 30, 200, 10_000
REGIONS = ("EU868", "US915", "AU915", "AS923-1")


COUNTS = {
    "uplinks": mark("uplinks"),
    "joins": mark("joins"),
    "downlinks": mark("downlinks"),
    "adr_changes": mark("ADR changes"),
    "kills": mark("kills"),
    "violations": mark("violations"),
}


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1, please")
    return number


def _devices(text: str) -> int:
    number = _number(text)
    if number > MOST_DEVICES:
        raise argparse.ArgumentTypeError(f"at most {MOST_DEVICES}, please")
    return number


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=_number, default=DAYS, metavar="N", help=f"how long ({DAYS})"
    )
    parser.add_argument(
        "--devices", type=_devices, default=DEVICES, metavar="N", help=f"how many ({DEVICES})"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="the same month again (a new one each time)"
    )
    parser.add_argument(
        "--region",
        choices=REGIONS,
        default=REGIONS[0],
        help=f"where the street is ({REGIONS[0]}); US915 in sub-band 2, AU915 in 1",
    )
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway.simulation.month import simulate

    seed = secrets.randbelow(1 << 32) if args.seed is None else args.seed
    out = sys.stderr if args.json else sys.stdout
    told = _(
        "seed {seed}: {days}, {devices}, {region}",
        seed=seed,
        days=plural("{n} day", "{n} days", args.days),
        devices=plural("{n} device", "{n} devices", args.devices),
        region=args.region,
    )
    tell(told, out, flush=True)
    with Progress(_("simulating")):
        report = simulate(args.days, args.devices, seed, args.region)
    if args.json:
        print(json.dumps(report.json()))
    else:
        tell(_told(report))
    return EX_FAILED if report.violations else 0


def _told(report: "Report") -> str:
    """The report for people; each violation on a line of its own."""
    lines = [f"  {_(word):14} {number(getattr(report, name)):>9}" for name, word in COUNTS.items()]
    if report.violation_list:
        lines.append(_("This may not happen: please report it, with the seed and these lines."))
    lines += [f"  {text}" for text in report.violation_list]
    hidden = report.violations - len(report.violation_list)
    lines += ["  " + _("and {n} more", n=number(hidden))] * bool(hidden)
    factor = number(report.real_time_factor)
    lines.append("  " + _("{factor} times as fast as real time", factor=factor))
    return "\n".join(lines)
