"""`kogge codec bench`: how long codecs take for a payload, on this machine.

JavaScript is timed with its way to the worker process and back. Without NAME: a native codec and
one in JavaScript for the same payload, and each of the operator's own that has examples.
"""

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.codec import ENGINES
from gateway.cli.language import _, mark, number
from gateway.cli.progress import Progress
from gateway.cli.status import argument_for_the_config

if TYPE_CHECKING:
    from gateway.codecs.catalogue import Catalogue, Codec
    from gateway.codecs.desk import Desk

ABOUT = "how long codecs take, on this machine"
CALLS: Final = 500
PAYLOAD: Final = bytes.fromhex("03670110056700ff")
NATIVE: Final = "cayennelpp"
SAME: Final = mark("the same in JavaScript")
JAVASCRIPT: Final = """
function decodeUplink(input) {
  var data = {};
  for (var i = 0; i + 3 < input.bytes.length; i += 4) {
    var value = input.bytes[i + 2] << 8 | input.bytes[i + 3];
    data['temperature_' + input.bytes[i]] = (value << 16 >> 16) / 10;
  }
  return {data: data};
}
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="of codecs, or FILE.js")
    parser.add_argument("--vectors", type=Path, metavar="FILE", help="whose payloads are decoded")
    argument_for_the_config(parser)


def run(args: argparse.Namespace) -> int:
    with Progress(_("measuring")):
        found = asyncio.run(_measure(list(_wanted(args))))
    if args.json:
        print(json.dumps({"codecs": found}))
        return 0
    unit = _("µs a payload, of {calls}", calls=CALLS)
    print(f"{_('codec'):26}{_('engine'):12}{'p50':>8}{'p95':>8}  {unit}")
    for one in found:
        p50, p95 = number(one["p50_us"], 2), number(one["p95_us"], 2)
        print(f"{_(one['name']):26}{_(ENGINES[one['engine']]):12}{p50:>8}{p95:>8}")
    return 0


async def _measure(wanted: list[tuple["Codec", int, bytes]]) -> list[dict[str, Any]]:
    from gateway.codecs.desk import desk

    async with desk() as running:
        return [await _time(running, codec, f_port, payload) for codec, f_port, payload in wanted]


def _wanted(args: argparse.Namespace) -> Iterator[tuple["Codec", int, bytes]]:
    """Codec, FPort, payload. Raises GatewayError where there is no payload."""
    from gateway.cli import codec_at_hand

    catalogue = codec_at_hand.catalogue(args.config)
    payloads = _payloads(args.vectors)
    if args.names:
        for name in args.names:
            codec = codec_at_hand.codec(name, args.config)
            yield codec, *_payload(codec, payloads)
    elif payloads:
        for name in sorted(payloads.keys() & set(catalogue.names())):
            yield catalogue.codec(name), *payloads[name]
    else:
        yield from _usual(catalogue)


def _usual(catalogue: "Catalogue") -> Iterator[tuple["Codec", int, bytes]]:
    from gateway import files
    from gateway.codecs.javascript import Script

    yield catalogue.codec(NATIVE), 1, PAYLOAD
    yield catalogue.plain(SAME, Script(JAVASCRIPT)), 1, PAYLOAD
    for name in catalogue.names():
        if catalogue.file(name).is_relative_to(files.shipped()):
            continue
        codec = catalogue.codec(name)
        if codec.script is not None and codec.script.examples:
            yield codec, *_payload(codec, {})


def _payload(codec: "Codec", payloads: dict[str, tuple[int, bytes]]) -> tuple[int, bytes]:
    from gateway.errors import GatewayError

    if codec.name in payloads:
        return payloads[codec.name]
    if codec.script is not None and codec.script.examples:
        return codec.script.examples[0][:2]
    if codec.name == NATIVE:
        return 1, PAYLOAD
    raise GatewayError(f"there is no payload for {codec.name}: give some with --vectors FILE")


def _payloads(file: Path | None) -> dict[str, tuple[int, bytes]]:
    """The first of each codec."""
    from gateway.codecs import vectors

    found: dict[str, tuple[int, bytes]] = {}
    for vector in vectors.read(file) if file else []:
        found.setdefault(vector.name, (vector.f_port, vector.payload))
    return found


async def _time(running: "Desk", codec: "Codec", f_port: int, payload: bytes) -> dict[str, Any]:
    await running.output(codec, f_port, payload)  # a script is loaded now
    if codec.script is None:
        times = sorted(_timed(lambda: codec.output(f_port, payload)))
    else:
        times = sorted([await _waited(running, codec, f_port, payload) for _ in range(CALLS)])
    p50, p95 = times[CALLS // 2], times[CALLS * 95 // 100]
    return {"name": codec.name, "engine": codec.engine, "p50_us": p50 / 1000, "p95_us": p95 / 1000}


def _timed(call: Callable[[], object]) -> Iterator[int]:
    """Nanoseconds."""
    for _call in range(CALLS):
        begin = perf_counter_ns()
        call()
        yield perf_counter_ns() - begin


async def _waited(running: "Desk", codec: "Codec", f_port: int, payload: bytes) -> int:
    begin = perf_counter_ns()
    await running.output(codec, f_port, payload)
    return perf_counter_ns() - begin
