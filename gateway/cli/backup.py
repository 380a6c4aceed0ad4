"""`kogge backup FILE`: the gateway's configuration and state, sealed with a passphrase."""

import argparse
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.backup import passphrase
from gateway.cli.heard import heard
from gateway.cli.language import _, moment, plural
from gateway.cli.progress import Progress
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket
from gateway.errors import ControlError

HELP = (
    "Seal configuration, devices, sessions and counters into one file, so that another box can take"
    " this gateway's place. Works with the daemon running or stopped."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="to write; an older backup is replaced"
    )
    passphrase.arguments(parser)
    parser.add_argument(
        "--with-readings",
        action="store_true",
        help="also what the city does not have yet; else: kogge buffer export",
    )
    arguments_for_the_socket(parser)
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway import config, files
    from gateway.backup import making, source

    file = args.config or files.DEFAULT_FILE
    found = config.load(file)
    socket, state = args.socket or Path(found.gateway.control_socket), Path(found.gateway.state_dir)
    _refuse_outsiders(socket, state / files.DATABASE)
    making.check(args.file)
    source.check(state)
    words = passphrase.read(args.passphrase_file, twice=True)
    now = making.wall_time(found)
    with (
        Progress(_("making the backup")),
        source.of(socket, state, found.gateway.eui) as origin,
    ):
        manifest = making.make(
            args.file, words, found, file, origin, made_at=now, with_readings=args.with_readings
        )
    tell(json.dumps({"file": str(args.file), **manifest}) if args.json else _told(args, manifest))
    return 0


def _refuse_outsiders(socket: Path, database: Path) -> None:
    """Before they are asked for a passphrase. Raises PermissionError."""
    from gateway.diagnostics.client import ask

    try:
        ask(socket, "status")
    except ControlError:
        with suppress(FileNotFoundError), database.open("rb"):
            pass


def _told(args: argparse.Namespace, manifest: dict[str, Any]) -> str:
    return "\n".join([_("{file}: written and sealed.", file=args.file), *lines(manifest)])


def lines(manifest: dict[str, Any]) -> Iterator[str]:
    """What a backup holds, as a technician reads it."""
    at, name = manifest["made_at"], manifest["name"] or _("gateway")
    never = _("at an unknown time (the clock was not set)")
    when = never if at is None else moment(at)
    known = f"{name} {manifest['gateway']}"
    who = known if manifest["gateway"] else _("{name} without an EUI yet", name=name)
    yield "  " + _(
        "{who}, Kogge {version}, made {when}", who=who, version=manifest["kogge"], when=when
    )
    counted = (
        plural("{n} device", "{n} devices", manifest["devices"]),
        plural("{n} session", "{n} sessions", manifest["sessions"]),
        plural("{n} spent DevNonce", "{n} spent DevNonces", manifest["joins"]),
        plural("{n} downlink waiting", "{n} downlinks waiting", manifest["downlinks"]),
    )
    yield f"  {', '.join(counted)}"
    names = ", ".join(name.removeprefix("config/") for name in manifest["files"])
    yield "  " + _("files: {names}", names=names)
    for missing in manifest["missing"]:
        yield "  " + _("NOT in it: {what}", what=heard(missing))
    if not manifest["with_readings"]:
        yield "  " + _(
            "NOT in it: readings that the city does not have yet. They wait on this box, which"
            " delivers them, or: kogge buffer export"
        )
