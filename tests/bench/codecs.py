"""Nanoseconds that a native codec takes for a payload; with its mapping, for orientation.

One payload a family at least, the longest forms among them. And microseconds that a JavaScript one
takes through its sandbox, against what others do: a fresh runtime for each payload.
"""

import asyncio
import statistics
import timeit
from collections.abc import Callable
from functools import partial
from time import perf_counter

from gateway.codecs.catalogue import Catalogue
from gateway.codecs.javascript import JavaScript, Script
from gateway.codecs.worker import Worker
from gateway.files import shipped

from .row import Row

GOAL_NS = 2000
PAYLOADS = {
    "bosch/tps110-0292": (2, "01ff"),
    "nwave/nps405": (2, "00d3d800590b"),
    "dingtek/df702": (3, "800001011107d000190000000000000081"),
    "elsys/elsys": (5, "0100c6022a070e0a14000f5ca8"),
    "decentlab/dl-pr26": (1, "02016700033e8060170c7f"),
    "decentlab/dl-pm": (1, "021b50000f0c25002500270027002701f50107012c012d012d012d67bd618dbd10"),
    "cayennelpp": (1, "03670110056700ff"),
    "milesight-iot/em400-tld": (85, "01755c0367010104824408050001"),
    "milesight-iot/am308": (85, "077de704087d070009733f270b7d20000c7d3000"),
    "milesight-iot/vs121": (85, "04c903030002"),
    "netvox/r718pa": (6, "0157017709080019010000"),
    "netvox/r311w": (6, "01060124010000000000"),
    "dragino/ldds75": (2, "0d0a07e900000001"),
    "dragino/lht65n": (2, "cbc6008200f2017fff7fff"),
    "dragino/lht65n (two stored)": (2, "42e482fe887b4234b529e05ffbc8ca0bef7c3cc3610c"),
    "decentlab/dl-tp": (
        1,
        "023e3e00038abc8a928aa08a848ab38ac88ac38aad8ab78a928a2a" + "00" * 10 + "0afc",
    ),
    "browan/tbdw100": (100, "010b363c00070000"),
    "dingtek/do201": (3, "800002011704d20000016f0079ffb0fff5190000000081"),
    "dingtek/dc410": (3, "800001021106a400160100000000010081"),
    "nwave/ncc405": (2, "a86661"),
}


def time_of_a_payload(name: str) -> Row:
    """The codec alone counts; the mapping to the vocabulary is Python's and no goal of its own."""
    f_port, text = PAYLOADS[name]
    codec, payload = Catalogue.load(shipped()).codec(name.split()[0]), bytes.fromhex(text)
    alone = _nanoseconds(lambda: codec.output(f_port, payload))
    mapped = _nanoseconds(lambda: codec.decode(f_port, payload))
    return Row(
        f"codec {name}",
        f"{alone:.0f} ns",
        f"{mapped:.0f} ns mapped",
        f"<= {GOAL_NS} ns",
        alone <= GOAL_NS,
    )


JAVASCRIPT_GOAL_US, JAVASCRIPT_GOAL_TIMES = 80, 5
# a decoder of 19 KB: as large as the median of the codecs that ChirpStack publishes
TYPES = 83
JAVASCRIPT = (
    "function signed(high, low) { return (high << 24 >> 16) | low; }\n"
    + "".join(
        f"function channel{n}(bytes, at, data) {{\n"
        "  var value = signed(bytes[at + 1], bytes[at]) / 10;\n"
        f"  if (value > 1000) {{ throw new Error('channel {n} is out of range'); }}\n"
        f"  data['temperature_{n}'] = value;\n"
        "  return at + 2;\n"
        "}\n"
        for n in range(TYPES)
    )
    + "var CHANNELS = ["
    + ", ".join(f"channel{n}" for n in range(TYPES))
    + "];\n"
    "function decodeUplink(input) {\n"
    "  var data = {}, at = 0;\n"
    "  while (at < input.bytes.length) at = CHANNELS[input.bytes[at]](input.bytes, at + 1, data);\n"
    "  return {data: data, warnings: [], errors: []};\n"
    "}\n"
)
MESSAGE = bytes((0, 1, 1, 1, 2, 1, 2, 3, 1, 3, 4, 1))  # four channels


def time_of_javascript() -> Row:
    """Of one after the other, awaited as the daemon does; the fresh runtime is in this process."""
    through, fresh = asyncio.run(_through_the_sandbox()), _in_a_fresh_runtime()
    return Row(
        "codec in JavaScript",
        f"{through:.0f} us p50",
        f"{fresh:.0f} us fresh",
        f"<= {JAVASCRIPT_GOAL_US} us, >= {JAVASCRIPT_GOAL_TIMES}x",
        through <= JAVASCRIPT_GOAL_US and fresh >= JAVASCRIPT_GOAL_TIMES * through,
    )


async def _through_the_sandbox(calls: int = 3000) -> float:
    javascript, script = JavaScript(Worker(lambda: 0.5)), Script(JAVASCRIPT)
    took = []
    for _ in range(calls):
        began = perf_counter()
        output = await javascript.decode_uplink(script, 2, MESSAGE, 1.5)
        took.append((perf_counter() - began) * 1e6)
    assert len(output["data"]) == 4
    await javascript.close()
    return statistics.median(took)


def _in_a_fresh_runtime(calls: int = 200) -> float:
    import _quickjs

    took = []
    call = f"JSON.stringify(decodeUplink({{bytes: {list(MESSAGE)}, fPort: 2}}))"
    for _ in range(calls):
        began = perf_counter()
        context = _quickjs.Context()
        context.eval(JAVASCRIPT)
        context.eval(call)
        took.append((perf_counter() - began) * 1e6)
    return statistics.median(took)


BENCHES: tuple[Callable[[], Row], ...] = (
    *(partial(time_of_a_payload, name) for name in PAYLOADS),
    time_of_javascript,
)


def _nanoseconds(call: Callable[[], object], rounds: int = 40, calls: int = 500) -> float:
    """The best of some rounds: the machine's noise only ever adds."""
    return min(timeit.repeat(call, number=calls, repeat=rounds)) / calls * 1e9
