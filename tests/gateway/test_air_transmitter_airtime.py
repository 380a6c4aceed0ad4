"""The transmit task and airtime: claimed first, given back if it never left; what goes at once."""

import asyncio
from dataclasses import replace

import pytest
from concentrator_standin import FakeConcentrator
from transmitter_bench import ANSWER, DUE, RX1, RX2, SECOND, UPLINK, Bench, transmitting

from drivers.concentrator import LinkLost, TxStatus
from gateway.air import transmitter
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.region import SubBand
from gateway.lorawan.regions.europe import EU868


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter of these tests is moved by hand: the task looks again soon."""
    monkeypatch.setattr(transmitter, "IDLE_SECONDS", 0.005)


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
