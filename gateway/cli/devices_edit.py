"""`kogge devices add, qr, import, remove`: devices.toml, and at once in the daemon.

Keys come from a table, from a hidden prompt or, where nobody sits, from stdin, one a line: never
from the command line, which everybody on the machine can read.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
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
    return {"add": _add, "qr": _qr, "import": _import, "remove": _remove}[args.action](args)


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
    from gateway.devices import spreadsheet
    from gateway.errors import ConfigError
    from gateway.files import read_toml

    if args.file.suffix.lower() == ".toml":
        tables = read_toml(args.file)
        devices = _checked(args, tables)
    else:
        table = spreadsheet.load(args.file)
        try:
            devices = _checked(args, {"device": table.devices})
        except ConfigError as error:
            raise table.placed(error) from None
    if not devices:
        return complain(_("{file} has no device in it", file=args.file), EX_FAILED)
    return _bring(args, devices)


def _checked(args: argparse.Namespace, tables: Fields) -> list[Fields]:
    """What is to be brought in; nothing was written. Raises ConfigError."""
    from gateway.devices import devices_toml

    devices_toml.check(tables, args.file, catalogue_of(args))
    devices: list[Fields] = tables.get("device", [])
    numbered = enumerate(devices, 1)
    places = {f"device[{number}].dev_eui": one["dev_eui"] for number, one in numbered}
    _refuse_known(args, args.file, places)
    return devices


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
    _refuse_wrong(args, device)
    return device | _keys(args, device)


def _refuse_wrong(args: argparse.Namespace, device: Fields) -> None:
    """Before its keys are asked for. Raises ConfigError."""
    from gateway.devices import devices_toml
    from gateway.errors import ConfigError

    _refuse_known(args, device_file_of(args), {"dev_eui": device["dev_eui"]})
    wanted = devices_toml.keys_wanted(device.get("lorawan", ""), otaa="join_eui" in device)
    whole = device | dict.fromkeys(wanted, "0" * 32)
    try:
        devices_toml.check({"device": [whole]}, Path(device["dev_eui"]), catalogue_of(args))
    except ConfigError as error:
        key = error.key.removeprefix("device[1].")
        raise ConfigError(error.file, key, error.value, error.allowed) from None


def _refuse_known(args: argparse.Namespace, file: Path, places: Mapping[str, str]) -> None:
    """`places` are DevEUIs by where they stand in `file`. Raises ConfigError."""
    from gateway.errors import ConfigError

    known = {one["dev_eui"]: one["name"] for one in entries(args)}
    for place, dev_eui in places.items():
        if dev_eui in known:
            name, there = known[dev_eui], device_file_of(args)
            allowed = f"stands in {there} already: {name}; to change it remove it, or edit the file"
            raise ConfigError(file, place, dev_eui, allowed)


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
