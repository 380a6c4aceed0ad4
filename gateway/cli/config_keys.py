"""`kogge config show, diff, set`: the keys of kogge.toml, here and in the running daemon.

There is no secret in kogge.toml. The broker's password stands in a file of its own; it is asked
for, hidden, or read from stdin: never from the command line, which everybody on the machine can
read.
"""

import argparse
import grp
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.cli import EX_FAILED, EX_UNAVAILABLE, EX_USAGE
from gateway.cli.language import _
from gateway.cli.status import socket_path
from gateway.errors import ControlError, GatewayError

PASSWORD: Final = "mqtt.password"  # noqa: S105 # a name
PASSWORD_FILE: Final = "mqtt-password"  # noqa: S105 # a name, beside kogge.toml
RESTART: Final = "sudo systemctl restart kogge"

Keys = dict[str, Any]


class Refused(GatewayError):
    """The daemon cannot use the file as it is."""


class Misused(GatewayError):
    """What was typed is no KEY=VALUE."""


def run(args: argparse.Namespace) -> int:
    return {"show": _show, "diff": _diff, "set": _set}[args.action](args)


def _show(args: argparse.Namespace) -> int:
    from gateway.files import read_toml
    from gateway.live_config import flat

    file, uses = _file(args), _effective(args)
    said = flat(read_toml(file))
    if args.json:
        told = {
            key: {"value": value, "from": "file" if key in said else "default"}
            for key, value in uses.items()
        }
        print(json.dumps({"config": str(file), "keys": told}))
    else:
        print("\n".join(_listed(file, uses, said)))
    return 0


def _listed(file: Path, uses: Keys, said: Keys) -> Iterator[str]:
    """As TOML, so that it can be taken over."""
    from gateway.file_edit import value

    yield f"# {file}"
    last = ""
    for key, found in uses.items():
        table, _dot, name = key.partition(".")
        if table != last:
            yield f"\n[{table}]"
        last = table
        origin = _("from the file") if key in said else _("default")
        yield f"{f'{name} = {value(found)}':<44} # {origin}"


def _diff(args: argparse.Namespace) -> int:
    """Exit 1 if the daemon uses something else than the file says."""
    from gateway.live_config import LIVE

    file, defaults = _file(args), _defaults(args)
    daemon = _daemon(args, file)
    uses = daemon.get("keys") or {}
    says = _effective(args)
    pending = [
        {"key": key, "file": says[key], "daemon": uses[key], "restart": key not in LIVE}
        for key in says
        if key in uses and says[key] != uses[key]
    ]
    if args.json:
        told = {"asked": "keys" in daemon, "reason": daemon["reason"], "differs": pending}
        print(json.dumps({"config": str(file), "differs": defaults, "daemon": told}))
    else:
        print("\n".join(_differences(file, defaults, pending, daemon)))
    return (1 if pending else 0) if "keys" in daemon else EX_UNAVAILABLE


def _defaults(args: argparse.Namespace) -> list[Keys]:
    """What the file says otherwise than if it said nothing."""
    from gateway.config import Config, told
    from gateway.files import read_toml
    from gateway.live_config import flat

    _effective(args)  # says what is wrong with the file
    usual = flat(told(Config()))
    said = flat(read_toml(_file(args)))
    return [
        {"key": key, "value": said[key], "default": usual[key]}
        for key in usual
        if key in said and said[key] != usual[key]
    ]


def _daemon(args: argparse.Namespace, file: Path) -> dict[str, Any]:
    """`keys` that it uses, if it can be asked; else why not."""
    from gateway.live_config import flat

    try:
        answer = _asked(args, file)
    except (GatewayError, PermissionError) as error:
        return {"reason": str(error)}
    return {"reason": "", "keys": flat(answer["config"])}


def _asked(args: argparse.Namespace, file: Path, **wish: str) -> dict[str, Any]:
    """The daemon that was started with this file. Raises ControlError, Refused."""
    from gateway.diagnostics.client import ask

    answer = ask(socket_path(args), "config", **wish)
    if "error" in answer:
        raise Refused(f"the daemon refused: {answer['error']}")
    if Path(answer["file"]).resolve() != file.resolve():
        raise ControlError(f"the daemon was started with {answer['file']}, not with {file}")
    return answer


def _differences(
    file: Path, defaults: list[Keys], pending: list[Keys], daemon: dict[str, Any]
) -> Iterator[str]:
    from gateway.file_edit import value

    if defaults:
        yield _("{file} differs from the defaults:", file=file)
    else:
        yield _("{file} says nothing but the defaults.", file=file)
    for one in defaults:
        usual = _("default {value}", value=value(one["default"]))
        yield f"  {one['key']} = {value(one['value'])}  ({usual})"
    if "keys" not in daemon:
        yield _("The daemon was not asked: {reason}", reason=daemon["reason"])
    elif not pending:
        yield _("The daemon uses what the file says.")
    else:
        yield _("The daemon uses something else than the file says:")
    for one in pending:
        used = _("in use {value}", value=value(one["daemon"]))
        yield f"  {one['key']} = {value(one['file'])}  ({used})"
    yield from _restart([one["key"] for one in pending if one["restart"]])
    live = [one["key"] for one in pending if not one["restart"]]
    if live:
        yield _("kogge config set takes over without a restart: {keys}", keys=", ".join(live))


def _restart(keys: list[str]) -> Iterator[str]:
    if keys:
        told = ", ".join(keys)
        yield _("A restart is needed for: {keys} ({command})", keys=told, command=RESTART)


def _set(args: argparse.Namespace) -> int:
    file = _file(args)
    try:
        wanted = _wanted(args.words)
    except Misused as error:
        print(f"kogge: {error}", file=sys.stderr)
        return EX_USAGE
    changed = _with_password(file, wanted) if PASSWORD in wanted else _changed(file, wanted)
    taken, restart, reason, code = _applied(args, file)
    if args.json:
        keys = [{"key": one.key, "value": one.value, "before": one.before} for one in changed]
        told = {"ok": code == 0, "config": str(file), "keys": keys}
        print(json.dumps({**told, "taken": taken, "restart": restart, "reason": reason}))
        return code
    for one in changed:
        print(_said(file, one))
    if PASSWORD in args.words and "mqtt.password_file" not in restart:
        print(_("The password is in its file: the daemon's next connection to the broker uses it."))
    print("\n".join(_outcome(taken, restart, reason)))
    return code


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


def _with_password(file: Path, wanted: dict[str, str]) -> list[Any]:
    """Asked for, and put into its file; kogge.toml says where that is."""
    from gateway import config, file_edit

    text = _typed()
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


def _applied(args: argparse.Namespace, file: Path) -> tuple[list[str], list[str], str, int]:
    """What the daemon has taken over, what wants a restart, why it was not asked, the exit code."""
    try:
        answer = _asked(args, file, action="reload")
    except Refused as error:
        return [], [], str(error), EX_FAILED
    except (ControlError, PermissionError) as error:
        return [], [], str(error), 0
    return answer["taken"], answer["restart"], "", 0


def _said(file: Path, one: Any) -> str:
    from gateway.file_edit import value

    stands = f"{one.key} = {value(one.value)}"
    if one.before is None:
        return _("{stands} is in {file} now", stands=stands, file=file)
    return _(
        "{stands} is in {file} now, it was {before}",
        stands=stands, file=file, before=value(one.before),
    )  # fmt: skip


def _outcome(taken: list[str], restart: list[str], reason: str) -> Iterator[str]:
    if reason:
        yield _("The daemon does not know it yet: {reason}", reason=reason)
        return
    if taken:
        yield _("The daemon has taken over: {keys}", keys=", ".join(taken))
    yield from _restart(restart)
    if not restart:
        yield _("No restart is needed.")


def _file(args: argparse.Namespace) -> Path:
    from gateway.files import DEFAULT_FILE

    return Path(args.config or DEFAULT_FILE)


def _effective(args: argparse.Namespace) -> Keys:
    """Every key as the daemon would use it. Raises ConfigError, PermissionError."""
    from gateway.config import load, told
    from gateway.live_config import flat

    return flat(told(load(_file(args))))
