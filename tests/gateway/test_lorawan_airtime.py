import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.concentrator import Crc, Modulation, RxPacket
from gateway.lorawan.airtime import airtime_us, low_data_rate, uplink_airtime_us


@pytest.mark.parametrize(
    ("size", "sf", "bandwidth", "crc", "milliseconds"),
    [
        (13, 7, 125_000, True, 46.336),
        (23, 7, 125_000, True, 61.696),
        (12, 7, 125_000, False, 41.216),
        (13, 12, 125_000, True, 1155.072),
        (51, 12, 125_000, True, 2465.792),
        (13, 10, 125_000, True, 288.768),
        (13, 7, 250_000, True, 23.168),
    ],
)
def test_time_on_air_equals_published_calculators(
    size: int, sf: int, bandwidth: int, crc: bool, milliseconds: float
) -> None:
    assert airtime_us(size, sf, bandwidth, crc=crc) == round(milliseconds * 1000)


@given(
    size=st.integers(0, 255),
    sf=st.integers(5, 12),
    bandwidth=st.sampled_from([125_000, 250_000, 500_000]),
    coding_rate=st.integers(1, 4),
    preamble=st.integers(6, 20),
    crc=st.booleans(),
)
def test_time_on_air_is_semtechs_formula(
    size: int, sf: int, bandwidth: int, coding_rate: int, preamble: int, crc: bool
) -> None:
    de = int((sf, bandwidth) in {(11, 125_000), (12, 125_000), (12, 250_000)})
    bits = 8 * size - 4 * sf + (28 if sf >= 7 else 20) + 16 * crc
    symbols = 8 + max(math.ceil(bits / (4 * (sf - 2 * de))) * (coding_rate + 4), 0)
    sync = Fraction(17 if sf >= 7 else 25, 4)
    expected = (preamble + sync + symbols) * 2**sf / bandwidth * 1_000_000
    assert airtime_us(size, sf, bandwidth, coding_rate, preamble, crc) == math.ceil(expected)


def test_defaults_are_a_downlink_at_125_khz() -> None:
    assert airtime_us(12, 7) == airtime_us(12, 7, 125_000, 1, 8, crc=False) == 41_216


def test_low_data_rate_is_where_the_modem_has_it() -> None:
    rates = [(sf, bw) for bw in (125_000, 250_000, 500_000) for sf in range(5, 13)]
    assert {rate for rate in rates if low_data_rate(*rate)} == {
        (11, 125_000),
        (12, 125_000),
        (12, 250_000),
    }


def test_received_packet_was_on_the_air_with_its_crc() -> None:
    lora = RxPacket(bytes(20), 0, 1, 868_100_000, 125_000, 9, 1, -80.0, 8.5, Crc.OK)
    assert uplink_airtime_us(lora) == airtime_us(20, 9, crc=True)
    fsk = RxPacket(
        bytes(20), 0, 1, 868_800_000, 0, 0, 0, -80.0, None, Crc.OK, Modulation.FSK, 50_000
    )
    assert uplink_airtime_us(fsk) == 31 * 8 * 20
