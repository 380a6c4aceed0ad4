"""`kogge codec list`: every codec, Kogge's own and the operator's."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.codec import ENGINES
from gateway.cli.heard import heard
from gateway.cli.language import _, plural
from gateway.cli.screen import tell
from gateway.cli.status import argument_for_the_config
from gateway.one_line import one_line

if TYPE_CHECKING:
    from gateway.codecs.catalogue import Catalogue

ABOUT = "every codec, and which devices use it"


def arguments(parser: argparse.ArgumentParser) -> None:
    argument_for_the_config(parser)
    parser.add_argument("--own", action="store_true", help="only those in your directory")


def run(args: argparse.Namespace) -> int:
    from gateway import files
    from gateway.cli import codec_at_hand

    catalogue = codec_at_hand.catalogue(args.config)
    using = codec_at_hand.devices_if_known(args.config)
    found = [_entry(catalogue, name, using, files.shipped()) for name in catalogue.names()]
    found = [entry for entry in found if entry["own"] or not args.own]
    tell(json.dumps({"codecs": found}) if args.json else "\n".join(_lines(found)))
    return 0


def _entry(
    catalogue: "Catalogue", name: str, using: dict[str, list[str]] | None, shipped: Path
) -> dict[str, Any]:
    """`devices` null: not known; `error`: its file is wrong."""
    from gateway.errors import ConfigError

    own = not catalogue.file(name).is_relative_to(shipped)
    entry: dict[str, Any] = {"name": name, "own": own, "devices": None}
    if using is not None:
        entry["devices"] = using.get(name, [])
    try:
        codec = catalogue.codec(name)
    except ConfigError as error:
        return {**entry, "error": str(error)}
    device = codec.device
    return {
        **entry,
        "engine": codec.engine,
        "vendor": device.vendor,
        "model": device.model if device.vendor else "",
        "ports": device.ports,
        "mapped": bool(device.measurement),
    }


def _lines(found: list[dict[str, Any]]) -> Iterator[str]:
    width = max((len(entry["name"]) for entry in found), default=0)
    engines = [_(word) for word in ENGINES.values()]
    column = max(map(len, engines))
    for entry in found:
        whose = _("own") if entry["own"] else ""
        wrong = entry.get("error")
        said = heard(wrong) if wrong else f"{entry['vendor']} {entry['model']}".strip()
        users = f"  ({', '.join(entry['devices'])})" if entry["devices"] else ""
        engine = _(ENGINES[entry["engine"]]) if "engine" in entry else _("broken")
        line = f"{entry['name']:{width}}  {engine:{column}}  {whose:5}  {said}{users}"
        yield one_line(line).rstrip()
    yield plural("{n} codec", "{n} codecs", len(found))
