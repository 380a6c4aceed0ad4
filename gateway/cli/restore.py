"""`kogge restore FILE`: this box takes the place of the gateway that a backup was made of."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.backup import passphrase
from gateway.cli import backup

if TYPE_CHECKING:
    from gateway.backup.restoring import Result

HELP = (
    "Put a backup in place on this box, with the daemon stopped: its devices go on without a join."
    " The old box must not be switched on again."
)
DAY = 24 * 3600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="that kogge backup has written")
    passphrase.arguments(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="check it and show what it holds; change nothing"
    )
    parser.add_argument(
        "--force", action="store_true", help="also where a state is; that is kept beside"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="where kogge.toml goes, if not into /etc/kogge"
    )
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway import files
    from gateway.backup import making, restoring

    words = passphrase.read(args.passphrase_file, twice=False)
    if args.dry_run:
        return _show(args, restoring.look(args.file, words))
    target = args.config or files.DEFAULT_FILE
    before = signal.getsignal(signal.SIGINT)
    try:
        result = restoring.restore(
            args.file, words, target, now=making.wall_time, force=args.force,
            point_of_no_return=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    if args.json:
        print(json.dumps(_summary(args, result)))
        print(OLD_BOX, file=sys.stderr)
    else:
        print("\n".join(_lines(args, result)))
    return 0


def _show(args: argparse.Namespace, manifest: dict[str, Any]) -> int:
    if args.json:
        print(json.dumps({"file": str(args.file), **manifest}))
        return 0
    print(f"{args.file}: whole, and the passphrase is right.")
    print("\n".join(backup.lines(manifest)))
    if manifest["with_readings"]:
        print(f"  {manifest['readings']} readings that the city did not have")
    return 0


OLD_BOX = (
    "THE OLD BOX MUST NOT BE SWITCHED ON AGAIN: both would be one gateway to the devices and to the"
    " city, and use counters that the other has used. Erase its card, or keep it off."
)


def _summary(args: argparse.Namespace, result: "Result") -> dict[str, Any]:
    return {
        "file": str(args.file),
        **result.manifest,
        "readings": result.readings,
        "f_cnt_down_margin": result.margin,
        "written": [str(path) for path in result.written],
        "kept": [str(path) for path in result.kept],
    }


def _lines(args: argparse.Namespace, result: "Result") -> Iterator[str]:
    from gateway.store.advancing import MOST_DOWNLINKS

    manifest = result.manifest
    yield f"{args.file}: restored."
    yield from backup.lines(manifest)
    if result.readings:
        yield f"  {result.readings} readings, which the city gets once more if it has them by now"
    for path in result.kept:
        yield f"  kept: {path}"
    yield ""
    yield OLD_BOX
    yield ""
    yield "What the devices notice:"
    yield f"- Their sessions go on without a join. Downlinks count {result.margin} further on."
    yield "- Those that joined since it was made have to join again: switch them off and on."
    yield "- MAC settings that changed since are found again by themselves, within a day or so."
    if manifest["downlinks"]:
        yield (
            f"- {manifest['downlinks']} downlinks that waited are not sent: the old box may have"
            " sent them. The city is told NOT_ACKED for each, and may give them anew."
        )
    if result.margin == MOST_DOWNLINKS:
        yield (
            "- The backup is old, or its age is not known: a device that had more than"
            f" {MOST_DOWNLINKS} downlinks since ignores the next ones; let it join again."
        )
    yield ""
    yield "Next: kogge config check, then systemctl start kogge, and kogge status."
