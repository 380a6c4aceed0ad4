"""Nanoseconds that a native codec takes for a payload; with its mapping, for orientation."""

import timeit
from collections.abc import Callable
from functools import partial

from gateway.codecs.catalogue import Catalogue
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
}


def time_of_a_payload(name: str) -> Row:
    """The codec alone counts; the mapping to the vocabulary is Python's and no goal of its own."""
    f_port, text = PAYLOADS[name]
    codec, payload = Catalogue.load(shipped()).codec(name), bytes.fromhex(text)
    alone = _nanoseconds(lambda: codec.output(f_port, payload))
    mapped = _nanoseconds(lambda: codec.decode(f_port, payload))
    return Row(
        f"codec {name}",
        f"{alone:.0f} ns",
        f"{mapped:.0f} ns mapped",
        f"<= {GOAL_NS} ns",
        alone <= GOAL_NS,
    )


BENCHES: tuple[Callable[[], Row], ...] = tuple(
    partial(time_of_a_payload, name) for name in PAYLOADS
)


def _nanoseconds(call: Callable[[], object], rounds: int = 40, calls: int = 500) -> float:
    """The best of some rounds: the machine's noise only ever adds."""
    return min(timeit.repeat(call, number=calls, repeat=rounds)) / calls * 1e9
