"""Moments and their dates, with a boot, a wall clock and a monotonic clock of our own."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from gateway import RELEASED, clock
from gateway.clock import Clock, Quality
from native.rfc3339 import rfc3339


class World:
    """A box whose clock is set by hand."""

    def __init__(self) -> None:
        self.quality: Quality = "unsynchronised"
        self.wall, self.monotonic = 0.0, 100.0

    def clock(self, boot: str = "boot-1") -> Clock:
        return Clock(lambda: self.quality, boot, lambda: self.wall, lambda: self.monotonic)


def test_untrusted_wall_time_is_not_given() -> None:
    world = World()
    moment = world.clock().now()
    assert moment.at is None
    assert (moment.time_quality, moment.monotonic_s) == ("unsynchronised", 100.0)


def test_moment_from_before_the_clock_was_set_is_dated_afterwards() -> None:
    world = World()
    before = world.clock().now()
    assert world.clock().dated(before).at is None
    world.quality, world.wall, world.monotonic = "ntp", 1_790_000_000.0, 160.0
    dated = world.clock().dated(before)
    assert dated.at == 1_790_000_000.0 - 60
    assert dated.time_quality == "ntp"


def test_moment_of_an_earlier_boot_stays_undated() -> None:
    world = World()
    before = world.clock("boot-1").now()
    world.quality, world.wall, world.monotonic = "ntp", 1_790_000_000.0, 5.0
    assert world.clock("boot-2").dated(before) == before


def test_a_trusted_date_is_never_changed() -> None:
    world = World()
    world.quality, world.wall = "ntp", 1_790_000_000.0
    moment = world.clock().now()
    world.wall = 0.0
    assert world.clock().dated(moment) == moment


def test_moment_of_this_boot_is_dated_from_the_monotonic_difference() -> None:
    world = World()
    assert world.clock().moment(99.5).at is None
    world.quality, world.wall = "ntp", 1_790_000_000.0
    moment = world.clock().moment(99.5)
    assert (moment.at, moment.monotonic_s) == (1_789_999_999.5, 99.5)
    assert (moment.time_quality, moment.boot_id) == ("ntp", "boot-1")


def test_operator_may_vouch_for_a_battery_clock() -> None:
    assert clock.Trust("rtc")() in ("ntp", "rtc")
    assert clock.Trust("auto")() in ("ntp", "unsynchronised")


def test_boot_id_is_the_kernels() -> None:
    assert len(clock.boot_id()) == 36


class Kernel:
    """What a clock is judged by."""

    def __init__(self, source: Literal["auto", "rtc", "gnss"] = "auto", before: bool = False):
        self.synchronised, self.wall, self.monotonic = False, NOW, 10.0
        self.trust = clock.Trust(
            source,
            before,
            synchronised=lambda: self.synchronised,
            wall=lambda: self.wall,
            monotonic=lambda: self.monotonic,
        )

    def after(self, seconds: float, step: float = 0.0) -> Quality:
        self.monotonic += seconds
        self.wall += seconds + step
        return self.trust()


NOW = RELEASED + 1e6
HOURS = 3600.0


def test_clock_that_was_set_is_trusted_when_the_network_is_gone_for_days() -> None:
    """The kernel calls itself unsynchronised nine hours after the last word of its servers."""
    kernel = Kernel()
    assert kernel.trust() == "unsynchronised"
    kernel.synchronised = True
    assert kernel.after(60, step=5e7) == "ntp"
    kernel.synchronised = False
    assert kernel.after(72 * HOURS) == "ntp"
    assert Kernel(before=True).after(72 * HOURS) == "ntp"  # and over a restart of the daemon


@pytest.mark.parametrize("step", [-7200.0, -2.0, 2.0, 7200.0, 4e8])
def test_step_that_no_time_service_made_ends_the_trust(step: float) -> None:
    kernel = Kernel()
    kernel.synchronised = True
    assert kernel.after(60) == "ntp"
    assert kernel.after(60, step) == "ntp"  # the service itself may step
    kernel.synchronised = False
    assert kernel.after(60, step) == "unsynchronised"
    assert kernel.after(60, -step) == "unsynchronised"  # nobody knows
    kernel.synchronised = True
    assert kernel.after(60) == "ntp"


def test_leap_second_is_no_step() -> None:
    kernel = Kernel(before=True)
    assert kernel.after(60, step=-1.0) == "ntp"


@pytest.mark.parametrize("source", ["auto", "rtc", "gnss"])
@pytest.mark.parametrize("date", [0.0, 946_684_800.0, RELEASED - 1.0])
def test_date_before_the_release_is_never_believed(
    source: Literal["auto", "rtc", "gnss"], date: float
) -> None:
    kernel = Kernel(source)
    kernel.synchronised, kernel.wall = True, date
    assert kernel.trust() == "unsynchronised"


def test_source_names_the_quality() -> None:
    kernel = Kernel("gnss")
    assert kernel.trust() == "unsynchronised"
    kernel.synchronised = True
    assert kernel.trust() == "gnss"
    assert Kernel("rtc").trust() == "rtc"


@pytest.mark.parametrize("date", [2.0**31 - 1, 2.0**31, 2.0**32 + 0.5])
def test_dates_of_2038_and_later_are_dates(date: float) -> None:
    world = World()
    before = world.clock().now()
    world.quality, world.wall, world.monotonic = "ntp", date, 160.0
    dated = world.clock().dated(before)
    assert dated.at == date - 60
    assert rfc3339(date) == datetime.fromtimestamp(date, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{int(date * 1000) % 1000:03d}Z"
    )


def test_where_the_kernel_may_not_be_asked_timesyncds_mark_tells(tmp_path: Path) -> None:
    """Each time it is touched, and not in between: there a step is somebody else's."""
    mark = tmp_path / "synchronized"
    time_service = clock.TimeService(lambda: None, mark)
    assert not time_service()
    mark.touch()
    assert [time_service(), time_service()] == [True, False]
    os.utime(mark, ns=(1, 1))
    assert [time_service(), time_service()] == [True, False]


def test_the_kernels_word_counts_more_than_a_mark(tmp_path: Path) -> None:
    mark = tmp_path / "synchronized"
    mark.touch()
    assert not clock.TimeService(lambda: False, mark)()
    assert clock.TimeService(lambda: True, tmp_path / "none")()
