"""`kogge config check`: is the configuration good, and if not, what is wrong where."""

import argparse
import json
from pathlib import Path

HELP = "Check kogge.toml and devices.toml, and say what is wrong where."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["check"])
    parser.add_argument("--config", type=Path, default=None, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway import config, settings

    file = args.config or config.DEFAULT_FILE
    found = settings.load(file)
    if args.json:
        print(json.dumps({"ok": True, "config": str(file), "devices": len(found.devices)}))
    else:
        print(f"{file}: good. {len(found.devices)} devices in {found.config.gateway.devices}.")
    return 0
