"""The receive task: faults named, the chip started anew, nothing left running at the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from concentrator_standin import FakeConcentrator
from lorawan_network import packet

from drivers.concentrator import ChipError, DriverError, LinkLost, McuError, RxPacket
from gateway.radio import BACK_OFF, Radio


class Bench:
    """A radio and what it said; its back-off takes no time, and is written down."""

    def __init__(self, concentrator: FakeConcentrator, random: float = 0.0) -> None:
        self.concentrator = concentrator
        self.heard: list[RxPacket] = []
        self.told: list[tuple[str, str]] = []
        self.beats = 0
        self.radio = Radio(
            concentrator,
            self.heard.append,
            lambda state, reason: self.told.append((state, reason)),
            lambda: random,
        )

    def beat(self) -> None:
        self.beats += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.radio.run(self.beat))
        yield task
        task.cancel()
        await asyncio.wait({task})


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds:
            found.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", noted)
    return found


async def test_packets_are_handed_on_in_order() -> None:
    packets = [packet(bytes([n])) for n in range(3)]
    bench = Bench(FakeConcentrator(heard=[packets[:2], [], packets[2:]]))
    async with bench.running():
        await bench.concentrator.until("receive", 4)
    assert bench.heard == packets
    assert bench.told == [("receiving", "")]


async def test_a_quiet_radio_beats_all_the_same() -> None:
    bench = Bench(FakeConcentrator(heard=[[], [], []]))
    async with bench.running():
        await bench.concentrator.until("receive", 4)
        assert bench.beats == 4


@pytest.mark.parametrize("error", [LinkLost("gone"), McuError("late"), ChipError("wrong id")])
async def test_a_fault_is_named_and_the_chip_started_anew(
    error: DriverError, pauses: list[float]
) -> None:
    bench = Bench(FakeConcentrator(heard=[error, [packet(b"x")]]))
    async with bench.running():
        await bench.concentrator.until("receive", 3)
    assert bench.concentrator.done == [
        "start", "receive", "stop", "start", "receive", "receive", "stop",
    ]  # fmt: skip
    assert bench.told == [("receiving", ""), ("fault", str(error)), ("receiving", "")]
    assert len(bench.heard) == 1
    assert bench.radio.starts == 2


async def test_a_fault_that_stays_is_told_once(pauses: list[float]) -> None:
    bench = Bench(FakeConcentrator(starts=[LinkLost("no port")] * 4))
    async with bench.running():
        await bench.concentrator.until("receive")
    assert bench.told == [("fault", "no port"), ("receiving", "")]
    assert bench.radio.starts == 1


async def test_waiting_out_the_back_off_is_progress(pauses: list[float]) -> None:
    bench = Bench(FakeConcentrator(starts=[LinkLost("no port")] * 4))
    async with bench.running():
        await bench.concentrator.until("start", 5)
        assert bench.beats >= 4


async def test_back_off_grows_to_its_limit_and_begins_anew_once_it_was_listened_to(
    pauses: list[float],
) -> None:
    faults: list[DriverError] = [LinkLost("no port")] * 6
    bench = Bench(FakeConcentrator(starts=faults, heard=[[], LinkLost("unplugged")]), random=1.0)
    async with bench.running():
        await bench.concentrator.until("receive", 3)
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0, 1.0]


async def test_back_off_grows_for_a_chip_that_starts_and_fails_at_once(
    pauses: list[float],
) -> None:
    bench = Bench(FakeConcentrator(heard=[LinkLost("short answer")] * 4), random=1.0)
    async with bench.running():
        await bench.concentrator.until("receive", 5)
    assert pauses == [1.0, 2.0, 4.0, 5.0]


@pytest.mark.parametrize(("random", "share"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
async def test_back_off_is_jittered_and_a_cable_put_back_is_heard_within_ten_seconds(
    random: float, share: float, pauses: list[float]
) -> None:
    bench = Bench(FakeConcentrator(starts=[LinkLost("no port")] * 4), random)
    async with bench.running():
        await bench.concentrator.until("receive")
    assert pauses == [share * seconds for seconds in BACK_OFF]
    assert max(pauses) < 10


@pytest.mark.parametrize(
    ("starts", "state"), [([], "receiving"), ([ChipError("no firmware")], "fault")]
)
async def test_first_result_is_there_with_success_and_with_fault(
    starts: list[DriverError], state: str
) -> None:
    bench = Bench(FakeConcentrator(starts=list(starts)))
    assert not bench.radio.first_result.is_set()
    assert bench.radio.state == "starting"
    async with bench.running(), asyncio.timeout(5):
        await bench.radio.first_result.wait()
        assert bench.radio.state == state


@pytest.mark.parametrize(("starts", "doing"), [([], "receive"), ([LinkLost("no port")], "stop")])
async def test_cancellation_stops_the_concentrator(starts: list[DriverError], doing: str) -> None:
    """While it receives, and while it waits out a back-off."""
    bench = Bench(FakeConcentrator(starts=list(starts)))
    async with bench.running() as task:
        await bench.concentrator.until(doing)
        already = len(bench.concentrator.done)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
    assert bench.concentrator.done[already:] == ["stop"]


async def test_our_own_fault_ends_the_task_and_stops_the_concentrator() -> None:
    bench = Bench(FakeConcentrator(heard=[[packet(b"x")]]))

    def faulty(_: RxPacket) -> None:
        raise ZeroDivisionError

    bench.radio._heard = faulty
    with pytest.raises(ZeroDivisionError):
        await bench.radio.run(bench.beat)
    assert bench.concentrator.done[-1] == "stop"
