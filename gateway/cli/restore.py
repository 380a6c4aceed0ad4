"""`kogge restore FILE`: this box takes the place of the gateway that a backup was made of."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.backup import passphrase
from gateway.cli import backup
from gateway.cli.language import _, mark, number, plural
from gateway.cli.progress import Progress
from gateway.cli.screen import tell
from gateway.cli.whole_or_not import point_of_no_return

if TYPE_CHECKING:
    from gateway.backup.restoring import Result

HELP = (
    "Put a backup in place on this box, with the daemon stopped: its devices go on without a join."
    " The old box must not be switched on again."
)


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
    from gateway.backup import making, restoring, unpacking

    target = args.config or files.DEFAULT_FILE
    unpacking.check(args.file)
    if not args.dry_run:
        restoring.refuse_outsiders(target)
    words = passphrase.read(args.passphrase_file, twice=False)
    if args.dry_run:
        with Progress(_("reading the backup")):
            manifest = unpacking.look(args.file, words)
        return _show(args, manifest)
    with point_of_no_return() as reached, Progress(_("putting the backup in place")):
        result = restoring.restore(
            args.file, words, target, now=making.wall_time, force=args.force,
            point_of_no_return=reached,
        )  # fmt: skip
    if args.json:
        print(json.dumps(_summary(args, result)))
        tell(_(OLD_BOX), sys.stderr)
    else:
        tell("\n".join(_lines(args, result)))
    return 0


def _show(args: argparse.Namespace, manifest: dict[str, Any]) -> int:
    if args.json:
        print(json.dumps({"file": str(args.file), **manifest}))
        return 0
    tell(_("{file}: whole, and the passphrase is right.", file=args.file))
    tell("\n".join(backup.lines(manifest)))
    if manifest["with_readings"]:
        tell(
            "  "
            + plural(
                "{n} reading that the city did not have",
                "{n} readings that the city did not have",
                manifest["readings"],
            )
        )
    return 0


OLD_BOX = mark(
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
    manifest = result.manifest
    yield _("{file}: restored.", file=args.file)
    yield from backup.lines(manifest)
    if result.readings:
        yield "  " + plural(
            "{n} reading, which the city gets once more if it has it by now",
            "{n} readings, which the city gets once more if it has them by now",
            result.readings,
        )
    for path in result.kept:
        yield "  " + _("kept: {path}", path=path)
    yield from ("", _(OLD_BOX), "", _("What the devices notice:"))
    yield from (f"- {one}" for one in _noticed(result))
    yield ""
    yield _("Next: kogge config check, then systemctl start kogge, and kogge status.")


def _noticed(result: "Result") -> Iterator[str]:
    from gateway.store.advancing import MOST_DOWNLINKS

    yield _(
        "Their sessions go on without a join. Downlinks count {margin} further on.",
        margin=number(result.margin),
    )
    yield _("Those that joined since it was made have to join again: switch them off and on.")
    yield _("MAC settings that changed since are found again by themselves, within a day or so.")
    if result.manifest["downlinks"]:
        yield plural(
            "{n} downlink that waited is not sent: the old box may have sent it. The city is told"
            " NOT_ACKED for it, and may give it anew.",
            "{n} downlinks that waited are not sent: the old box may have sent them. The city is"
            " told NOT_ACKED for each, and may give them anew.",
            result.manifest["downlinks"],
        )
    if result.margin == MOST_DOWNLINKS:
        yield _(
            "The backup is old, or its age is not known: a device that had more than {most}"
            " downlinks since ignores the next ones; let it join again.",
            most=number(MOST_DOWNLINKS),
        )
