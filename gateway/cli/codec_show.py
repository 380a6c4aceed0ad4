"""`kogge codec show NAME`: all that is known of one codec."""

import argparse
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.codec import ENGINES
from gateway.cli.heard import heard
from gateway.cli.language import _, number, span
from gateway.cli.progress import Progress
from gateway.cli.quantities import shown
from gateway.cli.screen import tell
from gateway.cli.status import argument_for_the_config
from gateway.one_line import one_line
from gateway.units import FOR_PEOPLE

if TYPE_CHECKING:
    from gateway.codecs.catalogue import Codec
    from gateway.codecs.javascript import Script
    from gateway.codecs.vocabulary import Vocabulary

ABOUT = "all that is known of one codec: device, mapping, units, source"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="as in devices.toml, or FILE.js, FILE.toml")
    argument_for_the_config(parser)


def run(args: argparse.Namespace) -> int:
    from gateway.cli import codec_at_hand

    catalogue = codec_at_hand.catalogue(args.config)
    codec = codec_at_hand.codec(args.name, args.config)
    using = codec_at_hand.devices_if_known(args.config)
    known = codec.name in catalogue.names()
    file = Path(args.name) if codec_at_hand.is_file(args.name) else catalogue.file(codec.name)
    told = {
        "name": codec.name,
        "engine": codec.engine,
        "file": str(file),
        **_device(codec),
        "mapping": _mapping(codec, catalogue.vocabulary),
        "devices": using.get(codec.name, []) if using is not None and known else None,
        "script": _script(codec.script) if codec.script else None,
    }
    tell(json.dumps(told) if args.json else "\n".join(_lines(told)))
    return 0


def _device(codec: "Codec") -> dict[str, Any]:
    """Empty where nobody has said what the device is."""
    device = codec.device
    if not device.vendor:
        return {}
    return {
        "vendor": device.vendor,
        "model": device.model,
        "lorawan": device.lorawan,
        "class": device.class_,
        "ports": device.ports,
        "interval_s": device.interval_s,
        "blind_zone": device.blind_zone,
    }


def _mapping(codec: "Codec", words: "Vocabulary") -> list[dict[str, Any]]:
    from gateway.codecs.vocabulary import look_up

    found = []
    for row in codec.device.measurement:
        entry = look_up(words, row.name)
        unit = entry.unit if entry else ""
        fields = [row.field] if isinstance(row.field, str) else row.field
        made = {"scale": row.scale, "offset": row.offset}
        found.append({"name": row.name, "unit": unit, "fields": fields, **made})
    return found


def _script(script: "Script") -> dict[str, Any]:
    from hashlib import sha256

    source = script.source.encode()
    return {
        "bytes": len(source),
        "sha256": sha256(source).hexdigest(),
        "examples": len(script.examples),
        "context": _tried(script),
    }


def _tried(script: "Script") -> str:
    with Progress(_("trying the codec")):
        return asyncio.run(_context(script))


async def _context(script: "Script") -> str:
    """ "warm", "fresh", or why it does not run."""
    from gateway.codecs.desk import desk
    from gateway.codecs.javascript import Unusable

    async with desk() as running:
        try:
            return await running.tried(script)
        except Unusable as unusable:
            return str(unusable)


def _lines(told: dict[str, Any]) -> Iterator[str]:
    yield f"{told['name']} ({_(ENGINES[told['engine']])}, {told['file']})"
    yield from (_row(name, value) for name, value in _facts(told) if value not in (None, []))
    if told["devices"] is not None:
        yield _row(_("used by"), ", ".join(told["devices"]) or _("no device"))
    if not told["mapping"]:
        yield "  " + _("no mapping: its fields are the measurements, under their own names")
    for row in told["mapping"]:
        unit = FOR_PEOPLE.get(row["unit"], row["unit"]) or "-"
        yield f"  {row['name']:24}{unit:8}{_made_of(row)}"


def _facts(told: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Of the device and of the script, as far as they are known."""
    script = told["script"] or {}
    yield _("vendor"), told.get("vendor")
    yield _("model"), told.get("model")
    yield "LoRaWAN", told.get("lorawan")
    yield _("class"), told.get("class")
    yield _("FPorts"), told.get("ports")
    yield _("every"), span(told["interval_s"]) if told.get("interval_s") else None
    yield _("blind zone"), f"{shown(told['blind_zone'])} m" if told.get("blind_zone") else None
    yield _("bytes"), number(script["bytes"]) if script else None
    yield "SHA-256", script.get("sha256")
    yield _("examples"), script.get("examples")
    yield _("context"), heard(script["context"]) if script else None


def _row(name: str, value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"  {name:12} {one_line(text)}"


def _made_of(row: dict[str, Any]) -> str:
    text = _(" or ").join(row["fields"])
    if row["scale"] != 1:
        text += f" × {shown(row['scale'])}"
    return f"{text} + {shown(row['offset'])}" if row["offset"] else text
