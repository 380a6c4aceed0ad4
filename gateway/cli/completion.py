"""`kogge completion`: a script for the shell, made of the parser, so that it knows every word."""

import argparse
from typing import Final

from gateway.cli.language import mark

HELP = mark(
    "Prints a script that lets the shell finish verbs, options, keys, devices and file names."
)

FILES = ("FILE", "PATH")
DIRECTORIES = ("DIR",)
NAMES: Final = "kogge devices list --names 2>/dev/null"
DEVICES: Final = {
    "bash": "_kogge_devices",
    "zsh": "_kogge_devices",
    "fish": f"({NAMES})",
    "preamble": {
        "bash": f'_kogge_devices() {{\n  compgen -W "$({NAMES})" -- "$1"\n}}',
        "zsh": f'_kogge_devices() {{\n  compadd -- ${{(f)"$({NAMES})"}}\n}}',
    },
}
"""Asked when they are typed; where nobody answers nothing is offered."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell it is for")


def run(args: argparse.Namespace) -> int:
    import shtab

    from gateway.cli.whole import whole

    parser = whole()
    _complete(parser)
    print(shtab.complete(parser, args.shell))
    return 0


def _complete(parser: argparse.ArgumentParser) -> None:
    """Tell what is a file, a directory, a device, a key of kogge.toml: its metavar says it."""
    import shtab

    from gateway.cli.whole import actions_of, below

    for action in actions_of(parser):
        named = str(action.metavar)
        if named.startswith(DIRECTORIES):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif any(one in named for one in FILES):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif named == "DEVEUI|NAME":
            action.complete = DEVICES  # type: ignore[attr-defined]
        elif named == "KEY=VALUE":
            action.choices = _keys()
    for inner in below(parser).values():
        _complete(inner)


def _keys() -> list[str]:
    """Without "=", at which bash would part the word: `config set KEY VALUE` is the same."""
    from gateway.config import Config, told
    from gateway.live_config import flat

    return list(flat(told(Config())))
