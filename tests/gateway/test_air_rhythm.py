"""The rhythm of a street: a deaf radio is noticed, a sleeping street is not mistaken for one."""

import heapq
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.air.rhythm import DUE, INTERVALS, REMEMBERED, SILENCE, Rhythm

DAY, HOUR = 86_400.0, 3600.0
LEARNT = INTERVALS + 1


def street(devices: int = 4, seconds: int = 60, interval: float = 5.0) -> Rhythm:
    """Devices that have spoken regularly until `seconds`."""
    rhythm = Rhythm()
    for turn in range(int(seconds / interval) + 1):
        for dev_eui in range(devices):
            rhythm.uplink(dev_eui, turn, turn * interval)
            rhythm.packet(turn * interval)
    return rhythm


def fires(rhythm: Rhythm, since: float, until: float) -> float | None:
    """The first whole second at which the radio is called deaf."""
    second = since
    while second <= until:
        if rhythm.silence(second):
            return second
        second += 1.0
    return None


def test_deaf_radio_is_noticed_once_twelve_uplinks_are_missed() -> None:
    fired = fires(street(), 60, 200)
    assert fired is not None
    assert SILENCE <= fired - 60 <= 30


def test_reason_says_what_was_missed() -> None:
    reason = street().silence(60 + 30)
    assert reason == (
        "silent reception: nothing was heard for 30 s,"
        " though 20 uplinks of 4 regular devices were due"
    )


def test_busy_street_is_given_the_whole_silence() -> None:
    assert fires(street(devices=200), 60, 200) == 60 + SILENCE


def test_slow_street_is_given_until_enough_is_missed() -> None:
    """Four devices, every 15 minutes: twelve missed after three intervals and their slack."""
    rhythm = street(interval=900, seconds=9000)
    fired = fires(rhythm, 9000, 9000 + 5000)
    assert fired is not None
    assert 3 * 900 <= fired - 9000 <= 3.4 * 900


@pytest.mark.parametrize("devices", [0, 1, 2])
def test_fewer_than_three_devices_prove_nothing(devices: int) -> None:
    assert fires(street(devices), 60, 2000) is None


def test_two_of_many_uplinks_prove_nothing_beside_one_late_third() -> None:
    rhythm = street(devices=2)
    for turn in range(LEARNT):
        rhythm.uplink(9, turn, turn * HOUR - LEARNT * HOUR)
    assert fires(rhythm, 60, 600) is None


def test_strangers_packet_shows_that_the_radio_hears() -> None:
    rhythm = street()
    for second in range(60, 600):
        if second % 15 == 0:
            rhythm.packet(second)
        assert not rhythm.silence(second)


def test_it_does_not_fire_again_before_something_was_heard() -> None:
    rhythm = street()
    assert rhythm.silence(120)
    rhythm.listening(122)
    assert fires(rhythm, 122, 122 + 10 * HOUR) is None
    for turn in range(13, 13 + LEARNT):
        for dev_eui in range(4):
            rhythm.uplink(dev_eui, 10 + turn, 40_000 + turn * 5.0)
            rhythm.packet(40_000 + turn * 5.0)
    assert fires(rhythm, 40_110, 40_200) is not None


def test_time_without_a_radio_is_no_silence() -> None:
    rhythm = street()
    rhythm.listening(60 + HOUR)
    assert fires(rhythm, 60 + HOUR, 60 + HOUR + SILENCE - 1) is None


def test_device_that_is_gone_is_not_waited_for() -> None:
    """Three devices end while a fourth speaks on; when that one ends too, one is too few."""
    rhythm = street(devices=3)
    for turn in range(40):
        rhythm.uplink(7, turn, 60 + turn * 5.0)
        rhythm.packet(60 + turn * 5.0)
    assert fires(rhythm, 255, 255 + HOUR) is None


def test_lost_uplinks_do_not_spoil_the_interval() -> None:
    rhythm, random = Rhythm(), Random(1)
    for turn in range(60):
        for dev_eui in range(4):
            if random.random() > 0.5:
                rhythm.uplink(dev_eui, turn, turn * 5.0)
                rhythm.packet(turn * 5.0)
    assert fires(rhythm, 295, 340) is not None


def test_memory_is_bounded() -> None:
    rhythm = Rhythm()
    for dev_eui in range(3 * REMEMBERED):
        rhythm.uplink(dev_eui, 0, 0.0)
    assert len(rhythm._devices) == REMEMBERED
    assert next(iter(rhythm._devices)) == 2 * REMEMBERED


Uplink = tuple[float, int, int]  # when, which device, its frame counter


def regular(dev_eui: int, interval: float, random: Random, days: float) -> Iterator[Uplink]:
    """A quartz of its own, and a second of jitter."""
    at, f_cnt = random.uniform(0, interval), 0
    while at < days * DAY:
        yield at + random.uniform(0, 1), dev_eui, f_cnt
        at, f_cnt = at + interval * random.uniform(0.999, 1.001), f_cnt + 1


def parking(dev_eui: int, random: Random, days: float) -> Iterator[Uplink]:
    """Cars come every few minutes by day, and hardly one by night."""
    at, f_cnt = 0.0, 0
    while at < days * DAY:
        yield at, dev_eui, f_cnt
        by_day = 7 * HOUR < at % DAY < 20 * HOUR
        at, f_cnt = at + random.expovariate(1 / (300 if by_day else 2 * HOUR)), f_cnt + 1


def traffic(random: Random, days: float, loss: float) -> list[Uplink]:
    """A street that is thin enough for chance: four regular devices, forty parking sensors."""
    sources = [regular(n, each, random, days) for n, each in enumerate((10, 60, 600, 900))]
    sources += [parking(100 + n, random, days) for n in range(40)]
    return [uplink for uplink in heapq.merge(*sources) if random.random() >= loss]


def judged(rhythm: Rhythm, uplinks: list[Uplink]) -> list[str]:
    """Hear them all; before each the silence is judged as it stood at its end."""
    found = []
    for at, dev_eui, f_cnt in uplinks:
        if reason := rhythm.silence(at):
            found.append(f"{at}: {reason}")
        rhythm.uplink(dev_eui, f_cnt, at)
        rhythm.packet(at)
    return found


@pytest.mark.parametrize("loss", [0.1, 0.2])
def test_month_of_days_and_nights_brings_no_false_alarm(loss: float) -> None:
    rhythm = Rhythm()
    uplinks = traffic(Random(loss), 30, loss)
    assert judged(rhythm, uplinks) == []
    deaf_since = uplinks[-1][0]
    assert fires(rhythm, deaf_since, deaf_since + HOUR) is not None, "it would never fire"


def test_month_of_regular_devices_alone_brings_no_false_alarm() -> None:
    """Nothing else fills the silences: all that stands between is the count of what was due."""
    random = Random(7)
    sources = [regular(n, 8 + n, random, 30) for n in range(4)]
    uplinks = [each for each in heapq.merge(*sources) if random.random() >= 0.2]
    assert len(uplinks) > 700_000
    assert judged(Rhythm(), uplinks) == []


def test_parking_sensors_alone_never_prove_silence() -> None:
    random = Random(3)
    rhythm = Rhythm()
    uplinks = list(heapq.merge(*(parking(n, random, 5) for n in range(60))))
    assert judged(rhythm, uplinks) == []
    assert fires(rhythm, uplinks[-1][0], uplinks[-1][0] + 12 * HOUR) is None


@settings(max_examples=40)
@given(st.integers(3, 30), st.floats(15, 1000), st.floats(0, 0.2), st.integers())
def test_deaf_radio_is_always_noticed_in_time(
    devices: int, interval: float, loss: float, seed: int
) -> None:
    """Where every device is regular: at the latest after enough intervals for twelve uplinks."""
    rhythm, random, last = Rhythm(), Random(seed), 0.0
    sources = [regular(n, interval, random, 40 * interval / DAY) for n in range(devices)]
    for at, dev_eui, f_cnt in heapq.merge(*sources):
        if random.random() >= loss and not rhythm.silence(at):
            rhythm.uplink(dev_eui, f_cnt, at)
            rhythm.packet(at)
            last = at
    turns = -(-DUE // 3) + 2
    due = max(SILENCE, 1.3 * turns * interval + 3) + 1
    assert any(rhythm.silence(last + due * step / 64) for step in range(65))
