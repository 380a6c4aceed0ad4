"""Moments and their dates, with a boot, a wall clock and a monotonic clock of our own."""

from gateway import clock
from gateway.clock import Clock, Quality, rfc3339


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


def test_rfc3339_has_milliseconds_and_z() -> None:
    assert rfc3339(1_790_000_000.1236) == "2026-09-21T14:13:20.123Z"


def test_boot_id_is_the_kernels() -> None:
    assert len(clock.boot_id()) == 36
