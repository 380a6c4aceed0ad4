"""What the parts count for the metrics: each thing once, under its own word."""

import asyncio
import ctypes
import struct
from pathlib import Path

import pytest
from bounds_tools import DISK, START, at, batch_of, keep, many
from lorawan_device import join_request
from lorawan_network import APP_KEY, DEV_EUI, JOIN_EUI, packet
from store_tools import MOMENT, World
from uplinks_bench import GAUGE, Bench

from drivers.concentrator import Crc, RxPacket
from gateway import clock
from gateway.devices.facts import DeviceFacts
from gateway.diagnostics.heard import Heard
from gateway.errors import DiskFault
from gateway.records import Moment


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "kogge.db")


async def test_records_are_counted_as_they_go_and_come_back(world: World) -> None:
    async with world.buffer(archive=3600.0) as buffer:
        await keep(buffer, *many(range(10)))
        first, second = await batch_of(buffer, 6), await batch_of(buffer, 6)
        buffer.delivered(first)
        buffer.returned(second)
        buffer.delivered(await batch_of(buffer, 6))
        assert dict(buffer.counts) == {
            "handed_out": 14, "acknowledged": 10, "returned": 4, "replayed": 0
        }  # fmt: skip


async def test_what_is_given_up_is_counted_by_its_reason(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(2000)))
    async with world.buffer(bounds=DISK) as buffer:
        world.free = 0
        await keep(buffer, at(5000, START))  # the disk was not known to be full
        await keep(buffer, at(5001, START))
        assert dict(buffer.lost) == {"disk": 1024, "damaged": 0}
        world.free = 1 << 40
        purged = await buffer.purge(lambda _: True)
        assert purged > 0
        assert (buffer.lost["purged"], buffer.lost_records) == (purged, 1024)


async def test_oldest_that_waits_is_timed_in_memory_and_on_disk(world: World) -> None:
    async with world.buffer() as buffer:
        assert await buffer.waits_for() == 0.0
        buffer.add(at(1, None, MOMENT.boot_id, "unsynchronised"))
        assert await buffer.waits_for() == world.time - 12.5
        await buffer.close()
    world.wall = START + 1000
    world.time += 500
    async with world.buffer() as buffer:
        assert await buffer.waits_for() == world.time - 12.5, "of this boot, though it is on disk"
        await keep(buffer, at(2, START, "another boot"))
        buffer.delivered(await batch_of(buffer, 1))
        buffer.delivered(await batch_of(buffer, 1))
        assert await buffer.waits_for() == 0.0


async def test_oldest_of_an_earlier_boot_is_timed_by_trusted_clocks_alone(world: World) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, at(1, START, "earlier"))
        await buffer.close()
    async with world.buffer() as buffer:
        world.wall = START + 60
        assert await buffer.waits_for() == 60.0
        world.wall = None
        assert await buffer.waits_for() is None


async def test_disk_that_refuses_leaves_the_age_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.buffer() as buffer:
        await keep(buffer, *many(range(3)))
        await buffer.close()
    async with world.buffer() as buffer:

        async def refuses(*_: object) -> None:
            raise DiskFault("the disk refuses")

        with monkeypatch.context() as patch:
            patch.setattr(buffer._store, "read_segments", refuses)
            with pytest.raises(DiskFault):
                await buffer.waits_for()


async def test_refused_joins_are_counted_by_their_reason() -> None:
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(tasks, GAUGE)
        await bench.hear(
            packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)),
            packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)),
            packet(join_request(b"?" * 16, JOIN_EUI, DEV_EUI, 2)),
            packet(join_request(b"?" * 16, JOIN_EUI, DEV_EUI, 3)),
        )
        assert dict(bench.uplinks.join_refusals) == {"dev_nonce_reused": 1, "bad_mic": 2}
        assert bench.uplinks.counts["joins_refused"] == 3


def test_packets_are_counted_beyond_the_minutes_that_are_shown() -> None:
    heard = Heard()
    packet = RxPacket(b"", 7, 1, 868_100_000, 125_000, 7, 1, -80.0, 8.5, Crc.OK)
    for hour in range(5):
        heard.note([packet] * 3, hour * 3600.0)
    assert heard.total == 15


def test_last_uplink_of_a_device_is_timed() -> None:
    facts = DeviceFacts()
    assert facts.of(1).heard_at is None
    for second in (100.0, 161.5):
        facts.uplink(1, 1, packet(b"\x40"), second)
    assert facts.of(1).heard_at == 161.5


@pytest.mark.parametrize(
    ("then", "age"),
    [
        (Moment(None, "unsynchronised", "now", 100.0), 60.0),
        (Moment(940.0, "ntp", "earlier", 5000.0), 60.0),
        (Moment(2000.0, "ntp", "earlier", 0.0), 0.0),
        (Moment(None, "unsynchronised", "earlier", 100.0), None),
    ],
)
def test_age_is_monotonic_within_a_boot_and_by_wall_time_over_boots(
    then: Moment, age: float | None
) -> None:
    assert clock.age(then, Moment(1000.0, "ntp", "now", 160.0)) == age


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """An adjtimex(2) that says this; struct timex of this machine's C library."""
    says = {"state": 0, "offset": 0, "status": 0}

    class Libc:
        @staticmethod
        def adjtimex(timex: ctypes.Array[ctypes.c_char]) -> int:
            head = struct.pack("@I4li", 0, says["offset"], 0, 0, 0, says["status"])
            timex[: len(head)] = head  # type: ignore[call-overload]
            return says["state"]

    monkeypatch.setattr(clock, "_libc", Libc)
    return says


def test_offset_of_the_clock_is_in_seconds_whatever_the_kernel_counts_in(
    kernel: dict[str, int],
) -> None:
    kernel["offset"] = -1500
    assert clock.kernel_offset() == pytest.approx(-1.5e-3)
    kernel["status"] = 0x2001  # STA_NANO | STA_PLL
    assert clock.kernel_offset() == pytest.approx(-1.5e-6)
    kernel["state"] = 5  # TIME_ERROR: nobody has set it
    assert clock.kernel_offset() is None
    kernel["state"] = -1  # not allowed
    assert clock.kernel_offset() is None


def test_kernel_itself_is_understood() -> None:
    """Of a clock that somebody keeps the offset is below a second, or else it would be stepped."""
    offset = clock.kernel_offset()
    assert offset is None or abs(offset) < 1
