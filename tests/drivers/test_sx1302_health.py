"""What is judged a sick chip, and what must never be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.concentrator import Crc, RxPacket
from drivers.sx1302.health import LONGEST_PAUSE, TOLERANCE, Hearing, Vitals, count_fault

WELL = {"enabled": True, "agc_parity": False, "agc_status": 0, "arb_parity": False}
WRAP = 2**27


def vitals(**change: int) -> Vitals:
    return Vitals(**(WELL | {"version": 0x12} | change))  # type: ignore[arg-type]


def packet(crc: Crc) -> RxPacket:
    return RxPacket(b"", 0, 1, 868_100_000, 125_000, 7, 1, -100.0, -5.0, crc)


@pytest.mark.parametrize("status", range(256))
def test_no_agc_status_alone_is_a_fault(status: int) -> None:
    assert vitals(agc_status=status).fault(0x12) is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"agc_parity": True}, "the AGC is set"),
        ({"arb_parity": True, "agc_status": 0x14}, "the arbiter is set"),
        ({"agc_parity": True, "arb_parity": True, "agc_status": 0x14}, "stalled silently"),
        ({"agc_parity": True, "arb_parity": True}, "program memory damaged"),
        ({"enabled": False}, "was reset behind"),
        ({"version": 0xFF, "agc_parity": True}, "version reads 0xFF"),
    ],
)
def test_sick_register_is_named(change: dict[str, int], says: str) -> None:
    assert says in (vitals(**change).fault(0x12) or "")


def test_version_that_is_not_the_usual_one_is_healthy_if_it_stays() -> None:
    assert vitals(version=0x00).fault(0x00) is None


@given(
    st.integers(0, WRAP - 1),
    st.floats(0, LONGEST_PAUSE),
    st.floats(-TOLERANCE * 0.99, TOLERANCE * 0.99),
)
def test_count_that_keeps_pace_is_healthy_through_every_wrap(
    before: int, seconds: float, off: float
) -> None:
    after = (before + round(1e6 * (seconds + off))) % WRAP
    assert count_fault(before, after, seconds, seconds) is None


@given(
    st.integers(1, WRAP - 1),
    st.floats(TOLERANCE * 1.01, LONGEST_PAUSE),
    st.floats(0, 0.99),
)
def test_count_that_lags_is_a_fault(before: int, seconds: float, rate: float) -> None:
    seconds = min(seconds / (1 - rate), LONGEST_PAUSE)
    if seconds * (1 - rate) > TOLERANCE * 1.001:
        after = (before + round(1e6 * seconds * rate)) % WRAP
        assert count_fault(before, after, seconds, seconds)


def test_nothing_is_judged_of_a_quiet_air() -> None:
    assert Hearing().fault([], 1e9) is None


def run(crc: Crc, count: int, every: float, *, good: bool = True) -> float | None:
    """Seconds after which a run of such packets is called a fault."""
    hearing = Hearing()
    if good:
        assert hearing.fault([packet(Crc.OK)], 0.0) is None
    for i in range(count):
        if hearing.fault([packet(crc)], i * every):
            return i * every
    return None


@pytest.mark.parametrize(("every", "seconds"), [(0.004, 30), (0.5, 31.5), (0.8, 50.4)])
def test_unbroken_run_of_wrong_crcs_on_a_street_is_a_fault_within_a_minute(
    every: float, seconds: float
) -> None:
    found = run(Crc.BAD, 10_000, every)
    assert found == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("crc", "every", "good"),
    [
        (Crc.NONE, 0.5, True),
        (Crc.OK, 0.5, True),
        (Crc.BAD, 30.0, True),
        (Crc.BAD, 0.5, False),
    ],
    ids=["without CRC", "good", "phantoms of a quiet night", "a place where nothing is heard"],
)
def test_this_is_no_bad_reception(crc: Crc, every: float, good: bool) -> None:
    assert run(crc, 5_000, every, good=good) is None


def test_burst_of_wrong_crcs_is_no_fault() -> None:
    assert run(Crc.BAD, 1_000, 0.01) is None


def test_one_good_packet_ends_the_run() -> None:
    hearing = Hearing()
    for i in range(1_000):
        assert hearing.fault([packet(Crc.BAD)] * 2 + [packet(Crc.OK)] * (i % 30 == 0), i) is None
