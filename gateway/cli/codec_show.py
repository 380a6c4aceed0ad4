"""`kogge codec show NAME`: all that is known of one codec."""

import argparse
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.codec import argument_for_the_config
from gateway.one_line import one_line

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
    print(json.dumps(told) if args.json else "\n".join(_lines(told)))
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
        "context": asyncio.run(_context(script)),
    }


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
    yield f"{told['name']} ({told['engine']}, {told['file']})"
    for key in ("vendor", "model", "lorawan", "class", "ports", "interval_s", "blind_zone"):
        if told.get(key) not in (None, []):
            value = told[key]
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"  {key:11}{one_line(text)}"
    if told["script"]:
        for key, value in told["script"].items():
            yield f"  {key:11}{value}"
    if told["devices"] is not None:
        yield f"  used by    {', '.join(told['devices']) or 'no device'}"
    if not told["mapping"]:
        yield "  no mapping: its fields are the measurements, under their own names"
    for row in told["mapping"]:
        yield f"  {row['name']:24}{row['unit'] or '-':8}{_made_of(row)}"


def _made_of(row: dict[str, Any]) -> str:
    text = " or ".join(row["fields"])
    if row["scale"] != 1:
        text += f" × {row['scale']:g}"
    return f"{text} + {row['offset']:g}" if row["offset"] else text
