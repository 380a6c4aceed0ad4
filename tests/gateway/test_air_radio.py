"""The receive task: faults named, the chip started anew, nothing left running at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
import pytest
from concentrator_standin import FakeConcentrator
from lorawan_network import packet
from messages import MOMENT
from patience import HUNG, until

from drivers.concentrator import ChipError, Crc, DriverError, LinkLost, McuError, RxPacket
from gateway.air import radio as supervision
from gateway.air.radio import BACK_OFF, Radio
from gateway.air.rhythm import Rhythm


class Bench:
    """A radio and what it said; its back-off takes no time, and is written down."""

    def __init__(self, concentrator: FakeConcentrator, random: float = 0.0) -> None:
        self.concentrator = concentrator
        self.heard: list[RxPacket] = []
        self.told: list[tuple[str, str]] = []
        self.beats = 0
        self.seconds = 0.0  # on the monotonic clock
        self.rhythm = Rhythm()
        self.radio = Radio(
            concentrator,
            self.heard.append,
            lambda state, reason: self.told.append((state, reason)),
            lambda: random,
            lambda: msgspec.structs.replace(MOMENT, monotonic_s=self.seconds),
            self.rhythm,
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


async def test_the_last_fault_is_remembered_after_recovery_and_counted_by_kind(
    pauses: list[float],
) -> None:
    heard: list[list[RxPacket] | DriverError] = [
        LinkLost("gone"), McuError("late"), LinkLost("gone"), ChipError("wrong id"), [],
    ]  # fmt: skip
    bench = Bench(FakeConcentrator(heard=heard))
    bench.seconds = 7.5
    assert (bench.radio.last_fault, bench.radio.restarts) == (None, 0)
    async with bench.running():
        await bench.concentrator.until("receive", 6)
    radio = bench.radio
    assert (radio.state, radio.reason) == ("receiving", "")
    assert radio.faults == {"link": 2, "mcu": 1, "chip": 1}
    assert (radio.starts, radio.restarts) == (5, 4)
    assert radio.last_fault is not None
    assert radio.last_fault[:2] == ("chip", "wrong id")
    assert radio.last_fault.moment.monotonic_s == 7.5


async def test_a_fault_that_stays_counts_once(pauses: list[float]) -> None:
    faults: list[DriverError] = [LinkLost("no port")] * 3 + [ChipError("wrong id")] * 2
    bench = Bench(FakeConcentrator(starts=faults))
    async with bench.running():
        await bench.concentrator.until("receive")
    assert bench.radio.faults == {"link": 1, "chip": 1}
    assert bench.radio.restarts == 0


async def test_a_gps_at_the_port_is_told_once_and_not_sentence_by_sentence(
    pauses: list[float],
) -> None:
    faults: list[DriverError] = [McuError(f"no answer of an MCU: 24 47 5{n}") for n in range(5)]
    bench = Bench(FakeConcentrator(starts=[*faults, LinkLost("no port")]))
    async with bench.running():
        await bench.concentrator.until("receive")
    assert bench.told == [("fault", str(faults[0])), ("fault", "no port"), ("receiving", "")]
    assert bench.radio.faults == {"mcu": 1, "link": 1}


async def test_a_kind_of_chip_fault_that_a_driver_names_itself_is_one_of_the_chip() -> None:
    class Deaf(ChipError):
        pass

    bench = Bench(FakeConcentrator(starts=[Deaf("AGC stuck")]))
    async with bench.running():
        await bench.radio.first_result.wait()
    assert bench.radio.faults == {"chip": 1}


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("verb", ["start", "receive", "stop"])
async def test_a_verb_that_hangs_is_a_fault_within_its_deadline(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, f"{verb.upper()}_SECONDS", 0.01)
    monkeypatch.setattr(supervision, "BACK_OFF", (0.0,))
    bench = Bench(FakeConcentrator(heard=[LinkLost("gone")] if verb == "stop" else []))
    healthy: Callable[[], object] = getattr(bench.concentrator, verb)
    setattr(bench.concentrator, verb, never)
    async with bench.running():
        await until(lambda: "stuck" in bench.radio.faults)
        assert bench.radio.last_fault is not None
        assert f"did not {verb} within 0.01 s" in bench.radio.last_fault.reason
        setattr(bench.concentrator, verb, healthy)
        await bench.concentrator.until("receive", 1)


async def test_a_drivers_own_time_out_is_no_deadline_of_ours() -> None:
    async def late() -> None:
        raise TimeoutError("the driver's own fault")

    bench = Bench(FakeConcentrator())
    bench.concentrator.start = late  # type: ignore[method-assign]
    with pytest.raises(TimeoutError, match="driver's own"):
        await bench.radio.run(bench.beat)


def regular_street(bench: Bench) -> None:
    """Three devices that speak each second, until now."""
    for second in range(20):
        for dev_eui in range(3):
            bench.rhythm.uplink(dev_eui, second, float(second))
        bench.rhythm.packet(float(second))
    bench.seconds = 19.0


@pytest.mark.parametrize("meanwhile", [[], [replace(packet(b"x"), crc=Crc.BAD)]])
async def test_silence_of_regular_devices_restarts_the_radio_once(
    meanwhile: list[RxPacket], pauses: list[float]
) -> None:
    """Damaged packets are made of noise too: they do not show that the radio hears."""
    bench = Bench(FakeConcentrator(heard=[meanwhile, [], [], [], []]))
    regular_street(bench)

    def beat() -> None:
        bench.seconds += 30.0 if bench.concentrator.done.count("receive") else 0.0

    task = asyncio.create_task(bench.radio.run(beat))
    await bench.concentrator.until("receive", 6)
    task.cancel()
    await asyncio.wait({task})
    assert bench.radio.faults == {"silence": 1}
    assert bench.radio.starts == 2
    assert bench.radio.last_fault is not None
    assert "silent reception" in bench.radio.last_fault.reason


async def test_strangers_packets_show_that_the_radio_hears() -> None:
    bench = Bench(FakeConcentrator(heard=[[packet(b"stranger")], [], []]))
    regular_street(bench)
    bench.seconds = 60.0
    async with bench.running():
        await bench.concentrator.until("receive", 4)
    assert bench.radio.faults == {}


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
    async with bench.running(), asyncio.timeout(HUNG):
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
        await asyncio.wait({task}, timeout=HUNG)
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
