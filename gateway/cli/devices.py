"""`kogge devices`: the end devices of this gateway: how they are, and which they are."""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.cli import EX_USAGE, complain, devices_meant, say
from gateway.cli.devices_known import (
    Known,
    dev_eui,
    dev_eui_at_daemon,
    known,
    of_daemon_or_file,
    unknown,
)
from gateway.cli.language import _, span
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket

HELP = "The end devices: how each is heard; bring them in by QR code, table or hand, take them out."

LOOK_SECONDS = 1.0
CLEAR = "\x1b[H\x1b[J"
ONE_WORD = re.compile(r"[\w.+:@-]+")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _arguments_for_looking(actions)
    adding = actions.add_parser("add", help="one by hand; its keys are asked for, hidden")
    adding.add_argument("dev_eui", type=dev_eui, metavar="DEVEUI", help="16 hex digits")
    way = adding.add_mutually_exclusive_group(required=True)
    way.add_argument("--join-eui", metavar="HEX", help="it joins over the air (OTAA)")
    way.add_argument("--dev-addr", metavar="HEX", help="it is personalised (ABP)")
    scanning = actions.add_parser("qr", help="one by the text of its QR code (TR005)")
    scanning.add_argument("text", metavar="TEXT", help="LW:D0:…; - reads it from stdin")
    for action in (adding, scanning):
        _arguments_for_describing(action)
    removing = actions.add_parser("remove", help="one; its frames are a stranger's from then on")
    removing.add_argument("dev_eui", type=dev_eui, metavar="DEVEUI", help="16 hex digits")
    bringing = actions.add_parser("import", help="all of a table (.csv) or a devices.toml")
    bringing.add_argument("file", type=Path, metavar="FILE", help="with their keys")
    exporting = actions.add_parser("export", help="as a table (.csv) or as TOML (.toml)")
    exporting.add_argument("file", metavar="FILE", help="made or replaced; - is a table on stdout")
    _argument_for_showing_keys(exporting)
    for action in (adding, scanning, removing, bringing, exporting):
        _common(action)


def _arguments_for_looking(actions: Any) -> None:
    listing = actions.add_parser("list", help="all: last seen, margin, loss, battery")
    arguments_for_the_socket(listing)
    form = listing.add_mutually_exclusive_group()
    form.add_argument("--names", action="store_true", help="words for them alone, for the shell")
    form.add_argument("--json", action="store_true", help="one object as the last line")
    showing = actions.add_parser("show", help="one: its session, rhythm, ADR, signal over time")
    devices_meant.argument(showing)
    showing.add_argument("--watch", action="store_true", help="each uplink, until Ctrl-C")
    _argument_for_showing_keys(showing)
    _common(showing)


def _argument_for_showing_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keys", choices=["shown"], help="with its keys, for everyone to see")


def _arguments_for_describing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", help="how the city knows it; else its DevEUI")
    parser.add_argument("--codec", help="docs/codecs.md; without one its readings go out raw")
    parser.add_argument("--lorawan", help="1.0.2, 1.0.3 (default), 1.0.4 or 1.1")
    parser.add_argument("--class", dest="class", help="A (default) or C")
    parser.add_argument("--place", help="street and house number, lamp post, bin")
    parser.add_argument("--depth", type=float, metavar="M", help="metres: of its bin or shaft")
    parser.add_argument(
        "--keys", type=Path, metavar="FILE", help="a table (.csv) with its keys, by DevEUI"
    )


def _common(parser: argparse.ArgumentParser) -> None:
    arguments_for_the_socket(parser)
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    if args.action in ("list", "show"):
        return {"list": _list, "show": _show}[args.action](args)
    if args.action == "export":
        from gateway.cli import devices_export

        return devices_export.run(args)
    from gateway.cli import devices_edit

    return devices_edit.run(args)


def _list(args: argparse.Namespace) -> int:
    from gateway.cli.devices_words import table

    if args.names:
        return _list_names(args)
    found = known(args)
    if args.json:
        print(json.dumps(_told(found, devices=found.devices)))
    else:
        tell("\n".join(table(found.devices)))
    return found.exit


def _list_names(args: argparse.Namespace) -> int:
    """Names and DevEUIs that are one word to a shell: what `kogge completion` asks for at Tab."""
    devices = of_daemon_or_file(args)
    words = [one[key] for key in ("name", "dev_eui") for one in devices]
    print("\n".join(filter(ONE_WORD.fullmatch, dict.fromkeys(words))))
    return 0


def _told(found: Known, **more: Any) -> dict[str, Any]:
    return {"asked": found.asked, **more, "gateway": found.gateway, "wrong": found.wrong}


def _show(args: argparse.Namespace) -> int:
    from gateway.cli.devices_words import detail

    if args.watch:
        return _watch(args)
    found = known(args, args.device)
    (device,) = found.devices
    if not device["known"]:
        return unknown(args, device["dev_eui"])
    keys = _keys(args, device["dev_eui"]) if args.keys else {}
    if args.json:
        print(json.dumps(_told(found, device=device | keys)))
    else:
        tell("\n".join([*detail(device), *(f"  {name:14} {key}" for name, key in keys.items())]))
    return found.exit


def _keys(args: argparse.Namespace, dev_eui: str) -> dict[str, str]:
    """Those of devices.toml: the daemon tells none. Raises PermissionError."""
    from gateway.cli.devices_edit import entries

    mine = next(one for one in entries(args) if one["dev_eui"] == dev_eui)
    return {name: key for name, key in mine.items() if name.endswith("_key")}


def _watch(args: argparse.Namespace) -> int:
    """Its picture on a terminal, else a line for each uplink."""
    if args.keys:
        return complain(_("--keys is not for watching"), EX_USAGE)
    from gateway.cli.devices_words import detail

    whole, is_first = sys.stdout.isatty() and not args.json, True
    with suppress(KeyboardInterrupt):
        dev_eui = dev_eui_at_daemon(args, args.device)
        for device in _changes(args, dev_eui):
            if not device["known"]:
                return unknown(args, dev_eui)
            if whole:
                tell(CLEAR + "\n".join([*detail(device), "", _waiting(device)]), flush=True)
                continue
            if is_first:
                say(_waiting(device))
            is_first = False
            _tell_last(device, args)
    return 0


def _waiting(device: dict[str, Any]) -> str:
    every = device.get("interval_s")
    usual = _(", it speaks every {span}", span=span(every)) if every else ""
    return _(
        "Waiting for the next uplink of {name}{usual}. Ctrl-C ends it.",
        name=device["name"],
        usual=usual,
    )


def _changes(args: argparse.Namespace, dev_eui: str) -> Iterator[dict[str, Any]]:
    """What is known of it, at once and after each uplink. Ends when the daemon does."""
    from gateway.cli.devices_known import lines

    last: object = ()
    while True:
        for line in lines(args, "devices", dev_eui=dev_eui):
            for device in line.get("devices", ()):
                now = device.get("f_cnt"), device.get("dev_addr"), device.get("heard")
                if now != last or (sys.stdout.isatty() and not args.json):
                    yield device
                last = now
        time.sleep(LOOK_SECONDS)


def _tell_last(device: dict[str, Any], args: argparse.Namespace) -> None:
    from gateway.cli.devices_words import uplink

    for one in device["uplinks"][-1:]:
        tell(json.dumps(one) if args.json else uplink(one), flush=True)
