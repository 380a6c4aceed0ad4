"""`kogge config`: is the configuration good, what is in use; change it, or bring one over from
Semtech's packet forwarder.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from gateway.cli.heard import heard
from gateway.cli.language import _, mark
from gateway.cli.screen import tell
from gateway.cli.status import argument_for_the_config, arguments_for_the_socket
from gateway.errors import ConfigError

HELP = mark("kogge.toml: check it, show it, change it; or take over a global_conf.json.")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="say what is wrong where")
    looking = actions.add_parser("show", help="every key, and whether the file says it")
    comparing = actions.add_parser("diff", help="against the defaults, and the running daemon")
    setting = actions.add_parser("set", help="change keys; live where that is possible")
    setting.add_argument(
        "words", nargs="+", metavar="KEY=VALUE", help="as mqtt.batch_seconds=2; mqtt.password alone"
    )
    for action in (check, looking):
        argument_for_the_config(action)
    for action in (comparing, setting):
        arguments_for_the_socket(action)
    bring = actions.add_parser(
        "import-semtech", help="board profile and channel plan from a global_conf.json"
    )
    bring.add_argument("file", type=Path, metavar="FILE", help="of Semtech's packet forwarder")
    bring.add_argument("--region", help="as in kogge.toml; without it the channels tell")
    bring.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="instead of here")
    bring.add_argument("--force", action="store_true", help="write over files that are there")
    for action in (check, looking, comparing, setting, bring):
        action.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    try:
        if args.action in ("show", "diff"):
            from gateway.cli import config_keys

            return config_keys.run(args)
        if args.action == "set":
            from gateway.cli import config_set

            return config_set.run(args)
        told = (_check if args.action == "check" else _import)(args)
    except ConfigError as error:
        if args.json:
            wrong = {"file": error.file, "key": error.key, "allowed": error.allowed}
            print(json.dumps({"ok": False, **_asked(args), **wrong}))
        raise
    if args.json:
        print(json.dumps({"ok": True, **_asked(args), **told}))
    return 0


def _asked(args: argparse.Namespace) -> dict[str, str]:
    from gateway import files

    if args.action == "import-semtech":
        return {"source": str(args.file)}
    return {"config": str(args.config or files.DEFAULT_FILE)}


def _check(args: argparse.Namespace) -> dict[str, Any]:
    from gateway import files, settings

    file = args.config or files.DEFAULT_FILE
    found = settings.load(file)
    warnings = settings.warnings(found)
    if not args.json:
        devices = found.config.gateway.devices
        tell(
            _(
                "{file}: good. Devices in {devices}: {number}.",
                file=file,
                devices=devices,
                number=len(found.devices),
            )
        )
        for warning in warnings:
            tell(_("warning: {what}", what=heard(warning)))
    return {"devices": len(found.devices), "warnings": warnings}


def _import(args: argparse.Namespace) -> dict[str, Any]:
    from gateway.board import semtech_import

    found = semtech_import.read(args.file, args.region)
    board, plan = semtech_import.write(found, args.file, args.output, args.force)
    keys = semtech_import.concentrator(found, board, plan)
    if not args.json:
        _tell(board, plan, found.left_out, keys)
    left_out = [{"key": key, "why": why} for key, why in found.left_out]
    return {"board": str(board), "plan": str(plan), "concentrator": keys, "left_out": left_out}


def _tell(
    board: Path, plan: Path, left_out: tuple[tuple[str, str], ...], keys: dict[str, str | float]
) -> None:
    """What was written, what was not, and, last, what to put into kogge.toml."""
    from gateway.board.radio_plan_text import quoted

    for file in (board, plan):
        tell(_("written: {file}", file=file))
    for key, why in left_out:
        tell(_("left out: {key}: {why}", key=key, why=heard(why)))
    print("\n" + _("Put this into kogge.toml, then: kogge config check") + "\n\n[concentrator]")
    for key, value in keys.items():
        print(f"{key} = {quoted(value) if isinstance(value, str) else value}")
