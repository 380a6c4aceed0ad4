"""The command line: one file a verb, imported only when that verb is asked for.

A verb's module has `HELP`, `arguments(parser)` and `run(args) -> exit code`. Exit codes: 0 done;
1 the thing asked for failed or differs; 64 usage; 69 daemon or broker unreachable; 77 permission;
78 configuration. `--json` = one object as the last line of stdout; messages go to stderr.
`--lang de|en` may stand anywhere, before the verb and behind it (gateway.cli.language).
"""

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from gateway import VERSION
from gateway.cli import language
from gateway.cli.heard import heard
from gateway.cli.language import _, mark
from gateway.cli.parser import EX_USAGE as EX_USAGE
from gateway.cli.parser import NarrowAsItIs, Parser
from gateway.errors import ConfigError, ControlError, GatewayError

EX_FAILED, EX_UNAVAILABLE, EX_PERMISSION, EX_CONFIG = 1, 69, 77, 78
EX_INTERRUPTED = 130  # as a shell says it of Ctrl-C
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

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


def main(argv: Sequence[str] | None = None) -> int:
    """Do what is asked; whoever reads our output may leave at any time."""
    _open_what_is_closed()
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            print(end="", flush=True)  # now: when Python ends it is too late to be quiet
    except BrokenPipeError:
        return _without_reader()
    except KeyboardInterrupt:
        return EX_INTERRUPTED
    except OSError as error:
        if error.errno not in NO_ROOM or error.filename:
            raise
        why = heard(str(error.strerror))  # the system does not say of what
        said = _("the output, or a file, cannot be written or read: {why}", why=why)
        complain(said, EX_FAILED)
        return _without_reader()
    finally:
        language.speak("en")  # the language was this command line's
        _let_go_of_what_is_unheard()


def _open_what_is_closed() -> None:
    """Who starts us may have closed stdin, stdout or stderr: nothing comes in or goes out there."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nothing = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 # to the end
            setattr(sys, name, nothing)


def _without_reader() -> int:
    _silence(sys.stdout)
    return EX_FAILED


def _let_go_of_what_is_unheard() -> None:
    """What stderr did not take would fail again when Python ends, and be the exit code then."""
    try:
        sys.stderr.flush()
    except OSError:
        _silence(sys.stderr)


def _silence(stream: TextIO) -> None:
    """What is left goes where nothing breaks."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(arguments: list[str]) -> int:
    """Find the verb, run it, and turn our errors into a sentence and an exit code."""
    try:
        spoken, arguments = language.taken(arguments, os.environ)
    except language.UnknownLanguage as error:
        return complain(error, EX_USAGE)
    language.speak(language.PLAIN if "--json" in arguments else spoken)
    arguments = _verb_first(arguments)
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
        return complain(_closed(error), EX_PERMISSION)
    except GatewayError as error:
        return complain(error, EX_FAILED)
    except OSError as error:
        if not error.filename:
            raise
        why = heard(str(error.strerror))
        return complain(_("{file}: {why}", file=error.filename, why=why), EX_FAILED)


def _closed(error: PermissionError) -> PermissionError | str:
    """Ours are sentences; the system names a file alone."""
    if not error.filename:
        return error
    return _(
        "{file} is closed to this user: use sudo, or join the group (sudo adduser $USER kogge, then"
        " log in again)",
        file=error.filename,
    )


def _verb_first(arguments: list[str]) -> list[str]:
    """Options may stand before the verb."""
    at = next((at for at, word in enumerate(arguments) if word in VERBS), None)
    if not at or arguments[0] == "--version" or not arguments[0].startswith("-"):
        return arguments
    return [arguments[at], *arguments[:at], *arguments[at + 1 :]]


def complain(what: Exception | str, code: int) -> int:
    """An error, or a sentence in the language that is spoken."""
    say(what if isinstance(what, str) else heard(str(what)))
    return code


def say(text: str) -> None:
    """Beside what was asked for: stdout is left alone. Where it cannot be heard, work goes on."""
    from gateway.cli.screen import tell

    with suppress(OSError):
        tell(f"kogge: {text}", sys.stderr)


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
