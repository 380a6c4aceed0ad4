"""`make crash-trials N=1000`: several trials at a time, until there are N; 1 when one is not good.

`--only NUMBER` plays one trial of a seed again.
"""

import argparse
import asyncio
import logging
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from crash_trials.disk_faults import build
from crash_trials.place import Place, kept, place
from crash_trials.script import script
from crash_trials.trial import Finding, tried

COUNTED = ("safe", "received", "lost", "duplicates", "gaps_unreported")
ALSO = ("runs", "uplinks", "answered", "joined", "gaps")
MEMORY = Path("/dev/shm")

Work: TypeAlias = Callable[[Place], Awaitable[None]]


@contextmanager
def scratch() -> Iterator[Path]:
    """In memory where there is some: whoever is killed has lost nothing that it had written."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made).resolve()


async def main(numbers: list[int], seed: int, workers: int, mutation: str) -> int:
    print(f"seed {seed}")
    total, bad, waiting = Counter[str](), 0, iter(numbers)

    async def work(where: Place) -> None:
        nonlocal bad
        for number in waiting:
            try:
                finding = await tried(script(seed, number), where, mutation)
            except TimeoutError as error:
                raise TimeoutError(f"trial {number} of seed {seed} does not end") from error
            total.update({name: getattr(finding, name) for name in (*COUNTED, *ALSO)})
            total["trials"] += 1
            if not finding.is_good:
                bad += 1
                tell(seed, number, finding, where)

    with scratch() as directory:
        library = build(directory)
        async with asyncio.TaskGroup() as tasks:
            for worker in range(min(workers, len(numbers))):
                tasks.create_task(_placed(directory / str(worker), library, work))
    print(*(f"{name} {total[name]}" for name in ALSO))
    print(*(f"{name} {total[name]}" for name in ("trials", *COUNTED)), "seed", seed)
    return 1 if bad else 0


async def _placed(directory: Path, library: Path, work: Work) -> None:
    async with place(directory, library) as where:
        await work(where)


def tell(seed: int, number: int, finding: Finding, where: Place) -> None:
    left = kept(where, lambda: Path(tempfile.mkdtemp(prefix="kogge-crash-")) / str(number))
    print(f"trial {number} of seed {seed} is in {left}: {script(seed, number)}")
    print(*(f"  {each}" for each in finding.wrong), f"  {finding}", sep="\n", flush=True)


if __name__ == "__main__":
    logging.disable()  # the subscriber's, of a broker that was killed
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whom we have started ends with us
    parser = argparse.ArgumentParser(prog="make crash-trials")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--only", type=int)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--mutation", default="")
    options = parser.parse_args()
    wanted = list(range(options.trials)) if options.only is None else [options.only]
    sys.exit(asyncio.run(main(wanted, options.seed, options.workers, options.mutation)))
