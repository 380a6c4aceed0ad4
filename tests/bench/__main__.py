"""`python -m tests.bench`: every figure of this project beside its limit and its goal.

Ends with 1 when a goal is missed. A bench is a function without arguments that returns its Row.
"""

import sys
from collections.abc import Callable

from . import decode
from .row import Row

BENCHES: tuple[Callable[[], Row], ...] = (
    decode.time_of_a_frame,
    decode.instructions_of_a_frame,
)
VERDICTS = {True: "met", False: "MISSED", None: "not measured"}


def main() -> int:
    missed = 0
    print(f"{'what':34} {'measured':>20} {'limit':>20} {'goal':>22}")
    for bench in BENCHES:
        row = bench()
        missed += row.met is False
        print(
            f"{row.what:34} {row.measured:>20} {row.limit:>20} {row.goal:>22}  {VERDICTS[row.met]}",
            flush=True,
        )
    return 1 if missed else 0


sys.exit(main())
