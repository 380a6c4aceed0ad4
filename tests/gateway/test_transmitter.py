"""The transmit task: in RX1, else in RX2, else not at all; and never for a chip that is no more."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from concentrator_standin import FakeConcentrator
from lorawan_network import packet

from drivers.concentrator import COUNTER_MODULUS, LinkLost, TxStatus
from gateway import transmitter
from gateway.duty_cycle import DutyCycle
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.region import SubBand
from gateway.lorawan.regions.europe import EU868
from gateway.records import Moment
from gateway.transmitter import Transmitter

SECOND = 1_000_000
RX1 = Window(1, SECOND, 868_300_000, 9, 125_000, 14)
RX2 = Window(2, 2 * SECOND, 869_525_000, 12, 125_000, 27)
ANSWER = Answer(b"\x60" + bytes(11), (RX1, RX2))
LATER = Answer(ANSWER.phy_payload, (replace(RX1, delay_us=300 * SECOND),))
UPLINK = packet(b"uplink", counter_us=10 * SECOND)
DUE = UPLINK.counter_us + SECOND - 30_000  # RX1 is to be programmed now


class Bench:
    """A transmitter at work, with the chip's counter in hand."""

    def __init__(self, chip: FakeConcentrator, bands: Sequence[SubBand] = EU868.sub_bands) -> None:
        self.chip = chip
        self.stands = True
        self.asked, self.kept = 0, list[Spent]()
        self.told: list[tuple[TxStatus | None, int]] = []
        self.disk = asyncio.Event()
        self.disk.set()
        self.transmitter = Transmitter(
            chip,
            DutyCycle(bands, (), self.keep, self.moment),
            self.tell,
            lambda answer: self.stands,
        )
        self.beats = 0
        self.news = asyncio.Event()

    async def keep(self, spent: Spent) -> None:
        self.asked += 1
        self.news.set()
        await self.disk.wait()
        self.kept.append(spent)

    def tell(self, answer: Answer, status: TxStatus | None, ahead_us: int) -> None:
        assert answer.phy_payload == ANSWER.phy_payload
        self.told.append((status, ahead_us))
        self.news.set()

    def moment(self) -> Moment:
        return Moment(None, "unsynchronised", "boot", self.chip.now_us / 1e6)

    def beat(self) -> None:
        self.beats += 1
        self.news.set()

    async def rounds(self, count: int) -> None:
        """Wait until the task has gone round so many times more."""
        goal = self.beats + count
        async with asyncio.timeout(10):
            while self.beats < goal:
                self.news.clear()
                await self.news.wait()

    async def claims(self, count: int) -> None:
        """Wait until so many were to be kept on disk."""
        async with asyncio.timeout(10):
            while self.asked < count:
                self.news.clear()
                await self.news.wait()

    async def answer_at(self, now_us: int, answer: Answer = ANSWER) -> None:
        self.chip.now_us = now_us
        await self.transmitter.answer(answer, UPLINK)

    @property
    def answers(self) -> dict[str, int]:
        return dict(self.transmitter.answers)


@asynccontextmanager
async def transmitting(
    chip: FakeConcentrator, bands: Sequence[SubBand] = EU868.sub_bands
) -> AsyncIterator[Bench]:
    bench = Bench(chip, bands)
    task = asyncio.create_task(bench.transmitter.run(bench.beat))
    await bench.rounds(1)
    yield bench
    assert not task.done(), task.exception()
    task.cancel()
    await asyncio.wait({task})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter of these tests is moved by hand: the task looks again soon."""
    monkeypatch.setattr(transmitter, "IDLE_SECONDS", 0.005)


async def test_answer_goes_out_in_rx1_just_before_its_time() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(UPLINK.counter_us + 100_000)
        await bench.rounds(2)
        assert bench.chip.sent == []
        bench.chip.now_us = DUE
        await bench.chip.until("send")
        await bench.rounds(1)
        (sent,) = bench.chip.sent
        assert (sent.counter_us, sent.frequency, sent.sf) == (11 * SECOND, 868_300_000, 9)
        assert (sent.power, sent.inverted, sent.crc) == (14, True, False)
        assert bench.answers == {TxStatus.OK: 1}
        assert bench.told == [(TxStatus.OK, 30_000)]


async def test_concentrator_with_a_queue_of_its_own_gets_the_answer_earlier() -> None:
    async with transmitting(FakeConcentrator(lead_us=SECOND // 2)) as bench:
        await bench.answer_at(UPLINK.counter_us + 100_000)
        await bench.rounds(2)
        assert bench.chip.sent == []
        bench.chip.now_us = UPLINK.counter_us + SECOND // 2
        await bench.chip.until("send")
        assert bench.chip.sent[0].counter_us == UPLINK.counter_us + SECOND


async def test_answer_goes_out_in_rx2_when_rx1_is_past() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(UPLINK.counter_us + SECOND)
        bench.chip.now_us = DUE + SECOND
        await bench.chip.until("send")
        (sent,) = bench.chip.sent
        assert (sent.counter_us, sent.frequency, sent.sf) == (12 * SECOND, 869_525_000, 12)


async def test_answer_is_refused_when_both_windows_are_past() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(UPLINK.counter_us + 2 * SECOND)
        await bench.rounds(2)
        assert (bench.answers, bench.chip.sent) == ({TxStatus.TOO_LATE: 1}, [])


async def test_answer_that_missed_its_time_in_the_queue_is_never_sent() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(UPLINK.counter_us)
        bench.chip.now_us = UPLINK.counter_us + 2 * SECOND
        await bench.rounds(2)
        assert (bench.answers, bench.chip.sent) == ({TxStatus.TOO_LATE: 1}, [])


@pytest.mark.parametrize("status", [TxStatus.TOO_LATE, TxStatus.COLLISION_PACKET])
async def test_answer_that_the_chip_refused_for_rx1_goes_out_in_rx2(status: TxStatus) -> None:
    async with transmitting(FakeConcentrator(sends=[status])) as bench:
        await bench.answer_at(UPLINK.counter_us)
        bench.chip.now_us = DUE
        await bench.chip.until("send")
        await bench.rounds(1)
        bench.chip.now_us = DUE + SECOND
        await bench.chip.until("send", 2)
        await bench.rounds(1)
        assert bench.answers == {TxStatus.OK: 1}
        assert bench.chip.sent[-1].counter_us == UPLINK.counter_us + 2 * SECOND


async def test_uplink_of_an_earlier_chip_session_gets_no_answer() -> None:
    async with transmitting(FakeConcentrator(chip_session=2)) as bench:
        await bench.answer_at(UPLINK.counter_us)
        assert bench.answers == {TxStatus.TOO_LATE: 1}
        assert bench.chip.sent == []


async def test_chip_that_started_anew_takes_the_queue_with_it() -> None:
    """Even where its new counter makes the old plan look due, and no further answer comes."""
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(UPLINK.counter_us)
        bench.chip.chip_session, bench.chip.now_us = 2, DUE
        await bench.rounds(2)
        assert (bench.answers, bench.chip.sent) == ({TxStatus.TOO_LATE: 1}, [])


async def test_fault_while_programming_refuses_the_queue_and_goes_on() -> None:
    chip = FakeConcentrator(sends=[LinkLost("unplugged")])
    async with transmitting(chip) as bench:
        await bench.answer_at(UPLINK.counter_us)
        await bench.answer_at(UPLINK.counter_us, LATER)
        chip.now_us = DUE
        await chip.until("send")
        await bench.rounds(1)
        assert bench.answers == {TxStatus.TOO_LATE: 2}, "each is accounted for"
        await bench.answer_at(UPLINK.counter_us)
        chip.now_us = DUE
        await chip.until("send", 2)
        await bench.rounds(1)
        assert bench.answers == {TxStatus.TOO_LATE: 2, TxStatus.OK: 1}
        assert bench.told[:2] == [(None, 0), (TxStatus.TOO_LATE, 0)], "the first may have left"


async def test_lost_link_refuses_what_waits_and_what_comes() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(UPLINK.counter_us)
        bench.chip.gone = True
        await bench.rounds(2)
        await bench.answer_at(UPLINK.counter_us)
        assert bench.answers == {TxStatus.TOO_LATE: 2}


async def test_refusal_of_the_concentrator_is_counted_by_its_word() -> None:
    only_rx1 = replace(ANSWER, windows=(RX1,))
    async with transmitting(FakeConcentrator(sends=[TxStatus.TX_FREQ])) as bench:
        await bench.answer_at(UPLINK.counter_us, only_rx1)
        bench.chip.now_us = DUE
        await bench.chip.until("send")
        await bench.rounds(1)
        assert bench.answers == {TxStatus.TX_FREQ: 1}


async def test_answers_that_collide_are_counted() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        for _ in range(3):
            await bench.answer_at(UPLINK.counter_us)
        assert bench.answers == {TxStatus.COLLISION_PACKET: 1}


async def test_answer_wakes_a_task_that_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transmitter, "IDLE_SECONDS", 3600.0)
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(DUE - 15_000)
        bench.chip.now_us = DUE
        await bench.chip.until("send")


async def test_answer_that_comes_while_another_is_programmed_is_not_overslept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transmitter, "IDLE_SECONDS", 3600.0)
    soon = Answer(ANSWER.phy_payload, (replace(RX1, delay_us=SECOND + 300_000),))
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(DUE - 15_000)
        bench.chip.now_us = DUE
        await bench.chip.until("send")
        await bench.answer_at(DUE, soon)
        bench.chip.now_us = DUE + 300_000
        await bench.chip.until("send", 2)


async def test_answer_far_ahead_neither_spins_nor_sleeps_past_the_beat() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        await bench.answer_at(UPLINK.counter_us, LATER)
        await bench.rounds(3)
        begin, looked = asyncio.get_running_loop().time(), bench.beats
        await bench.rounds(5)
        assert asyncio.get_running_loop().time() - begin >= 5 * 0.005 * 0.9
        assert bench.beats == looked + 5
        assert bench.chip.sent == []


async def test_counter_may_wrap_between_plan_and_programming() -> None:
    uplink = packet(b"uplink", counter_us=COUNTER_MODULUS - SECOND // 2)
    chip = FakeConcentrator(now_us=uplink.counter_us)
    async with transmitting(chip) as bench:
        await bench.transmitter.answer(ANSWER, uplink)
        chip.now_us = SECOND // 2 - 30_000
        await chip.until("send")
        assert chip.sent[0].counter_us == SECOND // 2


async def test_cancellation_that_meets_an_answer_is_not_lost() -> None:
    chip = FakeConcentrator()
    bench = Bench(chip)
    task = asyncio.create_task(bench.transmitter.run(bench.beat))
    await bench.rounds(1)
    bench.transmitter._placed.set()
    task.cancel()
    await asyncio.wait({task}, timeout=1)
    assert task.cancelled()


RX1_AIRTIME, RX2_AIRTIME = 144_384, 991_232  # 12 bytes at SF9 and SF12
RX1_BAND = SubBand(868_000_000, 868_600_000, 16.15, 0.00005)  # 180 ms an hour
RX2_BAND = SubBand(869_400_000, 869_650_000, 29.15, 0.0003)  # 1080 ms


async def sent_at_rx1(bench: Bench, calls: int = 1) -> None:
    await bench.answer_at(UPLINK.counter_us)
    bench.chip.now_us = DUE
    await bench.chip.until("send", calls)
    await bench.rounds(1)


async def test_airtime_is_on_disk_before_the_answer_goes_out() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        bench.disk.clear()
        answering = asyncio.create_task(bench.answer_at(UPLINK.counter_us))
        await bench.claims(1)
        bench.chip.now_us = DUE
        await bench.claims(2)  # of the task that would send it now
        assert bench.chip.sent == []
        bench.disk.set()
        await answering
        await bench.chip.until("send")
        assert bench.kept[0] == Spent(868_000_000, RX1_AIRTIME, None)


async def test_answer_with_no_airtime_left_in_rx1_goes_out_in_rx2() -> None:
    async with transmitting(FakeConcentrator(), [RX1_BAND, RX2_BAND]) as bench:
        await sent_at_rx1(bench)
        bench.chip.now_us = UPLINK.counter_us + 900_000
        await bench.answer_at(UPLINK.counter_us)
        bench.chip.now_us = DUE + SECOND
        await bench.chip.until("send", 2)
        assert [packet.sf for packet in bench.chip.sent] == [9, 12]
        assert [spent.airtime_us for spent in bench.kept] == [RX1_AIRTIME, RX2_AIRTIME]


async def test_answer_with_no_airtime_left_anywhere_is_a_duty_cycle_overflow() -> None:
    async with transmitting(FakeConcentrator(), [RX1_BAND, RX2_BAND]) as bench:
        await sent_at_rx1(bench)
        for _ in range(2):
            await bench.answer_at(UPLINK.counter_us + 10_000)
        assert bench.answers == {TxStatus.OK: 1, TxStatus.DUTY_CYCLE_OVERFLOW: 1}
        left = bench.transmitter.duty_cycle()
        assert left == {"868-868.6": 0.036, "869.4-869.65": 0.089}


async def test_answer_that_moves_to_rx2_claims_its_airtime_there() -> None:
    async with transmitting(FakeConcentrator(sends=[TxStatus.TOO_LATE])) as bench:
        await sent_at_rx1(bench)
        bench.chip.now_us = DUE + SECOND
        await bench.chip.until("send", 2)
        assert [spent.low for spent in bench.kept] == [868_000_000, 869_400_000]


async def test_answer_that_would_move_where_no_airtime_is_left_is_not_sent() -> None:
    chip = FakeConcentrator(sends=[TxStatus.TOO_LATE])
    other = replace(ANSWER, windows=(replace(RX2, delay_us=4 * SECOND),))
    async with transmitting(chip, [EU868.sub_bands[2], RX2_BAND]) as bench:
        await bench.answer_at(UPLINK.counter_us)
        await bench.answer_at(UPLINK.counter_us, other)
        bench.chip.now_us = DUE
        await bench.chip.until("send")
        await bench.rounds(1)
        bench.chip.now_us = DUE + SECOND
        await bench.rounds(2)
        assert bench.answers == {TxStatus.DUTY_CYCLE_OVERFLOW: 1}
        bench.chip.now_us = DUE + 3 * SECOND
        await bench.chip.until("send", 2)
        assert bench.chip.sent[-1].counter_us == UPLINK.counter_us + 4 * SECOND


ALWAYS = replace(ANSWER, windows=(replace(RX2, delay_us=0),))
AHEAD = 300_000


@pytest.mark.parametrize("sends", [TxStatus.TOO_LATE, TxStatus.TX_FREQ])
@pytest.mark.parametrize("counter_unknown", [False, True])
async def test_airtime_of_what_certainly_never_left_is_given_back(
    sends: TxStatus, counter_unknown: bool
) -> None:
    chip = FakeConcentrator(sends=[sends])
    async with transmitting(chip, [EU868.sub_bands[2], RX2_BAND]) as bench:
        chip.counter_unknown = counter_unknown
        await send_now(bench)
        chip.now_us += AHEAD - 30_000
        await chip.until("send")
        await bench.rounds(1)
        assert bench.told == [(sends, 0)]
        assert bench.transmitter.duty_cycle()["869.4-869.65"] == 1.08


async def test_airtime_of_what_missed_its_time_is_given_back() -> None:
    async with transmitting(FakeConcentrator(), [EU868.sub_bands[2], RX2_BAND]) as bench:
        await bench.answer_at(UPLINK.counter_us, replace(ANSWER, windows=(RX1,)))
        bench.chip.now_us = UPLINK.counter_us + 2 * SECOND
        await bench.rounds(2)
        assert bench.told == [(TxStatus.TOO_LATE, 0)]
        assert bench.transmitter.duty_cycle()["868-868.6"] == 36.0


async def test_airtime_of_a_window_that_was_missed_is_given_back_when_the_next_is_taken() -> None:
    async with transmitting(FakeConcentrator(), [EU868.sub_bands[2], RX2_BAND]) as bench:
        await bench.answer_at(UPLINK.counter_us)
        bench.chip.now_us = UPLINK.counter_us + SECOND
        await bench.rounds(2)
        bench.chip.now_us = DUE + SECOND
        await bench.chip.until("send")
        await bench.rounds(2)
        assert bench.transmitter.duty_cycle() == {"868-868.6": 36.0, "869.4-869.65": 0.089}


async def test_airtime_of_what_may_have_left_stays_claimed() -> None:
    chip = FakeConcentrator(sends=[LinkLost("unplugged")])
    async with transmitting(chip, [EU868.sub_bands[2], RX2_BAND]) as bench:
        await bench.answer_at(UPLINK.counter_us, replace(ANSWER, windows=(RX1,)))
        chip.now_us = DUE
        await chip.until("send")
        await bench.rounds(1)
        assert bench.told == [(None, 0)]
        assert bench.transmitter.duty_cycle()["868-868.6"] == 35.856


@pytest.mark.parametrize(("seconds", "status"), [(8, None), (9, TxStatus.TOO_LATE)])
async def test_class_c_is_not_sent_when_its_claim_would_age_too_soon(
    seconds: int, status: TxStatus | None
) -> None:
    """The disk hangs; what is sent then has to count for an hour from its end all the same."""
    async with transmitting(FakeConcentrator()) as bench:
        bench.disk.clear()
        sending = asyncio.create_task(send_now(bench))
        await bench.claims(1)
        bench.chip.now_us += seconds * SECOND
        bench.disk.set()
        await sending
        assert [told for told, _ in bench.told] == ([] if status is None else [status])
        left = bench.transmitter.duty_cycle()["869.4-869.65"]
        assert (left == 360.0) is (status is not None), "given back"


async def send_now(bench: Bench, now_us: int = 10 * SECOND) -> None:
    bench.chip.now_us = now_us
    await bench.transmitter.send_now(ALWAYS)


async def test_immediate_downlink_goes_out_at_once() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        await send_now(bench)
        bench.chip.now_us += AHEAD - 37_501
        await bench.chip.until("send")
        assert bench.chip.sent[0].counter_us == 10 * SECOND + AHEAD
        assert bench.kept[0].low == 869_400_000
        await bench.rounds(1)
        assert bench.told == [(TxStatus.OK, 37_501)]


async def test_immediate_downlink_waits_for_a_slow_disk_and_is_not_late() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        bench.disk.clear()
        sending = asyncio.create_task(send_now(bench))
        await bench.claims(1)
        bench.chip.now_us = 13 * SECOND
        bench.disk.set()
        await sending
        bench.chip.now_us += AHEAD - 30_000
        await bench.chip.until("send")
        assert bench.chip.sent[0].counter_us == 13 * SECOND + AHEAD


async def test_downlink_whose_device_was_heard_meanwhile_makes_way_for_the_answer() -> None:
    """It would be in the way of RX1, and have the lower downlink counter."""
    async with transmitting(FakeConcentrator(), [EU868.sub_bands[2], RX2_BAND]) as bench:
        await send_now(bench, UPLINK.counter_us + 500_000)
        full = {"868-868.6": 36.0, "869.4-869.65": 1.08}
        assert bench.transmitter.duty_cycle() != full
        bench.stands = False
        await bench.answer_at(UPLINK.counter_us + 600_000, replace(ANSWER, windows=(RX1,)))
        assert bench.told == [(TxStatus.COLLISION_PACKET, 0)]
        assert bench.transmitter.duty_cycle() == {**full, "868-868.6": 35.856}
        bench.stands, bench.chip.now_us = True, DUE
        await bench.chip.until("send")
        assert bench.chip.sent[0].counter_us == UPLINK.counter_us + SECOND


@pytest.mark.parametrize("placed", [True, False])
async def test_downlink_whose_device_was_heard_meanwhile_is_not_sent(placed: bool) -> None:
    async with transmitting(FakeConcentrator(), [EU868.sub_bands[2], RX2_BAND]) as bench:
        bench.stands = placed
        await send_now(bench)
        bench.stands = False
        bench.chip.now_us += AHEAD - 30_000
        await bench.rounds(2)
        assert (bench.told, bench.chip.sent) == ([(TxStatus.COLLISION_PACKET, 0)], [])
        assert bench.transmitter.duty_cycle()["869.4-869.65"] == 1.08


async def test_immediate_downlink_is_sent_unplanned_while_the_counter_is_unknown() -> None:
    chip = FakeConcentrator()
    async with transmitting(chip) as bench:
        chip.counter_unknown = True
        await send_now(bench)
        assert (chip.sent[0].counter_us, chip.sent[0].sf) == (None, 12)
        assert [spent.low for spent in bench.kept] == [869_400_000]
        assert bench.told == [(TxStatus.OK, 0)]


@pytest.mark.parametrize(
    ("sends", "told"), [(TxStatus.TX_FREQ, TxStatus.TX_FREQ), (LinkLost("unplugged"), None)]
)
async def test_unplanned_downlink_that_fails_is_told(
    sends: TxStatus | LinkLost, told: TxStatus | None
) -> None:
    chip = FakeConcentrator(sends=[sends])
    async with transmitting(chip) as bench:
        chip.counter_unknown = True
        await send_now(bench)
        assert bench.told == [(told, 0)]


async def test_immediate_downlink_without_airtime_left_is_not_sent() -> None:
    async with transmitting(FakeConcentrator(), [EU868.sub_bands[2], RX2_BAND]) as bench:
        await send_now(bench)
        await send_now(bench)
        assert bench.told[-1:] == [(TxStatus.DUTY_CYCLE_OVERFLOW, 0)]


async def test_immediate_downlink_over_a_lost_link_never_leaves() -> None:
    async with transmitting(FakeConcentrator()) as bench:
        bench.chip.gone = True
        await send_now(bench)
        assert bench.told == [(TxStatus.TOO_LATE, 0)]


@pytest.mark.parametrize("counter_unknown", [False, True])
async def test_immediate_downlink_that_no_window_is_permitted_for_is_refused(
    counter_unknown: bool,
) -> None:
    """KR920 and Japan: nothing is sent where listen-before-talk is the law."""
    async with transmitting(FakeConcentrator()) as bench:
        bench.chip.counter_unknown = counter_unknown
        await bench.transmitter.send_now(replace(ALWAYS, windows=()))
        assert bench.told == [(TxStatus.TX_FREQ, 0)]


async def test_immediate_downlinks_at_one_time_keep_the_duty_cycle_together() -> None:
    async with transmitting(FakeConcentrator(), [EU868.sub_bands[2], RX2_BAND]) as bench:
        bench.chip.now_us = 10 * SECOND
        await asyncio.gather(*(bench.transmitter.send_now(ALWAYS) for _ in range(3)))
        assert bench.told == [(TxStatus.DUTY_CYCLE_OVERFLOW, 0)] * 2
        assert len(bench.kept) == 1
