"""`kogge codec`: which codecs there are, what they make of payloads, and operators' own ones.

One file an action: codec_ACTION.py, with `ABOUT`, `arguments` and `run`.
"""

import argparse
from importlib import import_module
from types import ModuleType
from typing import Final

from gateway.cli.language import mark

HELP = "Codecs: list them, test them, add your own, import a vendor's."

ENGINES: Final = {"native": mark("built in"), "javascript": "JavaScript"}
ACTIONS: Final = ("list", "show", "test", "bench", "add", "remove", "import")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name in ACTIONS:
        module = _module(name)
        action = actions.add_parser(name, help=module.ABOUT)
        module.arguments(action)
        action.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    return int(_module(args.action).run(args))


def _module(action: str) -> ModuleType:
    return import_module(f"gateway.cli.codec_{action}")
