"""The ledger across restarts: aged by a wall clock that can be trusted, else not at all."""

import pytest
from store_tools import World

from gateway.air.duty_cycle import DutyCycle
from gateway.clock import Quality
from gateway.lorawan.duty_cycle import HOUR, Spent
from gateway.lorawan.regions import REGIONS
from gateway.lorawan.regions.europe import EU868
from gateway.records import Moment

FREQUENCY, LOW, SECOND = 868_300_000, 868_000_000, 1_000_000
WALL = 1_790_000_000.0


class Run:
    """One run of the gateway; its boot's monotonic time begins anew."""

    def __init__(self, wall: float | None, known: tuple[Spent, ...] = ()) -> None:
        self.wall, self.monotonic = wall, 50.0
        self.kept: list[Spent] = []
        self.duty_cycle = DutyCycle(EU868.sub_bands, known, self.keep, self.now)

    def now(self) -> Moment:
        quality: Quality = "unsynchronised" if self.wall is None else "ntp"
        return Moment(self.wall, quality, "boot", self.monotonic)

    async def keep(self, spent: Spent) -> None:
        self.kept.append(spent)

    def left(self) -> float:
        return self.duty_cycle.seconds_left()["868-868.6"]


async def run_before(wall: float | None) -> tuple[Spent, ...]:
    run = Run(wall)
    await run.duty_cycle.claim(FREQUENCY, 20 * SECOND, SECOND)
    return tuple(run.kept)


async def test_each_claim_keeps_the_sum_of_its_sub_band() -> None:
    run = Run(WALL)
    for _ in range(2):
        await run.duty_cycle.claim(FREQUENCY, 2 * SECOND, SECOND)
        run.monotonic, run.wall = run.monotonic + 10, WALL + 10
    assert run.kept == [
        Spent(LOW, 2 * SECOND, WALL + 3),
        Spent(LOW, 4 * SECOND, WALL + 13),
    ]


async def test_time_that_passed_between_two_runs_counts_when_both_know_it() -> None:
    known = await run_before(WALL)
    assert Run(WALL + 600, known).left() == 16.0
    assert Run(WALL + 21 + HOUR, known).left() == 36.0


@pytest.mark.parametrize(("before", "after"), [(None, WALL), (WALL, None), (None, None)])
async def test_without_trusted_time_nothing_has_aged(
    before: float | None, after: float | None
) -> None:
    known = await run_before(before)
    run = Run(None if after is None else after + 10 * HOUR, known)
    assert run.left() == 16.0
    run.monotonic += HOUR - 1
    assert run.left() == 16.0
    run.monotonic += 1
    assert run.left() == 36.0


async def test_clock_that_was_wrong_by_a_year_blocks_an_hour_at_most() -> None:
    known = await run_before(WALL + 31_536_000)
    run = Run(WALL, known)
    run.monotonic += HOUR
    assert run.left() == 36.0


async def test_nothing_is_kept_where_the_law_sets_no_limit() -> None:
    kept: list[Spent] = []

    async def keep(spent: Spent) -> None:
        kept.append(spent)

    us915 = REGIONS["US915"].sub_bands
    free = DutyCycle(us915, (), keep, lambda: Moment(None, "unsynchronised", "boot", 0.0))
    await free.claim(923_300_000, SECOND, SECOND)
    assert (kept, free.seconds_left()) == ([], {})


async def test_what_was_claimed_is_on_disk_one_row_a_sub_band(world: World) -> None:
    async with world.store() as store:
        run = Run(WALL)
        duty_cycle = DutyCycle(EU868.sub_bands, (), store.spend, run.now)
        for frequency in (FREQUENCY, 869_525_000, FREQUENCY):
            await duty_cycle.claim(frequency, SECOND, SECOND)
    async with world.store() as store:
        known = (await store.load()).airtime
    assert known == (
        Spent(LOW, 2 * SECOND, WALL + 2),
        Spent(869_400_000, SECOND, WALL + 2),
    )
