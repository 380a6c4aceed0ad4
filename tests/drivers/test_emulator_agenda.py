"""The agenda: what is due happens in order, also when time jumps."""

from drivers.emulator.agenda import Agenda
from drivers.emulator.clock import Counter


def test_things_happen_in_the_order_of_their_times_and_get_them() -> None:
    agenda, seen = Agenda(), list[int]()
    for at_ns in (30, 10, 20, 99):
        agenda.at(at_ns, seen.append)
    agenda.run(50)
    assert seen == [10, 20, 30]
    assert agenda.next_ns == 99


def test_what_is_entered_meanwhile_happens_in_its_turn() -> None:
    agenda, seen = Agenda(), list[int]()
    agenda.at(10, lambda now: seen.append(agenda.at(now + 5, seen.append).at_ns))
    agenda.at(20, seen.append)
    agenda.run(50)
    assert seen == [15, 15, 20]


def test_cancelled_things_do_not_happen_and_are_not_waited_for() -> None:
    agenda, seen = Agenda(), list[int]()
    agenda.cancel(agenda.at(10, seen.append))
    agenda.cancel(None)
    assert agenda.next_ns is None
    agenda.run(50)
    assert seen == []


def test_only_a_sooner_time_is_told() -> None:
    agenda, told = Agenda(), list[int | None]()
    agenda.on_sooner = lambda: told.append(agenda.next_ns)
    for at_ns in (30, 40, 20):
        agenda.at(at_ns, lambda _: None)
    assert told == [30, 20]


def test_counter_values_and_times_belong_together() -> None:
    counter = Counter(epoch_ns=7)
    for us in (0, 1, 2**27 - 1, 2**27, 2**32 - 1):
        at_ns = counter.nearest_ns(us, 7 + us * 1000 + 500)
        assert (counter.us(at_ns), counter.ticks(at_ns)) == (us, us * 32 % 2**32)
        assert at_ns == 7 + us * 1000


def test_nearest_counter_value_is_found_across_the_wrap() -> None:
    counter = Counter(epoch_ns=0)
    just_after = (2**32 + 10) * 1000
    assert counter.nearest_ns(2**32 - 5, just_after) == (2**32 - 5) * 1000
    assert counter.nearest_ns(20, just_after) == (2**32 + 20) * 1000


def test_next_tick_is_now_or_later() -> None:
    counter = Counter(epoch_ns=0)
    assert counter.next_ns(32, 1000) == 1000
    assert counter.next_ns(33, 1000) == 1032  # 31.25 ns, rounded up
    assert counter.ticks(1032) == 33
    assert counter.next_ns(31, 1000) == 1000 + (2**32 - 1) * 1000 // 32 + 1
