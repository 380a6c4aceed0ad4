"""The transmit task: in RX1, else in RX2, else not at all; and never for a chip that is no more."""

import asyncio
from dataclasses import replace

import pytest
from concentrator_standin import FakeConcentrator
from lorawan_network import packet
from patience import HUNG
from transmitter_bench import ANSWER, DUE, LATER, RX1, SECOND, UPLINK, Bench, transmitting

from drivers.concentrator import COUNTER_MODULUS, LinkLost, TxStatus
from gateway.air import transmitter
from gateway.lorawan.downlink import Answer


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
    await asyncio.wait({task}, timeout=HUNG)
    assert task.cancelled()
