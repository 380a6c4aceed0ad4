"""`kogge codec import DIR`: the codecs of one vendor, from a device repository's folder."""

import argparse
import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.status import arguments_for_the_socket

if TYPE_CHECKING:
    from gateway.codecs.profiles.bringing import Row

ABOUT = "a vendor's folder of chirpstack-device-profiles or lorawan-devices into your own codecs"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="of one vendor")
    parser.add_argument(
        "--replace", action="store_true", help="also those that Kogge has itself: yours count then"
    )
    arguments_for_the_socket(parser)


def run(args: argparse.Namespace) -> int:
    from gateway.cli import EX_FAILED, codec_at_hand

    rows = asyncio.run(_bring(args))
    said, good = "", True
    if any(row.state == "imported" for row in rows):
        said, good = codec_at_hand.renew(args)
    counts = _counts(rows)
    if args.json:
        codecs = [row.told() for row in rows]
        print(json.dumps({**counts, "codecs": codecs, "daemon": said}))
    else:
        _sum_up(counts, said)
    left = counts["failed"] or counts["examples_differing"] or not rows
    return EX_FAILED if left or not good else 0


async def _bring(args: argparse.Namespace) -> list["Row"]:
    """Each codec's line when it is done."""
    from gateway.cli import codec_at_hand
    from gateway.codecs.desk import desk
    from gateway.codecs.profiles.bringing import bring
    from gateway.codecs.profiles.folder import Folder

    rows = []
    own = codec_at_hand.own(args.config)
    async with desk() as running:
        async for row in bring(Folder(args.directory), own, running, args.replace):
            rows.append(row)
            if not args.json:
                _tell(row)
    return rows


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
        print(daemon)
    print(", ".join(f"{key.replace('_', ' ')} {count}" for key, count in counts.items()))


def _tell(row: "Row") -> None:
    of: Any = f"{row.passed} of {row.passed + row.differing} examples" if row.context else ""
    print(f"{row.name:40} {row.state:9} {of:20} {row.context or '':6} {row.reason}".rstrip())
    for failure in row.failures:
        print(f"    {failure}")
