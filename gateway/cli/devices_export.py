"""`kogge devices export`: devices.toml as a table or as TOML; keys only if they are asked for."""

import argparse
import json
from pathlib import Path

from gateway.cli.devices_edit import Fields, entries
from gateway.cli.language import _, plural
from gateway.cli.screen import tell
from gateway.errors import GatewayError
from gateway.whole_file import replacing


def run(args: argparse.Namespace) -> int:
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
    """For nobody else's eyes: it may have keys. Whole, or what was there stays."""
    try:
        with replacing(file) as sink:
            sink.write(text.encode())
    except PermissionError:
        raise PermissionError(f"{file} may not be written by this user") from None
    except OSError as error:
        raise GatewayError(f"{file} cannot be written: {error.strerror}") from None
