"""`make power-cuts N=1000`: the power is cut in recorded lives of a store until there are N trials.

Each chain of lives begins with an empty directory or with an older Kogge's database, and goes on
from what one of its power cuts has left. In each life every sync is cut, before and after, as is
every promise, and some of the writes between; what a cut leaves is the seed's. Ends with 1 when
anything was lost or is wrong.
"""

import argparse
import asyncio
import random
import sys
from copy import deepcopy
from pathlib import Path

from power_cut.judge import Promises
from power_cut.trials import Outcome, begin_old, build_recorder, cuts, put, record_life, scratch

LIVES = 3
WRITES = 0.02  # of the writes, so many are cut


def main(trials: int, seed: int) -> int:
    print(f"seed {seed}")
    outcome, chance = Outcome(), random.Random(seed)
    with scratch() as directory:
        recorder = build_recorder(directory)
        while outcome.trials < trials and not outcome.wrong:
            asyncio.run(chain(recorder, directory, chance, outcome))
            print(outcome, flush=True)
    print(*outcome.wrong, sep="\n", end="\n" if outcome.wrong else "")
    print(f"{outcome} seed {seed}")
    return 1 if outcome.wrong else 0


async def chain(recorder: Path, directory: Path, chance: random.Random, outcome: Outcome) -> None:
    disk = directory / "disk"
    put(disk, {})
    promised = begin_old(disk) if chance.random() < 0.5 else Promises()
    for generation in range(1, LIVES + 1):
        recording = record_life(recorder, disk, generation)
        seen = 0
        for cut in cuts(recording, deepcopy(promised)):
            if cut.at == "write" and chance.random() > WRITES:
                continue
            image = cut.disk.image(chance)
            await outcome.judge(cut, image, directory / "ruin")
            seen += 1
            if chance.random() < 1 / seen:  # each is as likely to be the one that lives on
                survivor = image, deepcopy(cut.promised)
        image, promised = survivor
        put(disk, image)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make power-cuts")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    sys.exit(main(options.trials, options.seed))
