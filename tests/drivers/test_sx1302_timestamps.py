"""The counter's wraps, corrections against recorded values, airtime against its formula."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sx1302.timestamps import (
    CounterExtension,
    LoRaPacket,
    end_correction,
    fine_correction,
    fsk_end_correction,
    fsk_time_on_air_us,
    since,
)

WRAP27 = 1 << 27


@given(st.lists(st.integers(0, WRAP27 - 1), min_size=1, max_size=100), st.integers(0, WRAP27 - 1))
def test_counter_follows_every_wrap(steps: list[int], start: int) -> None:
    extension, true = CounterExtension(), start
    assert extension.advance(true % WRAP27) == true
    for step in steps:
        true += step
        assert extension.advance(true % WRAP27) == true % (1 << 32)


@given(st.integers(WRAP27, 2**34), st.integers(0, WRAP27 - 1))
def test_packet_up_to_a_wrap_before_the_reading_is_extended(reading: int, age: int) -> None:
    extension = CounterExtension(reading % WRAP27, (reading >> 27) % 32)
    assert extension.extend((reading - age) % WRAP27) == (reading - age) % (1 << 32)


def test_32_bit_wrap_is_crossed() -> None:
    extension = CounterExtension(WRAP27 - 10, 31)
    assert extension.advance(5) == 5
    assert extension.extend(WRAP27 - 1) == (1 << 32) - 1


def test_difference_of_counters_crosses_the_wrap() -> None:
    assert since(5, (1 << 32) - 5) == 10
    assert since((1 << 32) - 5, 5) == -10
    assert since(0, 1 << 31) == -(1 << 31)


@pytest.mark.parametrize(
    ("sf", "bandwidth", "size", "expected"),
    [
        (7, 125_000, 20, -456),
        (10, 125_000, 20, -3878),
        (12, 125_000, 20, -15414),
        (7, 250_000, 64, -234),
    ],
)
def test_correction_is_the_recorded_one(sf: int, bandwidth: int, size: int, expected: int) -> None:
    assert end_correction(LoRaPacket(sf, bandwidth, 1, size, crc=True)) == expected


@given(
    st.integers(5, 12),
    st.sampled_from([125_000, 250_000, 500_000]),
    st.integers(1, 4),
    st.integers(0, 255),
    st.booleans(),
)
def test_corrections_have_the_sign_of_their_mode(
    sf: int, bandwidth: int, rate: int, size: int, crc: bool
) -> None:
    packet = LoRaPacket(sf, bandwidth, rate, size, crc)
    assert -100_000 < end_correction(packet) < 0
    assert -20 <= fine_correction(packet) <= packet.time_on_air_us(8)


def test_fine_correction_is_the_payload_less_the_filters() -> None:
    """35 symbols of 1024 µs, and 16 + 2.03125 + 0.5 µs of filters."""
    assert fine_correction(LoRaPacket(7, 125_000, 1, 20, crc=True)) == 35_821


def test_fsk_correction_is_the_recorded_one() -> None:
    assert fsk_end_correction(50_000) == -7


@given(
    st.integers(5, 12),
    st.sampled_from([125_000, 250_000, 500_000]),
    st.integers(1, 4),
    st.integers(0, 255),
    st.booleans(),
    st.booleans(),
    st.integers(6, 20),
)
def test_time_on_air_is_the_formulas(
    sf: int, bandwidth: int, rate: int, size: int, crc: bool, header: bool, preamble: int
) -> None:
    """AN1200.13 with SX126x's additions for SF5 and SF6."""
    bits = 8 * size + 16 * crc - 4 * sf + (8 if sf >= 7 else 0) + 20 * header
    blocks = math.ceil(max(bits, 0) / (4 * (sf - (2 if sf >= 11 else 0))))
    symbols = preamble + (4.25 if sf >= 7 else 6.25) + 8 + blocks * (rate + 4)
    packet = LoRaPacket(sf, bandwidth, rate, size, crc, header)
    assert packet.time_on_air_us(preamble) == int(symbols * 2**sf * 1e6 / bandwidth)


def test_time_on_air_of_known_packets() -> None:
    assert LoRaPacket(7, 125_000, 1, 20, crc=True).time_on_air_us(8) == 56_576
    assert LoRaPacket(12, 125_000, 1, 33, crc=False).time_on_air_us(8) == 1_810_432
    assert fsk_time_on_air_us(20, 50_000, 5, 3, crc=True) == 5_000
