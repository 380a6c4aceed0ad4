"""`kogge firmware`: install the images that the concentrator's processors run, or list them."""

import argparse
import json
from pathlib import Path
from typing import Any, Final

from gateway.cli import EX_FAILED, complain
from gateway.cli.language import _, mark
from gateway.cli.progress import Progress
from gateway.cli.screen import tell
from gateway.cli.whole_or_not import point_of_no_return

HELP = "Install Semtech's firmware images for the concentrator, or list what is installed."

STATES: Final = {
    "good": mark("good"),
    "unknown": mark("unknown: its SHA-256 is not known"),
    "missing": mark("missing"),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    bringing = actions.add_parser("import", help="install the images")
    bringing.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help="source of sx1302_hal 2.1.0, or a directory above",
    )
    looking = actions.add_parser("list", help="which are there, and whether they are known")
    for action in (bringing, looking):
        action.add_argument("--config", type=Path, metavar="FILE", help="kogge.toml")
        action.add_argument("--dir", type=Path, help="the images' place, instead of kogge.toml's")
        action.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway import config, files

    directory = args.dir or Path(
        config.load(args.config or files.DEFAULT_FILE).concentrator.firmware_dir
    )
    if args.action == "import":
        return bring(args.path, directory, args.json)
    return show(directory, args.json)


def bring(source: Path, directory: Path, as_json: bool) -> int:
    """Install what `source` holds; 0 when both images are there afterwards."""
    from drivers.sx1302 import firmware_source

    if not source.exists():
        return complain(_("there is no {path}", path=source), EX_FAILED)
    with Progress(_("looking for the images")):
        found = firmware_source.find(source)
    with point_of_no_return() as reached:  # one image of another release is none
        reached()
        firmware_source.install(found, directory)
    entries = installed(directory)
    if as_json:
        print(json.dumps({"dir": str(directory), "images": entries}))
    for name in () if as_json else found:
        tell(_("{file}: installed", file=directory / name))
    absent = [entry["name"] for entry in entries if entry["state"] != "good"]
    if absent:
        told = _(
            "{names} not found in {path}: give the directory of Semtech's sx1302_hal, release 2.1.0"
            " (it is in libloragw/src)",
            names=_(" and ").join(absent),
            path=source,
        )
        return complain(told, EX_FAILED)
    return 0


def installed(directory: Path) -> list[dict[str, Any]]:
    """Each image the driver needs: good, unknown (its SHA-256 is not known), or missing."""
    from drivers.sx1302.firmware import KNOWN, digest

    entries = []
    for name, sha256 in KNOWN.items():
        file = directory / name
        found = digest(file.read_bytes()) if file.exists() else None
        state = "missing" if found is None else "good" if found == sha256 else "unknown"
        entries.append({"name": name, "state": state, "sha256": found})
    return entries


def show(directory: Path, as_json: bool) -> int:
    entries = installed(directory)
    if as_json:
        print(json.dumps({"dir": str(directory), "images": entries}))
    else:
        tell(_("firmware images in {directory}:", directory=directory))
        for entry in entries:
            tell(f"  {entry['name']:20} {_(STATES[entry['state']])}")
    return 0 if all(entry["state"] == "good" for entry in entries) else 1
