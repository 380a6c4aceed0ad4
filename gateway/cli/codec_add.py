"""`kogge codec add`: a codec of the operator's own: checked, put in place, taken by the daemon."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli import say
from gateway.cli.heard import heard
from gateway.cli.language import _, plural
from gateway.cli.progress import Progress
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket
from gateway.cli.whole_or_not import point_of_no_return
from gateway.one_line import one_line

if TYPE_CHECKING:
    from gateway.codecs.catalogue import Codec
    from gateway.codecs.checked import Checked
    from gateway.codecs.own import Own, Places
    from gateway.codecs.vectors import Vector

ABOUT = "put FILE.js or FILE.toml among your own codecs; one that is there is replaced"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="FILE.js, or FILE.toml")
    parser.add_argument("--name", help="of FILE.js in devices.toml: vendor/model; else FILE")
    parser.add_argument(
        "--examples", type=Path, metavar="FILE.jsonl", help="vectors; else those beside the script"
    )
    arguments_for_the_socket(parser)


def run(args: argparse.Namespace) -> int:
    from gateway.cli import EX_FAILED, EX_USAGE, codec_at_hand, complain
    from gateway.codecs import checked

    wrong = _misuse(args)
    if wrong:
        return complain(wrong, EX_USAGE)
    own = codec_at_hand.own(args.config)
    codecs, places = _read(args, own)
    examples = _examples(args, places)
    with Progress(_("trying the codec")):
        found = asyncio.run(_checked(codecs[0], examples))
    if found.failures:
        _refuse(args, codecs[0], found)
        return EX_FAILED
    replaced = [codec.name for codec in codecs if own.has(codec.name)]
    source = codecs[0].script.source if codecs[0].script else ""
    device = args.file.read_text(encoding="utf-8") if places.device else ""
    with point_of_no_return() as reached:
        reached()
        own.put(places, source, checked.lines(codecs[0].name, examples), device)
        said, good = codec_at_hand.renew(args)
    shadows = [codec.name for codec in codecs if own.is_shipped(codec.name)]
    told = {
        "ok": good,
        "codecs": [codec.name for codec in codecs],
        "replaced": replaced,
        "instead_of_shipped": shadows,
        "files": [str(file) for file in places.all if file.exists()],
        "context": found.context,
        "passed": found.passed,
        "daemon": said,
    }
    tell(json.dumps(told) if args.json else "\n".join(_lines(told)))
    return 0 if good else EX_FAILED


def _misuse(args: argparse.Namespace) -> str | None:
    if args.file.suffix not in (".js", ".toml"):
        return _("{file} is neither FILE.js nor FILE.toml", file=args.file)
    if args.file.suffix == ".toml" and args.name:
        return _("--name is for FILE.js: in FILE.toml codecs = [...] says the name")
    return None


def _read(args: argparse.Namespace, own: "Own") -> tuple[list["Codec"], "Places"]:
    """The codecs in the file, and where they go. Raises ConfigError, Refused."""
    from gateway.codecs.own import LONGEST, Refused, checked_script

    if args.file.exists() and args.file.stat().st_size > LONGEST:
        raise Refused(f"{args.file} is larger than {LONGEST >> 20} MiB")
    if args.file.suffix == ".js":
        name = args.name or args.file.stem
        places = own.places_for_script(name)
        return own.catalogue.read(args.file, name), places
    codecs = own.catalogue.read(args.file)
    if codecs[0].device.script:
        checked_script(codecs[0].device.script)
    return codecs, own.places_for_device(codecs)


def _examples(args: argparse.Namespace, places: "Places") -> list["Vector"]:
    from gateway.codecs import vectors

    if args.examples:
        return vectors.read(args.examples)
    if places.script is None:
        return []
    name = args.file.name if args.file.suffix == ".js" else places.script.name
    beside: Path = args.file.with_name(name).with_suffix(".jsonl")
    return vectors.read(beside) if beside.exists() else []


async def _checked(codec: "Codec", examples: list["Vector"]) -> "Checked":
    from gateway.codecs.checked import check
    from gateway.codecs.desk import desk

    async with desk() as running:
        return await check(running, codec, examples)


def _refuse(args: argparse.Namespace, codec: "Codec", found: "Checked") -> None:
    for vector, differences in found.failures:
        tell(f"{codec.name}: {one_line(vector.id) or vector.payload.hex()}", sys.stderr)
        for difference in differences:
            tell(f"  {heard(str(difference))}", sys.stderr)
    say(
        plural(
            "{n} example comes out otherwise: {name} is not added",
            "{n} examples come out otherwise: {name} is not added",
            len(found.failures),
            name=codec.name,
        )
    )
    if args.json:
        print(json.dumps({"ok": False, "passed": found.passed, "failed": len(found.failures)}))


def _lines(told: dict[str, Any]) -> Iterator[str]:
    done = _("replaced") if told["replaced"] else _("added")
    context = _(", context {context}", context=told["context"]) if told["context"] else ""
    yield f"{done}: {', '.join(told['codecs'])}{context}"
    for name in told["instead_of_shipped"]:
        yield _(
            "{name}: yours counts now instead of Kogge's own, and so does your mapping", name=name
        )
    yield told["daemon"]
