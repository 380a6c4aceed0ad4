"""The command line: one file a verb, imported only when that verb is asked for.

A verb's module has `HELP`, `arguments(parser)` and `run(args) -> exit code`. Exit codes: 0 done;
1 the thing asked for failed or differs; 64 usage; 69 daemon or broker unreachable; 77 permission;
78 configuration. `--json` = one object as the last line of stdout; messages go to stderr.
`--lang de|en` may stand anywhere, before the verb and behind it (gateway.cli.language).
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from gateway import VERSION
from gateway.cli import language
from gateway.cli.heard import heard
from gateway.cli.language import _, mark
from gateway.errors import ConfigError, ControlError, GatewayError

EX_FAILED, EX_USAGE, EX_UNAVAILABLE, EX_PERMISSION, EX_CONFIG = 1, 64, 69, 77, 78

VERBS = {
    "run": mark("the daemon: receive, store, forward"),
    "demo": mark("a whole city in this terminal, without any hardware"),
    "doctor": mark("what is wrong, and what to do: check after check"),
    "status": mark("how the daemon is"),
    "watch": mark("live readings and drops of the daemon"),
    "buffer": mark("what waits for the city: look at it, export it, check it"),
    "frames": mark("the last raw frames, up and down; for Wireshark too"),
    "forward": mark("pause what goes to the city, or let it go on"),
    "backup": mark("all that another box needs to take this one's place, sealed"),
    "restore": mark("take the place of the gateway that a backup was made of"),
    "report": mark("one archive for support, with a page to look at, without secrets"),
    "devices": mark("the end devices: how they are heard; bring them in, take them out"),
    "why": mark("why a device did not join or does not report"),
    "join": mark("let devices join, for a while or no longer"),
    "decode": mark("take one LoRaWAN frame apart"),
    "codec": mark("codecs: list, test, add your own, import a vendor's"),
    "config": mark("the configuration: check it, show it, change it"),
    "radio": mark("the concentrator on the bench: listen, send, scan"),
    "firmware": mark("install the images that the concentrator needs"),
    "emulator": mark("a concentrator's hardware on a pseudo-terminal"),
    "simulate": mark("a virtual month of many end devices, with every fault there is"),
    "completion": mark("what lets bash, zsh or fish finish these words"),
}


WIDTH = 80


class Narrow(argparse.HelpFormatter):
    """Help in the language that is spoken. Asked for the terminal's width, argparse would import
    shutil at each start: 8 ms.
    """

    def __init__(self, prog: str, indent: int = 2, position: int = 24, width: int = WIDTH) -> None:
        super().__init__(prog, indent, position, width)

    def _get_help_string(self, action: argparse.Action) -> str:
        return _(action.help or "")

    def start_section(self, heading: str | None) -> None:
        super().start_section(_(heading or ""))

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: Iterable[Any],
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, _("usage: ") if prefix is None else prefix)


class NarrowAsItIs(Narrow, argparse.RawDescriptionHelpFormatter):
    """The listing of verbs."""


class Actions(argparse._SubParsersAction):  # type: ignore[type-arg] # noqa: SLF001 # no other name
    """The actions of a verb: what the verb's help says of one, its own help says too."""

    def add_parser(self, name: str, **how: Any) -> Any:
        return super().add_parser(name, **{"description": _(how.get("help", "")), **how})


class Parser(argparse.ArgumentParser):
    """argparse, with sysexits' 64 for wrong usage."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**{"formatter_class": Narrow, **how})
        self.register("action", "parsers", Actions)

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        explained = _("{verb} --help explains it.", verb=self.prog)
        self.exit(EX_USAGE, f"{self.prog}: {heard(message)}\n{explained}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Do what is asked; whoever reads our output may leave at any time."""
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            print(end="", flush=True)  # now: when Python ends it is too late to be quiet
            language.speak("en")  # the language was this command line's
    except BrokenPipeError:
        # what is left goes where nothing breaks
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EX_FAILED


def _run(arguments: list[str]) -> int:
    """Find the verb, run it, and turn our errors into a sentence and an exit code."""
    try:
        spoken, arguments = language.taken(arguments, os.environ)
    except language.UnknownLanguage as error:
        return complain(error, EX_USAGE)
    language.speak(language.PLAIN if "--json" in arguments else spoken)
    if not arguments or arguments[0] not in VERBS:
        return _without_verb(arguments)
    verb = import_module(f"gateway.cli.{arguments[0]}")
    parser = Parser(prog=f"kogge {arguments[0]}", description=_(verb.HELP))
    verb.arguments(parser)
    try:
        return int(verb.run(parser.parse_args(arguments[1:])))
    except ConfigError as error:
        return complain(error, EX_CONFIG)
    except ControlError as error:
        return complain(error, EX_UNAVAILABLE)
    except PermissionError as error:
        return complain(error, EX_PERMISSION)
    except GatewayError as error:
        return complain(error, EX_FAILED)
    except KeyboardInterrupt:
        return 130


def complain(what: Exception | str, code: int) -> int:
    """An error, or a sentence in the language that is spoken."""
    say(what if isinstance(what, str) else heard(str(what)))
    return code


def say(text: str) -> None:
    """Beside what was asked for: stdout is left alone."""
    print(f"kogge: {text}", file=sys.stderr)


def _without_verb(arguments: list[str]) -> int:
    listing = "\n".join(f"  {name:10} {_(text)}" for name, text in VERBS.items())
    parser = top(
        epilog=_("verbs:\n{listing}\n\nkogge VERB --help explains a verb.", listing=listing),
        formatter_class=NarrowAsItIs,
    )
    parser.add_argument("verb", metavar="VERB", choices=VERBS, help=mark("what to do, see below"))
    parser.parse_args(arguments)
    return EX_USAGE


def top(**how: Any) -> Parser:
    """`kogge` itself, before its verb."""
    about = _("The software of a LoRaWAN street gateway.")
    parser = Parser(prog="kogge", description=about, **how)
    parser.add_argument("--version", action="version", version=f"kogge {VERSION}")
    parser.add_argument("--lang", choices=language.LANGUAGES, help="instead of LANG's language")
    return parser
