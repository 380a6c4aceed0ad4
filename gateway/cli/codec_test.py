"""`kogge codec test`: a codec's own output against vectors, before anything is made of it."""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.heard import heard
from gateway.cli.language import _, mark, number
from gateway.cli.progress import Progress
from gateway.cli.screen import tell
from gateway.cli.status import argument_for_the_config
from gateway.errors import GatewayError
from gateway.one_line import one_line

if TYPE_CHECKING:
    from gateway.codecs.catalogue import Catalogue, Codec
    from gateway.codecs.desk import Desk
    from gateway.codecs.javascript import Script
    from gateway.codecs.vectors import Difference, Vector

ABOUT = "what codecs say of payloads, against vectors: passed, failed, skipped"
NOTHING: Final = mark("(nothing is expected)")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE|NAME", help="*.jsonl of vectors; a codec's own examples"
    )
    parser.add_argument("--codec", metavar="FILE.js|NAME", help="for all of them")
    argument_for_the_config(parser)


def run(args: argparse.Namespace) -> int:
    from gateway.cli import EX_FAILED

    result = Result()
    found = list(_by_codec(args, result))
    with Progress(_("testing")) as progress:
        asyncio.run(_compare(found, result, args.json, progress))
    if args.json:
        print(json.dumps(result.told()))
    else:
        counts = f"passed {result.passed} failed {len(result.failures)}"
        print(f"{counts} skipped {result.skipped.total()}")
    return 0 if result.passed and not result.failures else EX_FAILED


@dataclass
class Result:
    """`skipped` by codec: there is none of that name."""

    passed: int = 0
    failures: list[tuple[str, "Vector", list["Difference"]]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def told(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "failed": len(self.failures),
            "skipped": self.skipped.total(),
            "failures": [
                {"id": v.id, "codec": name, "differences": [one.told() for one in found]}
                for name, v, found in self.failures
            ],
            "without_codec": dict(self.skipped),
        }


async def _compare(
    found: list[tuple["Codec", list["Vector"]]], result: Result, quiet: bool, progress: Progress
) -> None:
    """Print each difference unless `quiet`, and which codecs there are not."""
    from gateway.codecs.desk import desk

    passed, of = 0, sum(len(vectors) for _codec, vectors in found)
    async with desk() as running:
        for codec, vectors in found:
            await _run_all(running, codec, vectors, result, None if quiet else progress)
            passed += len(vectors)
            progress.at(passed, of)
    if not quiet:
        for name, count in result.skipped.items():
            what = _(name) if name == NOTHING else _("no codec {name}", name=one_line(name))
            tell(_("skipped {n}: {what}", n=number(count), what=what))


def _by_codec(args: argparse.Namespace, result: Result) -> Iterator[tuple["Codec", list["Vector"]]]:
    """Each codec with its vectors, in the order of the files."""
    from gateway.cli import codec_at_hand
    from gateway.codecs import vectors

    given = codec_at_hand.codec(args.codec, args.config) if args.codec else None
    catalogue = codec_at_hand.catalogue(args.config)
    known = set(catalogue.names())
    found: dict[str, list[Vector]] = {}
    files = [_vectors(name, catalogue) for name in args.files]
    for vector in (one for file in files for one in vectors.read(file)):
        if vector.expected is None:
            result.skipped[NOTHING] += 1
        elif given is not None:
            found.setdefault(given.name, []).append(vector)
        elif vector.name in known:
            found.setdefault(vector.name, []).append(vector)
        else:
            result.skipped[vector.name] += 1
    for name, several in found.items():
        yield given or catalogue.codec(name), several


def _vectors(name: str, catalogue: "Catalogue") -> Path:
    """The file of that name, or that beside the codec's script. Raises GatewayError."""
    from gateway.cli.codec_at_hand import is_file

    if is_file(name):
        raise _without_examples(name)
    if Path(name).exists() or name.endswith(".jsonl"):
        return Path(name)
    if name not in catalogue.names():
        known = catalogue.near(name)
        raise GatewayError(f"there is no file {name}, and no codec of that name; {known}")
    examples = catalogue.examples(name)
    if examples is None:
        raise _without_examples(name)
    return examples


def _without_examples(codec: str) -> GatewayError:
    return GatewayError(
        f"{codec} is a codec, and has no examples of its own: give a file of vectors"
        f" (kogge codec test FILE.jsonl --codec {codec}; docs/codecs.md)"
    )


async def _run_all(
    running: "Desk",
    codec: "Codec",
    found: list["Vector"],
    result: Result,
    progress: Progress | None,
) -> None:
    """Each difference is printed beside the progress, if there is one."""
    from gateway.codecs.vectors import differences

    script = await _script(running, codec, found)
    for one in found:
        what = (one.f_port, one.payload)
        output = await running.uplink(script, *what, one.at) if script else codec.output(*what)
        differing = differences(one, output)
        if not differing:
            result.passed += 1
            continue
        result.failures.append((codec.name, one, differing))
        if progress is not None:
            with progress.aside():
                _tell(codec, one, differing, output)


async def _script(running: "Desk", codec: "Codec", found: list["Vector"]) -> "Script | None":
    """A script without examples of its own has the vectors, so that one that remembers is seen;
    unless it breaks a limit at them.
    """
    from gateway.codecs.checked import showing
    from gateway.codecs.javascript import Unusable

    if codec.script is None or codec.script.examples:
        return codec.script
    script = showing(codec.script, found)
    try:
        await running.tried(script)
    except Unusable:
        return codec.script
    return script


def _tell(
    codec: "Codec", vector: "Vector", found: list["Difference"], output: dict[str, Any]
) -> None:
    what = one_line(vector.id or vector.description or _("vector"))
    payload = vector.payload.hex() or _("no payload")
    tell(f"{codec.name}: {what} (FPort {vector.f_port}, {payload})")
    for difference in found:
        tell(f"  {heard(str(difference))}")
    for error in output.get("errors") or []:
        tell("  " + _("the codec says: {error}", error=error))
