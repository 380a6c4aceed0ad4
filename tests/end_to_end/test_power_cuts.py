"""D1 when the power goes: un-synced writes vanish, whole or in parts, at every sync of a life.

What the disk may forget stands in power_cut/disk.py, what is promised in power_cut/judge.py.
`make power-cuts` does more of the same.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeAlias

import pytest
from power_cut.judge import Promises
from power_cut.mutations import MUTATIONS
from power_cut.trials import Outcome, begin_old, build_recorder, cuts, record_life

Begin: TypeAlias = Callable[[Path], Promises]

SEED = 1
TOLD = 0.1  # of the moments at which something was just promised, so many are cut


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_recorder(tmp_path_factory.mktemp("recorder"))


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    disk = tmp_path / "disk"
    disk.mkdir()
    return disk


@pytest.mark.parametrize("begin", [lambda _: Promises(), begin_old], ids=["new", "migrated"])
async def test_what_was_promised_holds_at_every_sync(
    recorder: Path, disk: Path, begin: Begin
) -> None:
    promised = begin(disk)
    recording = record_life(recorder, disk)
    outcome, chance = Outcome(), Random(SEED)
    for cut in cuts(recording, promised):
        if cut.at == "sync" or (cut.at == "told" and chance.random() < TOLD):
            await outcome.judge(cut, cut.disk.image(chance), disk.parent / "ruin")
    assert outcome.wrong == []
    assert outcome.trials > 100
    assert outcome.safe > 0


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_store_that_breaks_a_promise_is_found_out(
    recorder: Path, disk: Path, mutation: str
) -> None:
    promised = begin_old(disk)
    recording = record_life(recorder, disk, mutation=mutation)
    outcome, chance = Outcome(), Random(SEED)
    for cut in cuts(recording, promised):
        if cut.at != "write" and not outcome.wrong:
            await outcome.judge(cut, cut.disk.image(chance), disk.parent / "ruin")
    assert outcome.wrong
