"""kogge radio send: what the law forbids is refused, with the limit's name."""

import pytest

from drivers.concentrator import Modulation
from drivers.sx1302.transmit import time_on_air_us
from gateway.cli.radio_limits import Refused, Wish, allowed, demand_airtime, seconds_left
from gateway.lorawan.region import Region, SubBand
from gateway.lorawan.regions import REGIONS

EU868 = REGIONS["EU868"]
WISH = Wish(frequency=868_100_000, sf=7)
NARROW = SubBand(868_700_000, 869_200_000, max_eirp=16.15, duty_cycle=0.001)


def allowed_power(wish: Wish, region: Region) -> int:
    return allowed(wish, region)[1]


def test_power_is_the_usual_one_or_the_limit_or_what_is_wished() -> None:
    assert allowed_power(WISH, EU868) == 14
    assert allowed_power(Wish(frequency=869_525_000, sf=9, power=27), EU868) == 27
    assert allowed_power(Wish(frequency=433_175_000, sf=9), REGIONS["EU433"]) == 12


@pytest.mark.parametrize("power", [17, 27])
def test_power_above_the_limit_is_refused_and_the_limit_named(power: int) -> None:
    with pytest.raises(Refused, match=r"868\.1 MHz.*EU868.*: 16 dBm e\.i\.r\.p\."):
        allowed_power(Wish(frequency=868_100_000, sf=7, power=power), EU868)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(frequency=868_650_000, sf=7),  # between two sub-bands
        Wish(frequency=868_590_000, sf=7),  # in one, but its upper half is not
        Wish(frequency=863_050_000, sf=7),
        Wish(frequency=868_300_000 + 125_000, sf=7, bandwidth=500_000),
        Wish(frequency=868_660_000, fsk=True),
        Wish(frequency=915_000_000, sf=7),
    ],
)
def test_signal_outside_the_bands_is_refused_and_the_bands_named(wish: Wish) -> None:
    with pytest.raises(Refused, match=r"EU868: allowed are .*869\.4–869\.65 MHz \(29 dBm\)"):
        allowed_power(wish, EU868)


def test_signal_may_reach_to_the_edge_of_its_band() -> None:
    assert allowed_power(Wish(frequency=868_000_000 + 62_500, sf=7), EU868)
    assert allowed_power(Wish(frequency=869_525_000, sf=7, bandwidth=250_000), EU868)


def test_region_of_listen_before_talk_is_refused() -> None:
    with pytest.raises(Refused, match="listen-before-talk"):
        allowed_power(Wish(frequency=922_100_000, sf=7), REGIONS["KR920"])


def test_band_is_told_with_the_power() -> None:
    band, _ = allowed(Wish(frequency=869_000_000, sf=12), EU868)
    assert (band.low, band.high) == (868_700_000, 869_200_000)
    assert seconds_left(band, {"868.7-869.2": 1.5}) == 1.5
    assert seconds_left(band, {}) is None


def test_airtime_beyond_the_duty_cycle_is_refused_with_what_is_left() -> None:
    wish = Wish(frequency=869_000_000, sf=12)
    airtime_us = time_on_air_us(wish.packet(1, 1, 14))
    demand_airtime(wish, NARROW, airtime_us, None)
    demand_airtime(wish, NARROW, airtime_us, 1.2)
    said = r"16 bytes takes 1\.155 s, .* has 1\.100 s left of 3\.6 s an hour .*0\.1%.*; send later"
    with pytest.raises(Refused, match=said):
        demand_airtime(wish, NARROW, airtime_us, 1.1)


def test_packet_that_never_fits_the_duty_cycle_is_said_to_be_so() -> None:
    wish = Wish(frequency=869_000_000, sf=12, size=255)
    airtime_us = time_on_air_us(wish.packet(1, 1, 14))
    with pytest.raises(Refused, match="send less, or faster, or in another sub-band"):
        demand_airtime(wish, NARROW, airtime_us, 3.6)


@pytest.mark.parametrize("size", [1, 16, 255])
def test_packet_is_a_proprietary_frame_with_its_number(size: int) -> None:
    payload = Wish(frequency=868_100_000, sf=7, size=size).packet(258, 1, 14).payload
    assert len(payload) == size
    assert payload[0] == 0xE0
    assert payload[:3] == b"\xe0\x01\x02"[:size]


def test_packet_is_a_downlink_unless_it_is_to_be_an_uplink() -> None:
    down = WISH.packet(1, 7, 14)
    assert (down.inverted, down.crc, down.counter_us, down.chip_session) == (True, False, None, 7)
    up = Wish(frequency=868_100_000, sf=7, inverted=False, payload=b"\x01").packet(1, 7, 14)
    assert (up.inverted, up.crc, up.payload) == (False, True, b"\x01")
    fsk = Wish(frequency=868_800_000, fsk=True).packet(1, 7, 14)
    assert (fsk.modulation, fsk.crc) == (Modulation.FSK, True)
