"""`python -m tests.bench`: every figure of this project beside its limit and its goal.

Ends with 1 when a goal is missed. A bench is a function without arguments that returns its Row.
On a machine that does other work too, believe the ratios, and the median of several runs.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator

from . import (
    answers,
    card,
    codecs,
    decode,
    end_to_end,
    lorawan,
    outage,
    simulation,
    store,
    watch,
    wire,
)
from .row import Row

BENCHES: tuple[Callable[[], Row], ...] = (
    *decode.BENCHES,
    *codecs.BENCHES,
    *lorawan.BENCHES,
    *answers.BENCHES,
    *simulation.BENCHES,
    *store.BENCHES,
    *wire.BENCHES,
    *watch.BENCHES,
)
VERDICTS = {True: "met", False: "MISSED", None: "not measured"}
WIDTHS = (31, 22, 21, 22, 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--seconds", type=int, default=20, help="of the load end to end; the whole goal is 60"
    )
    seconds = max(parser.parse_args().seconds, end_to_end.FEWEST_SECONDS)
    missed = 0
    _print("what", "measured", "limit", "goal", f"load {os.getloadavg()[0]:.1f}")
    for row in _rows(seconds):
        missed += row.met is False
        _print(row.what, row.measured, row.limit, row.goal, VERDICTS[row.met])
    return 1 if missed else 0


def _rows(seconds: int) -> Iterator[Row]:
    for bench in BENCHES:
        yield bench()
    yield from outage.rows()
    yield from card.rows()
    yield from end_to_end.rows(seconds)


def _print(what: str, *columns: str) -> None:
    cells = zip(columns, WIDTHS[1:], strict=True)
    print(f"{what:{WIDTHS[0]}}", *(f"{cell:>{width}}" for cell, width in cells), flush=True)


sys.exit(main())
