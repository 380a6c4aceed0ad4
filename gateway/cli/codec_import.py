"""`kogge codec import DIR`: the codecs of one vendor, from a device repository's folder."""

import argparse
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.cli.heard import heard
from gateway.cli.language import _, mark, number
from gateway.cli.progress import Progress
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket
from gateway.cli.whole_or_not import point_of_no_return
from gateway.one_line import one_line

if TYPE_CHECKING:
    from gateway.codecs.catalogue import Catalogue
    from gateway.codecs.own import Own
    from gateway.codecs.profiles.bringing import Row, Tried
    from gateway.codecs.profiles.found import Found

ABOUT = "a vendor's folder of chirpstack-device-profiles or lorawan-devices into your own codecs"


STATES: Final = {
    "imported": mark("imported"),
    "shipped": mark("shipped"),
    "failed": mark("failed"),
}
SUMS: Final = {
    **STATES,
    "examples_passed": mark("examples passed"),
    "examples_differing": mark("examples differing"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="of one vendor")
    parser.add_argument(
        "--replace", action="store_true", help="also those that Kogge has itself: yours count then"
    )
    arguments_for_the_socket(parser)


def run(args: argparse.Namespace) -> int:
    from gateway.cli import EX_FAILED, codec_at_hand

    own = codec_at_hand.own(args.config)
    found, rows = _looked_at(args)
    with Progress(_("trying the codecs")):
        all_tried = asyncio.run(_tried(found, own.catalogue))
    said, good = "", True
    with point_of_no_return() as reached, Progress(_("putting the codecs in place")) as progress:
        reached()
        rows = sorted([*rows, *_brought(all_tried, own, args, progress)], key=lambda row: row.name)
        if any(row.state == "imported" for row in rows):
            said, good = codec_at_hand.renew(args)
    counts = _counts(rows)
    if args.json:
        codecs = [row.told() for row in rows]
        print(json.dumps({**counts, "codecs": codecs, "daemon": said}))
    else:
        for row in rows:
            _tell(row)
        _sum_up(counts, said)
    left = counts["failed"] or counts["examples_differing"] or not rows
    return EX_FAILED if left or not good else 0


def _looked_at(args: argparse.Namespace) -> tuple[list["Found"], list["Row"]]:
    """The folder's codecs, and those of no use."""
    from gateway.codecs.profiles import bringing
    from gateway.codecs.profiles.folder import Folder
    from gateway.codecs.profiles.found import Found, Left

    there = list(bringing.codecs_in(Folder(args.directory)))
    found = [one for one in there if isinstance(one, Found)]
    return found, [bringing.left_out(one) for one in there if isinstance(one, Left)]


def _brought(
    all_tried: list["Tried"], own: "Own", args: argparse.Namespace, progress: Progress
) -> Iterator["Row"]:
    """What became of each; all are tried before the first is put in place."""
    from gateway.codecs.profiles import bringing

    for number_, (one, checked) in enumerate(all_tried, 1):
        yield bringing.bring(one, checked, own, args.replace)
        progress.at(number_, len(all_tried))


async def _tried(found: list["Found"], catalogue: "Catalogue") -> list["Tried"]:
    from gateway.codecs.desk import desk
    from gateway.codecs.profiles.bringing import tried

    async with desk() as running:
        return await tried(found, running, catalogue)


def _counts(rows: list["Row"]) -> dict[str, int]:
    states = [row.state for row in rows]
    return {
        "imported": states.count("imported"),
        "shipped": states.count("shipped"),
        "failed": states.count("failed"),
        "examples_passed": sum(row.passed for row in rows),
        "examples_differing": sum(row.differing for row in rows),
    }


def _sum_up(counts: dict[str, int], daemon: str) -> None:
    if daemon:
        tell(daemon)
    tell(", ".join(f"{_(SUMS[key])} {number(count)}" for key, count in counts.items()))


def _tell(row: "Row") -> None:
    of = ""
    if row.context:
        total = row.passed + row.differing
        of = _("{passed} of {n} examples", passed=number(row.passed), n=number(total))
    state, reason = _(STATES[row.state]), heard(row.reason)
    tell(one_line(f"{row.name:30}  {state:9}  {of:20}  {row.context or ''}").rstrip())
    if reason:
        tell(f"    {one_line(reason)}")
    for failure in row.failures:
        tell(f"    {heard(one_line(failure))}")
