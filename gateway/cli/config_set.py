"""`kogge config set`: change keys of kogge.toml, and at once in the daemon where that is possible.

The broker's password stands in a file of its own; it is asked for, hidden, or read from stdin:
never from the command line, which everybody on the machine can read.
"""

import argparse
import grp
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.cli import EX_FAILED, EX_USAGE, complain
from gateway.cli.config_keys import Refused, asked, file_of, restart_words
from gateway.cli.heard import heard
from gateway.cli.language import _
from gateway.cli.screen import tell
from gateway.cli.whole_or_not import point_of_no_return
from gateway.errors import ControlError, GatewayError

PASSWORD: Final = "mqtt.password"  # noqa: S105 # a name
PASSWORD_FILE: Final = "mqtt-password"  # noqa: S105 # a name, beside kogge.toml


class Misused(GatewayError):
    """What was typed is no KEY=VALUE."""


def run(args: argparse.Namespace) -> int:
    file = file_of(args)
    try:
        wanted = _wanted(args.words)
    except Misused as error:
        return complain(error, EX_USAGE)
    password = _typed() if PASSWORD in wanted else ""
    with point_of_no_return() as reached:
        reached()
        changed = _with_password(file, wanted, password) if password else _changed(file, wanted)
        found = _applied(args, file)
    if args.json:
        keys = [{"key": one.key, "value": one.value, "before": one.before} for one in changed]
        told = {"ok": found.code == 0, "config": str(file), "keys": keys}
        more = {"taken": found.taken, "restart": found.restart, "reason": found.reason}
        print(json.dumps({**told, **more}))
        return found.code
    for one in changed:
        tell(_said(file, one))
    if PASSWORD in args.words and "mqtt.password_file" not in found.restart:
        tell(_("The password is in its file: the daemon's next connection to the broker uses it."))
    tell("\n".join(_outcome(found)))
    return found.code


def _wanted(words: list[str]) -> dict[str, str]:
    """By key. Raises Misused."""
    if len(words) == 2 and "=" not in words[0] and not ("=" in words[1] and words[0] == PASSWORD):
        words = ["=".join(words)]
    wanted = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key == PASSWORD and equals:
            raise Misused(
                f"a password on the command line is everybody's: say kogge config set {PASSWORD}"
                " alone, and it is asked for, or read from stdin"
            )
        if not equals and key != PASSWORD:
            raise Misused(f"{word} is no KEY=VALUE, as in: kogge config set mqtt.batch_seconds=2")
        wanted[key.strip()] = value
    return wanted


def _changed(file: Path, wanted: dict[str, str]) -> list[Any]:
    from gateway import config_edit

    return list(config_edit.change(file, wanted))


def _with_password(file: Path, wanted: dict[str, str], text: str) -> list[Any]:
    """Put into its file; kogge.toml says where that is."""
    from gateway import config, file_edit

    others = {key: value for key, value in wanted.items() if key != PASSWORD}
    if not config.load(file).mqtt.password_file:
        others = {"mqtt.password_file": PASSWORD_FILE, **others}
    changed = _changed(file, others)
    with file_edit.alone(file):
        file_edit.write(Path(config.load(file).mqtt.password_file), f"{text}\n", _group())
    return changed


def _typed() -> str:
    """Raises GatewayError at the end of stdin."""
    if sys.stdin.isatty():
        from getpass import getpass

        text = getpass(_("The broker's password (not shown): "))
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise GatewayError("no password was given, so nothing was changed")
    return text


def _group() -> int:
    """The service's, where there is one."""
    try:
        return grp.getgrnam("kogge").gr_gid
    except KeyError:
        return -1


class _Applied(NamedTuple):
    """What the daemon has taken over, what wants a restart; `reason`: why it was not asked."""

    taken: list[str]
    restart: list[str]
    reason: str = ""
    code: int = 0
    is_running: bool = True


def _applied(args: argparse.Namespace, file: Path) -> _Applied:
    from gateway.diagnostics.client import NoDaemon

    try:
        answer = asked(args, file, action="reload")
    except Refused as error:
        return _Applied([], [], str(error), EX_FAILED)
    except NoDaemon as error:
        return _Applied([], [], str(error), is_running=False)
    except (ControlError, PermissionError) as error:
        return _Applied([], [], str(error))
    return _Applied(answer["taken"], answer["restart"])


def _said(file: Path, one: Any) -> str:
    from gateway.file_edit import value

    stands = f"{one.key} = {value(one.value)}"
    if one.before == one.value and type(one.before) is type(one.value):
        return _("{stands} was in {file} already", stands=stands, file=file)
    if one.before is None:
        return _("{stands} is in {file} now", stands=stands, file=file)
    return _(
        "{stands} is in {file} now, it was {before}",
        stands=stands, file=file, before=value(one.before),
    )  # fmt: skip


def _outcome(found: _Applied) -> Iterator[str]:
    if not found.is_running:
        yield _("No daemon runs: it applies at the next start.")
        return
    if found.reason:
        yield _("The daemon does not know it yet: {reason}", reason=heard(found.reason))
        return
    if found.taken:
        yield _("The daemon has taken over: {keys}", keys=", ".join(found.taken))
    yield from restart_words(found.restart)
    if not found.restart:
        yield _("No restart is needed.")
