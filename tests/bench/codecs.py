"""Nanoseconds that a native codec takes for a payload; with its mapping, for orientation.

One payload a family at least, the longest forms among them.
"""

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


BENCHES: tuple[Callable[[], Row], ...] = tuple(
    partial(time_of_a_payload, name) for name in PAYLOADS
)


def _nanoseconds(call: Callable[[], object], rounds: int = 40, calls: int = 500) -> float:
    """The best of some rounds: the machine's noise only ever adds."""
    return min(timeit.repeat(call, number=calls, repeat=rounds)) / calls * 1e9
