"""`kogge config check`: is the configuration good, and if not, what is wrong where."""

import argparse
import json
from pathlib import Path

from gateway.errors import ConfigError

HELP = "Check kogge.toml and devices.toml, and say what is wrong where."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check"])
    parser.add_argument(
        "--config", type=Path, default=None, metavar="FILE", help="instead of /etc/kogge/kogge.toml"
    )
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway import files, settings

    file = args.config or files.DEFAULT_FILE
    try:
        found = settings.load(file)
    except ConfigError as error:
        if args.json:
            wrong = {"file": error.file, "key": error.key, "allowed": error.allowed}
            print(json.dumps({"ok": False, "config": str(file), **wrong}))
        raise
    if args.json:
        print(json.dumps({"ok": True, "config": str(file), "devices": len(found.devices)}))
    else:
        print(f"{file}: good. {len(found.devices)} devices in {found.config.gateway.devices}.")
    return 0
