"""Time on air against published figures, timestamp corrections against the recorded ones."""

import pytest

from drivers.emulator import airtime


@pytest.mark.parametrize(
    ("sf", "milliseconds"),
    [(7, 61.696), (8, 113.152), (9, 205.824), (10, 370.688), (11, 823.296), (12, 1482.752)],
)
def test_time_on_air_of_23_bytes_is_the_published_one(sf: int, milliseconds: float) -> None:
    """10 bytes of application payload at 125 kHz, as every LoRaWAN air-time calculator has it."""
    assert airtime.lora_us(23, sf, 125_000, 1, crc=True) == milliseconds * 1000


def test_bandwidth_shortens_and_header_and_preamble_lengthen() -> None:
    at_125 = airtime.lora_us(23, 7, 125_000, 1, crc=True)
    assert airtime.lora_us(23, 7, 250_000, 1, crc=True) * 2 == at_125
    assert airtime.lora_us(23, 7, 500_000, 1, crc=True) * 4 == at_125
    assert airtime.lora_us(23, 7, 125_000, 1, crc=True, preamble=10) == at_125 + 2 * 1024
    assert airtime.lora_us(23, 7, 125_000, 1, crc=True, header=False) < at_125


def test_low_data_rate_is_for_symbols_of_16_ms() -> None:
    on = [(sf, bw) for sf in range(5, 13) for bw in (125_000, 250_000, 500_000)]
    on = [(sf, bw) for sf, bw in on if airtime.low_data_rate(sf, bw)]
    assert on == [(11, 125_000), (12, 125_000), (12, 250_000)]


def test_fsk_time_on_air_counts_every_byte() -> None:
    assert airtime.fsk_us(20, 50_000) == (5 + 3 + 1 + 20 + 2) * 160


@pytest.mark.parametrize(
    ("size", "sf", "bandwidth", "correction"),
    [
        (20, 7, 125_000, -456),
        (20, 10, 125_000, -3878),
        (20, 12, 125_000, -15414),
        (64, 7, 250_000, -234),
    ],
)
def test_corrections_are_the_recorded_ones(
    size: int, sf: int, bandwidth: int, correction: int
) -> None:
    assert airtime.lora_correction_us(size, sf, bandwidth, 1, crc=True) == correction


def test_fsk_correction_is_the_recorded_one() -> None:
    assert airtime.fsk_correction_us(50_000) == -7
