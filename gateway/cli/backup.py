"""`kogge backup FILE`: the gateway's configuration and state, sealed with a passphrase."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.backup import passphrase
from gateway.cli.status import arguments_for_the_socket

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
    words = passphrase.read(args.passphrase_file, twice=True)
    socket, state = args.socket or Path(found.gateway.control_socket), Path(found.gateway.state_dir)
    now = making.wall_time(found)
    with source.of(socket, state, found.gateway.eui) as origin:
        manifest = making.make(
            args.file, words, found, file, origin, made_at=now, with_readings=args.with_readings
        )
    print(json.dumps({"file": str(args.file), **manifest}) if args.json else _told(args, manifest))
    return 0


def _told(args: argparse.Namespace, manifest: dict[str, Any]) -> str:
    return "\n".join([f"{args.file}: written and sealed.", *lines(manifest)])


def lines(manifest: dict[str, Any]) -> Iterator[str]:
    """What a backup holds, as a technician reads it."""
    from gateway.clock import rfc3339

    at = manifest["made_at"]
    when = "at an unknown time (the clock was not set)" if at is None else f"at {rfc3339(at)}"
    who = f"{manifest['name'] or 'gateway'} {manifest['gateway'] or 'without an EUI yet'}"
    yield f"  {who}, Kogge {manifest['kogge']}, made {when}"
    yield (
        f"  {manifest['devices']} devices, {manifest['sessions']} sessions, {manifest['joins']}"
        f" spent DevNonces, {manifest['downlinks']} downlinks waiting"
    )
    yield f"  files: {', '.join(name.removeprefix('config/') for name in manifest['files'])}"
    for missing in manifest["missing"]:
        yield f"  NOT in it: {missing}"
    if not manifest["with_readings"]:
        yield (
            "  NOT in it: readings that the city does not have yet. They wait on this box, which"
            " delivers them, or: kogge buffer export"
        )
