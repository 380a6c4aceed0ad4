"""`kogge devices add, qr, import, remove, export`: devices.toml, and at once in the daemon.

Keys come from a table, from a hidden prompt or, where nobody sits, from stdin, one a line: never
from the command line, which everybody on the machine can read.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gateway.cli import EX_FAILED, EX_USAGE, complain, say
from gateway.cli.devices_known import catalogue_of, device_file_of, lines
from gateway.cli.heard import heard
from gateway.cli.language import _, plural
from gateway.cli.screen import tell
from gateway.errors import ControlError, GatewayError

Fields = dict[str, Any]

DESCRIBING: Final = ("name", "codec", "lorawan", "class", "place", "depth")
TRIES: Final = 3
LABELS: Final = {
    "app_key": "AppKey", "nwk_key": "NwkKey", "nwk_s_key": "NwkSKey", "app_s_key": "AppSKey",
    "f_nwk_s_int_key": "FNwkSIntKey", "s_nwk_s_int_key": "SNwkSIntKey",
    "nwk_s_enc_key": "NwkSEncKey",
}  # fmt: skip


class NoKey(GatewayError):
    """None was given."""


def run(args: argparse.Namespace) -> int:
    return {
        "add": _add, "qr": _qr, "import": _import, "remove": _remove, "export": _export,
    }[args.action](args)  # fmt: skip


def entries(args: argparse.Namespace) -> list[Fields]:
    """The tables of devices.toml, keys included; it has been checked."""
    from gateway.devices import devices_toml
    from gateway.files import read_toml

    file = device_file_of(args)
    devices_toml.load(file, catalogue_of(args))
    found: list[Fields] = read_toml(file).get("device", [])
    return found


def _add(args: argparse.Namespace) -> int:
    from gateway.devices.spreadsheet import plain_hex

    way = "join_eui" if args.join_eui else "dev_addr"
    address = plain_hex(getattr(args, way))
    return _bring(args, [_described(args, {"dev_eui": args.dev_eui, way: address})])


def _qr(args: argparse.Namespace) -> int:
    from gateway.devices import qr

    text = sys.stdin.readline() if args.text == "-" else args.text
    try:
        code = qr.parse(text)
    except qr.NotTr005 as error:
        return complain(error, EX_USAGE)
    device = _described(args, {"dev_eui": code.dev_eui, "join_eui": code.join_eui})
    return _bring(args, [device])


def _import(args: argparse.Namespace) -> int:
    from gateway.devices import devices_toml, spreadsheet
    from gateway.files import read_toml

    if args.file.suffix.lower() == ".toml":
        tables = read_toml(args.file)
        devices_toml.check(tables, args.file, catalogue_of(args))
        devices: list[Fields] = tables.get("device", [])
    else:
        devices = spreadsheet.load(args.file)
        devices_toml.check({"device": devices}, args.file, catalogue_of(args))
    if not devices:
        return complain(_("{file} has no device in it", file=args.file), EX_FAILED)
    return _bring(args, devices)


def _bring(args: argparse.Namespace, devices: list[Fields]) -> int:
    from gateway.devices import editing

    file = device_file_of(args)
    editing.add(file, devices, catalogue_of(args))
    return _applied(args, file, added=[str(one["dev_eui"]) for one in devices])


def _remove(args: argparse.Namespace) -> int:
    from gateway.devices import editing

    file = device_file_of(args)
    editing.remove(file, args.dev_eui, catalogue_of(args))
    return _applied(args, file, removed=[args.dev_eui])


def _described(args: argparse.Namespace, device: Fields) -> Fields:
    """With what the command line says of it, and its keys."""
    said = {name: getattr(args, name) for name in DESCRIBING if getattr(args, name) is not None}
    device = {"dev_eui": device["dev_eui"], "name": device["dev_eui"], **said, **device}
    _refuse_known(args, device["dev_eui"])
    return device | _keys(args, device)


def _refuse_known(args: argparse.Namespace, dev_eui: str) -> None:
    """Before its keys are asked for. Raises ConfigError."""
    from gateway.errors import ConfigError

    for one in entries(args):
        if one["dev_eui"] == dev_eui:
            allowed = (
                f"stands there already: {one['name']}; to change it remove it, or edit the file"
            )
            raise ConfigError(device_file_of(args), "dev_eui", dev_eui, allowed)


def _keys(args: argparse.Namespace, device: Fields) -> Fields:
    """Raises ConfigError, NoKey."""
    from gateway.devices import devices_toml, spreadsheet

    wanted = devices_toml.keys_wanted(device.get("lorawan", ""), otaa="join_eui" in device)
    if args.keys is not None:
        found = spreadsheet.keys_of(args.keys, device["dev_eui"])
        return {name: found[name] for name in wanted if name in found}
    return {name: _asked(LABELS[name], device["dev_eui"]) for name in wanted}


def _asked(label: str, dev_eui: str) -> str:
    from gateway.devices.spreadsheet import plain_hex

    for _again in range(TRIES):
        key = plain_hex(_typed(label, dev_eui))
        if len(key) == 32 and not set(key) - set("0123456789abcdef"):
            return key
        say(
            _("that is no key: {label} has 32 hex digits, it had {n} characters",
              label=label, n=len(key)),
        )  # fmt: skip
    raise NoKey(f"no {label} was given, so nothing was changed; with --keys FILE it is looked up")


def _typed(label: str, dev_eui: str) -> str:
    """Raises NoKey at the end of stdin."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(_("{label} of {dev_eui} (not shown): ", label=label, dev_eui=dev_eui))
    line = sys.stdin.readline()
    if not line:
        raise NoKey(f"{label} is missing: give it on stdin, one key a line, or with --keys FILE")
    return line.strip()


def _applied(args: argparse.Namespace, file: Path, **done: list[str]) -> int:
    """The daemon takes the file at once; without one it holds from its next start."""
    code, applied, reason = 0, True, ""
    try:
        for _line in lines(args, "devices", action="reload"):
            pass
    except (ControlError, PermissionError) as error:
        applied, reason = False, str(error)
        code = EX_FAILED if "refused" in reason else 0
    told = {"ok": code == 0, "file": str(file), "added": [], "removed": []}
    if args.json:
        print(json.dumps({**told, **done, "applied": applied, "reason": reason}))
    else:
        tell("\n".join(_words(file, done, applied, reason)))
    return code


def _words(file: Path, done: dict[str, list[str]], applied: bool, reason: str) -> Iterator[str]:
    for name, euis in done.items():
        if name == "added":
            yield plural(
                "{n} device is in {file}", "{n} devices are in {file}", len(euis), file=file
            )
        else:
            yield _("{dev_eui} is no longer in {file}", dev_eui=euis[0], file=file)
    if applied:
        yield _("The daemon has taken it: no restart is needed.")
    else:
        yield _("The daemon does not know it yet: {reason}", reason=heard(reason))
    if applied and "added" in done:
        yield _("Switch the device on; kogge why DEVEUI says what keeps it away.")


def _export(args: argparse.Namespace) -> int:
    devices = entries(args)
    if not args.keys:
        devices = [_without_keys(one) for one in devices]
    text = _text(args.file, devices)
    if args.file == "-":
        print(text, end="")
        return 0
    _write(Path(args.file), text)
    if args.json:
        told = {"ok": True, "file": args.file, "devices": len(devices), "keys": bool(args.keys)}
        print(json.dumps(told))
    else:
        told_keys = _("with their keys") if args.keys else _("without keys")
        n = len(devices)
        tell(plural("{n} device", "{n} devices", n) + f", {told_keys}: {args.file}")
    return 0


def _without_keys(device: Fields) -> Fields:
    return {name: value for name, value in device.items() if not name.endswith("_key")}


def _text(file: str, devices: list[Fields]) -> str:
    from gateway.devices import editing, spreadsheet

    if file.lower().endswith(".toml"):
        return "\n".join(editing.table(one) for one in devices)
    return spreadsheet.text_of(devices)


def _write(file: Path, text: str) -> None:
    """For nobody else's eyes: it may have keys."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as sink:
            os.fchmod(descriptor, 0o600)
            sink.write(text)
    except PermissionError:
        raise PermissionError(f"{file} may not be written by this user") from None
    except OSError as error:
        raise GatewayError(f"{file} cannot be written: {error.strerror}") from None
