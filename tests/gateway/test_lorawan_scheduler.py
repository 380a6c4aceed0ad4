import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.concentrator import COUNTER_MODULUS, TxPacket, TxStatus
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import Answer, Window
from gateway.lorawan.scheduler import Planned, Scheduler

RX1 = Window(1, 1_000_000, 868_100_000, 7, 125_000, 14)
RX2 = Window(2, 2_000_000, 869_525_000, 12, 125_000, 27)
ACK = bytes(12)
ANSWER = Answer(ACK, (RX1, RX2))
SESSION = 3
AIRTIME_RX1 = 41_216

nearly_wrapping = pytest.mark.parametrize("start", [0, 5_000_000, COUNTER_MODULUS - 900_000])


def at(us: int) -> int:
    return us % COUNTER_MODULUS


def packets(planned: list[Planned]) -> list[TxPacket]:
    return [one.packet for one in planned]


@nearly_wrapping
def test_answer_in_time_goes_into_rx1(start: int) -> None:
    placed = Scheduler().place(ANSWER, start, SESSION, at(start + 20_000))
    assert placed.status is TxStatus.OK
    assert placed.window == 1
    assert placed.packet == TxPacket(ACK, at(start + 1_000_000), SESSION, 868_100_000, 7, power=14)


@nearly_wrapping
def test_late_answer_goes_into_rx2(start: int) -> None:
    placed = Scheduler().place(ANSWER, start, SESSION, at(start + 957_500))
    assert (placed.status, placed.window) == (TxStatus.OK, 2)
    assert placed.packet is not None
    assert placed.packet.counter_us == at(start + 2_000_000)
    assert (placed.packet.sf, placed.packet.power) == (12, 27)


@nearly_wrapping
def test_rx1_is_taken_up_to_its_last_moment(start: int) -> None:
    assert Scheduler().place(ANSWER, start, SESSION, at(start + 957_499)).window == 1


@nearly_wrapping
@pytest.mark.parametrize("passed", [1_957_500, 2_000_000, 60_000_000, 2**31])
def test_answer_after_rx2_is_too_late_and_not_sent(start: int, passed: int) -> None:
    scheduler = Scheduler()
    placed = scheduler.place(ANSWER, start, SESSION, at(start + passed))
    assert (placed.status, placed.packet, placed.window) == (TxStatus.TOO_LATE, None, None)
    assert scheduler.next_due_us() is None


def test_more_than_512_s_ahead_is_too_early() -> None:
    scheduler = Scheduler()
    only_rx1 = Answer(ACK, (RX1,))
    assert scheduler.place(only_rx1, 511_000_001, SESSION, 0).status is TxStatus.TOO_EARLY
    assert scheduler.place(only_rx1, 511_000_000, SESSION, 0).status is TxStatus.OK
    assert scheduler.due(0) == scheduler.late() == []


def test_answer_that_may_be_sent_nowhere_is_refused() -> None:
    assert Scheduler().place(Answer(ACK, ()), 0, SESSION, 0).status is TxStatus.TX_FREQ


@nearly_wrapping
@pytest.mark.parametrize(
    ("apart", "window"), [(0, 2), (AIRTIME_RX1 + 42_500, 2), (AIRTIME_RX1 + 42_501, 1)]
)
def test_packets_keep_apart_by_airtime_and_programming(start: int, apart: int, window: int) -> None:
    scheduler = Scheduler()
    scheduler.place(ANSWER, start, SESSION, start)
    assert scheduler.place(ANSWER, at(start + apart), SESSION, start).window == window


@nearly_wrapping
def test_earlier_newcomer_keeps_apart_by_its_own_airtime(start: int) -> None:
    only_rx1 = Answer(ACK, (RX1,))
    scheduler = Scheduler()
    scheduler.place(only_rx1, at(start + 100_000), SESSION, start)
    too_near = at(start + 100_000 - AIRTIME_RX1 - 42_500)
    assert scheduler.place(only_rx1, too_near, SESSION, start).status is TxStatus.COLLISION_PACKET
    assert scheduler.place(only_rx1, at(too_near - 1), SESSION, start).status is TxStatus.OK


def test_no_free_window_is_a_collision() -> None:
    scheduler = Scheduler()
    assert [scheduler.place(ANSWER, 0, SESSION, 0).window for _ in range(2)] == [1, 2]
    assert scheduler.place(ANSWER, 0, SESSION, 0).status is TxStatus.COLLISION_PACKET


def test_packet_on_the_air_still_collides() -> None:
    scheduler = Scheduler()
    scheduler.place(Answer(ACK, (RX2,)), 0, SESSION, 0)
    assert len(scheduler.due(1_960_000)) == 1
    during = Answer(ACK, (RX1,))  # 1 s after its uplink, 992 ms of time on air after 2 s
    refused = scheduler.place(during, 1_500_000, SESSION, 2_300_000)
    assert refused.status is TxStatus.COLLISION_PACKET
    assert scheduler.place(during, 2_300_000, SESSION, 3_100_000).status is TxStatus.OK


def test_thirty_third_packet_finds_the_queue_full() -> None:
    scheduler = Scheduler()
    placed = [scheduler.place(ANSWER, n * 10_000_000, SESSION, 0).status for n in range(33)]
    assert placed == [TxStatus.OK] * 32 + [TxStatus.QUEUE_FULL]


@nearly_wrapping
def test_packet_is_due_40_ms_ahead_and_once(start: int) -> None:
    scheduler = Scheduler()
    packet = scheduler.place(ANSWER, start, SESSION, start).packet
    due = scheduler.next_due_us()
    assert due == at(start + 960_000)
    assert scheduler.due(at(due - 1)) == []
    assert packets(scheduler.due(due)) == [packet]
    assert scheduler.due(at(due + 1)) == []
    assert scheduler.next_due_us() is None


@nearly_wrapping
def test_packet_is_due_as_far_ahead_as_its_concentrator_likes_it(start: int) -> None:
    scheduler = Scheduler(lead_us=500_000)
    packet = scheduler.place(ANSWER, start, SESSION, start).packet
    assert scheduler.next_due_us() == at(start + 500_000)
    assert scheduler.due(at(start + 499_999)) == []
    assert packets(scheduler.due(at(start + 500_000))) == [packet]
    between = scheduler.place(ANSWER, start, SESSION, at(start + 510_000))
    assert between.window == 2, "what was handed over early still has its place"


@nearly_wrapping
def test_next_due_is_the_earliest_of_all(start: int) -> None:
    scheduler = Scheduler()
    for after in (300_000, 0, 600_000):
        scheduler.place(ANSWER, at(start + after), SESSION, start)
    assert scheduler.next_due_us() == at(start + 960_000)


@given(
    start=st.integers(0, COUNTER_MODULUS - 1),
    uplinks=st.lists(st.integers(0, 500_000_000), min_size=1, max_size=8),
)
def test_next_due_leads_from_packet_to_packet_in_order(start: int, uplinks: list[int]) -> None:
    scheduler, promised, ahead = Scheduler(), [], []
    for after in uplinks:
        packet = scheduler.place(ANSWER, at(start + after), SESSION, start).packet
        promised += [] if packet is None else [at((packet.counter_us or 0) - start)]
    while (due := scheduler.next_due_us()) is not None:
        (packet,) = packets(scheduler.due(due))
        ahead.append(at((packet.counter_us or 0) - start))
    assert ahead == sorted(promised)
    assert scheduler.late() == []


@nearly_wrapping
@pytest.mark.parametrize("missed_by", [-2_500, 0, 1, 5_000_000, 3_000_000_000])
def test_packet_that_missed_its_moment_is_reported_and_not_sent(start: int, missed_by: int) -> None:
    scheduler = Scheduler()
    packet = scheduler.place(Answer(ACK, (RX1,)), start, SESSION, start).packet
    assert scheduler.due(at(start + 1_000_000 + missed_by)) == []
    assert packets(scheduler.late()) == [packet]
    assert scheduler.late() == []
    assert scheduler.next_due_us() is None


@nearly_wrapping
@pytest.mark.parametrize("missed_by", [-2_500, 0, 957_499])
def test_answer_that_missed_rx1_goes_into_rx2(start: int, missed_by: int) -> None:
    scheduler = Scheduler()
    scheduler.place(ANSWER, start, SESSION, start)
    assert scheduler.due(at(start + 1_000_000 + missed_by)) == []
    assert scheduler.late() == []
    (packet,) = packets(scheduler.due(at(start + 1_970_000)))
    assert (packet.counter_us, packet.sf) == (at(start + 2_000_000), 12)


def test_answer_that_missed_both_windows_is_reported_once() -> None:
    scheduler = Scheduler()
    packet = scheduler.place(ANSWER, 0, SESSION, 0).packet
    assert scheduler.due(1_960_000) == []
    assert packets(scheduler.late()) == [packet]


def test_packet_that_the_chip_refused_goes_into_the_next_window_if_there_is_one() -> None:
    scheduler = Scheduler()
    scheduler.place(ANSWER, 0, SESSION, 0)
    (first,) = packets(scheduler.due(970_000))
    assert scheduler.refused(first, 980_000)
    (second,) = packets(scheduler.due(1_970_000))
    assert second.counter_us == 2_000_000
    assert not scheduler.refused(second, 1_980_000)
    assert not scheduler.refused(second, 1_980_000)


def test_end_of_chip_session_takes_all_packets_with_it() -> None:
    scheduler = Scheduler()
    first = scheduler.place(ANSWER, 0, SESSION, 0).packet
    second = scheduler.place(ANSWER, 5_000_000, SESSION, 0).packet
    scheduler.due(960_000)
    assert packets(scheduler.clear()) == [second]
    assert first is not None
    assert scheduler.place(ANSWER, 0, SESSION + 1, 0).window == 1
    assert packets(scheduler.clear()) == [
        first.__class__(ACK, 1_000_000, SESSION + 1, 868_100_000, 7)
    ]


ALWAYS = Answer(ACK, (Window(2, 0, 869_525_000, 7, 125_000, 27),))


@nearly_wrapping
def test_device_that_always_listens_is_sent_to_at_once(start: int) -> None:
    scheduler = Scheduler()
    placed = scheduler.place_now(ALWAYS, SESSION, start)
    assert placed.packet is not None
    assert placed.packet.counter_us == at(start + 300_000)
    assert scheduler.due(at(start + 250_000)) == []
    assert scheduler.due(at(start + 265_000)) == [(placed.packet, ALWAYS)]


def test_what_is_withdrawn_leaves_its_place_to_others() -> None:
    scheduler = Scheduler()
    assert scheduler.place_now(ALWAYS, SESSION, 700_000).status is TxStatus.OK
    assert scheduler.place(ANSWER, 0, SESSION, 700_000).window == 2
    scheduler.clear()
    placed = scheduler.place_now(ALWAYS, SESSION, 700_000)
    assert packets(scheduler.withdraw(lambda answer: answer is ALWAYS)) == [placed.packet]
    assert scheduler.place(ANSWER, 0, SESSION, 700_000).window == 1


@nearly_wrapping
def test_immediate_downlink_goes_behind_what_it_would_meet(start: int) -> None:
    scheduler = Scheduler()
    assert scheduler.place(ANSWER, start, SESSION, at(start + 690_000)).window == 1
    placed = scheduler.place_now(ALWAYS, SESSION, at(start + 690_000))
    assert placed.packet is not None
    assert placed.packet.counter_us == at(start + 1_000_000 + AIRTIME_RX1 + 42_501)


@nearly_wrapping
def test_immediate_downlink_fits_into_a_gap(start: int) -> None:
    scheduler = Scheduler()
    for ends in (0, 200_000):
        assert scheduler.place(ANSWER, at(start + ends), SESSION, start).window == 1
    now = at(start + 720_000)
    placed = scheduler.place_now(ALWAYS, SESSION, now)
    assert placed.packet is not None
    assert placed.packet.counter_us == at(start + 1_000_000 + AIRTIME_RX1 + 42_501)


def test_air_that_is_taken_for_long_refuses_an_immediate_downlink() -> None:
    scheduler = Scheduler()
    slow = Answer(bytes(51), (Window(1, 1_000_000, 868_100_000, 12, 125_000, 14),))
    for after in range(0, 12_000_000, 2_600_000):
        assert scheduler.place(slow, after, SESSION, 0).status is TxStatus.OK
    busy = Answer(bytes(51), (Window(2, 0, 869_525_000, 12, 125_000, 27),))
    assert scheduler.place_now(busy, SESSION, 900_000).status is TxStatus.COLLISION_PACKET


def test_immediate_downlinks_of_one_moment_follow_each_other() -> None:
    scheduler = Scheduler()
    found = [scheduler.place_now(ALWAYS, SESSION, 0) for _ in range(40)]
    starts = [one.packet.counter_us or 0 for one in found if one.packet is not None]
    assert len(starts) == 32
    assert {one.status for one in found[32:]} == {TxStatus.QUEUE_FULL}
    apart = {after - before for before, after in itertools.pairwise(starts)}
    assert apart == {AIRTIME_RX1 + 42_501}


@dataclass
class Sent:
    start: int
    end: int


steps = st.lists(
    st.tuples(
        st.integers(0, 900_000),  # µs that pass
        st.integers(0, 2_100_000),  # µs ago that the uplink ended
        st.integers(0, 242),
        st.sampled_from([7, 9, 12]),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=200)
@given(start=st.integers(0, COUNTER_MODULUS - 1), steps=steps)
def test_nothing_overlaps_and_nothing_is_late(
    start: int, steps: list[tuple[int, int, int, int, bool]]
) -> None:
    """Time here counts on without wrapping; only the scheduler sees 32 bits of it."""
    scheduler, now, sent = Scheduler(), start + COUNTER_MODULUS, list[Sent]()
    promised: list[TxPacket] = []
    told: list[TxPacket] = []

    def program() -> None:
        for packet in packets(scheduler.due(at(now))):
            assert packet.counter_us is not None
            ahead = at(packet.counter_us - now)
            assert 2_500 < ahead <= 40_000
            begins = now + ahead
            assert all(begins - 40_000 > before.end for before in sent)
            airtime = airtime_us(len(packet.payload), packet.sf, packet.bandwidth)
            sent.append(Sent(begins, begins + airtime))
            told.append(packet)
        told.extend(packets(scheduler.late()))

    for passes, ago, size, sf, punctual in steps:
        if punctual:
            due = scheduler.next_due_us()
            now += passes if due is None else min(passes, at(due - now))
        else:
            now += passes
        program()
        windows = (Window(1, 1_000_000, 868_100_000, sf, 125_000, 14), RX2)
        placed = scheduler.place(Answer(bytes(size), windows), at(now - ago), SESSION, at(now))
        if placed.packet is not None:
            assert placed.packet.counter_us is not None
            assert at(placed.packet.counter_us - now) > 42_500
            promised.append(placed.packet)
    now += 10_000_000
    program()
    # an answer that was promised RX1 may have gone out in RX2: it is known by its size
    sizes = [sorted(len(packet.payload) for packet in packets) for packets in (told, promised)]
    assert sizes[0] == sizes[1]
