"""D1 when the power goes: un-synced writes vanish, whole or in parts, at every sync of a life.

What the disk may forget stands in power_cut/disk.py, what is promised in power_cut/judge.py.
`make power-cuts` does more of the same.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from power_cut.judge import Promises
from power_cut.mutations import MUTATIONS
from power_cut.trials import (
    Outcome,
    Recording,
    begin_old,
    build_recorder,
    cuts,
    record_life,
    scratch,
)

Begin: TypeAlias = Callable[[Path], Promises]

SEED = 1
TOLD = 0.1  # of the moments at which something was just promised, so many are cut


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_recorder(tmp_path_factory.mktemp("recorder"))


@pytest.fixture
def disk() -> Iterator[Path]:
    with scratch() as directory:
        disk = directory / "disk"
        disk.mkdir()
        yield disk


async def tried(recording: Recording, promised: Promises, directory: Path) -> Outcome:
    """Until something is wrong."""
    outcome, chance = Outcome(), Random(SEED)
    for cut in cuts(recording, promised):
        if cut.at == "sync" or (cut.at == "told" and chance.random() < TOLD):
            await outcome.judge(cut, cut.disk.image(chance), directory)
            if outcome.wrong:
                break
    return outcome


@pytest.mark.parametrize("begin", [lambda _: Promises(), begin_old], ids=["new", "migrated"])
async def test_what_was_promised_holds_at_every_sync(
    recorder: Path, disk: Path, begin: Begin
) -> None:
    promised = begin(disk)
    outcome = await tried(record_life(recorder, disk), promised, disk.with_name("ruin"))
    assert outcome.wrong == []
    assert outcome.trials > 100
    assert outcome.safe > 0


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_store_that_breaks_a_promise_is_found_out(
    recorder: Path, disk: Path, mutation: str
) -> None:
    promised = begin_old(disk)
    recording = record_life(recorder, disk, mutation=mutation)
    outcome = await tried(recording, promised, disk.with_name("ruin"))
    assert outcome.wrong
