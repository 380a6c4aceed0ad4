"""`kogge config show, diff`: the keys of kogge.toml, and of the running daemon. No key is a secret:
those stand in files of their own.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.cli import EX_UNAVAILABLE
from gateway.cli.heard import heard
from gateway.cli.language import _
from gateway.cli.screen import tell
from gateway.cli.status import socket_path
from gateway.errors import ControlError, GatewayError

RESTART: Final = "sudo systemctl restart kogge"

Keys = dict[str, Any]


class Refused(GatewayError):
    """The daemon cannot use the file as it is."""


def run(args: argparse.Namespace) -> int:
    return _show(args) if args.action == "show" else _diff(args)


def _show(args: argparse.Namespace) -> int:
    from gateway.files import read_toml
    from gateway.live_config import flat

    file, uses = file_of(args), _effective(args)
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

    file, defaults = file_of(args), _defaults(args)
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
        tell("\n".join(_differences(file, defaults, pending, daemon)))
    return (1 if pending else 0) if "keys" in daemon else EX_UNAVAILABLE


def _defaults(args: argparse.Namespace) -> list[Keys]:
    """What the file says otherwise than if it said nothing."""
    from gateway.config import Config, told
    from gateway.files import read_toml
    from gateway.live_config import flat

    _effective(args)  # says what is wrong with the file
    usual = flat(told(Config()))
    said = flat(read_toml(file_of(args)))
    return [
        {"key": key, "value": said[key], "default": usual[key]}
        for key in usual
        if key in said and said[key] != usual[key]
    ]


def _daemon(args: argparse.Namespace, file: Path) -> dict[str, Any]:
    """`keys` that it uses, if it can be asked; else why not."""
    from gateway.live_config import flat

    try:
        answer = asked(args, file)
    except (GatewayError, PermissionError) as error:
        return {"reason": str(error)}
    return {"reason": "", "keys": flat(answer["config"])}


def asked(args: argparse.Namespace, file: Path, **wish: str) -> dict[str, Any]:
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
        yield _("The daemon was not asked: {reason}", reason=heard(daemon["reason"]))
    elif not pending:
        yield _("The daemon uses what the file says.")
    else:
        yield _("The daemon uses something else than the file says:")
    for one in pending:
        used = _("in use {value}", value=value(one["daemon"]))
        yield f"  {one['key']} = {value(one['file'])}  ({used})"
    yield from restart_words([one["key"] for one in pending if one["restart"]])
    live = [one["key"] for one in pending if not one["restart"]]
    if live:
        yield _("kogge config set takes over without a restart: {keys}", keys=", ".join(live))


def restart_words(keys: list[str]) -> Iterator[str]:
    if keys:
        told = ", ".join(keys)
        yield _("A restart is needed for: {keys} ({command})", keys=told, command=RESTART)


def file_of(args: argparse.Namespace) -> Path:
    from gateway.files import DEFAULT_FILE

    return Path(args.config or DEFAULT_FILE)


def _effective(args: argparse.Namespace) -> Keys:
    """Every key as the daemon would use it. Raises ConfigError, PermissionError."""
    from gateway.config import load, told
    from gateway.live_config import flat

    return flat(told(load(file_of(args))))
