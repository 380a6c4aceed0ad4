"""When the demo is good, and how it ends when something beside it fails."""

import asyncio
from dataclasses import replace

import pytest

from gateway.demo.judge import Verdict
from gateway.demo.show import Outcome, _beside
from gateway.errors import GatewayError

WELL = Verdict(sent=20, received=20, lost=0, duplicates=0, redelivered=3, late=4, collided=2)
GOOD = Outcome(WELL, joined=4, seconds=30.0)


def test_redelivered_late_and_collided_are_no_fault() -> None:
    assert GOOD.good


@pytest.mark.parametrize(
    "outcome",
    [
        replace(GOOD, verdict=replace(WELL, lost=1)),
        replace(GOOD, verdict=replace(WELL, duplicates=1)),
        replace(GOOD, verdict=replace(WELL, received=0)),
        replace(GOOD, joined=3),
    ],
)
def test_each_fault_makes_the_demo_fail(outcome: Outcome) -> None:
    assert not outcome.good


async def fail() -> None:
    raise GatewayError("the daemon ended")


async def test_failure_beside_ends_the_block_as_itself() -> None:
    with pytest.raises(GatewayError, match="the daemon ended"):
        async with _beside(asyncio.Event().wait()), _beside(fail()):  # type: ignore[arg-type]
            await asyncio.Event().wait()


async def test_what_runs_beside_ends_with_the_block() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with _beside(endless()):
        await asyncio.sleep(0)
    assert ended.is_set()
