"""What follows from a region's tables, shown by EU868, US915 and AS923."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lorawan_network import packet

from gateway.lorawan.downlink import data_windows, join_windows
from gateway.lorawan.plan import factory_rx
from gateway.lorawan.region import DataRate, Region
from gateway.lorawan.regions import REGIONS
from gateway.lorawan.regions.europe import EU868

US915, AS923_2, KR920 = REGIONS["US915"], REGIONS["AS923-2"], REGIONS["KR920"]
EU868_EXTRA = (867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000)
ALL = pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)


def test_each_lora_rate_is_found_and_others_are_not() -> None:
    assert [EU868.data_rate(sf, 125_000) for sf in range(5, 13)] == [None, None, 5, 4, 3, 2, 1, 0]
    assert EU868.data_rate(7, 250_000) == 6
    assert EU868.data_rate(7, 500_000) is None
    assert EU868.data_rate(0, 0) is None  # FSK, as a packet without spreading factor


def test_uplink_is_never_taken_for_a_downlink_rate_of_the_same_kind() -> None:
    assert (US915.data_rate(8, 500_000), US915.rate(12).sf) == (4, 8)
    assert US915.data_rate(12, 500_000) is None


@pytest.mark.parametrize(
    ("frequency", "power"),
    [
        (867_100_000, 16),
        (868_100_000, 16),
        (868_599_999, 16),
        (868_600_000, None),
        (869_300_000, None),
        (869_525_000, 29),
        (869_650_000, None),
        (869_850_000, 16),
        (862_900_000, None),
        (870_000_000, None),
    ],
)
def test_power_is_the_limit_of_the_sub_band(frequency: int, power: int | None) -> None:
    """14 dBm e.r.p. are 16.15 dBm e.i.r.p., 27 are 29.15; never rounded up."""
    assert EU868.power(frequency) == power


def test_cf_list_tells_the_heard_channels_that_a_device_does_not_know() -> None:
    # 8 671 000 = 0x844f18 in units of 100 Hz, least significant byte first
    told = "184f84" + "e85684" + "b85e84" + "886684" + "586e84" + "00"
    assert EU868.cf_list(EU868.channels + EU868_EXTRA).hex() == told
    assert EU868.cf_list({*EU868_EXTRA, 868_800_000}).hex() == told, "five are told, not six"


def test_fewer_channels_leave_the_rest_of_the_cf_list_zero() -> None:
    assert EU868.cf_list(EU868_EXTRA[3:4]).hex() == "886684" + "00" * 13


@ALL
def test_without_news_there_is_no_cf_list(region: Region) -> None:
    assert region.cf_list(()) == b""
    assert region.fixed or region.cf_list(region.channels) == b""


def test_cf_list_of_a_fixed_plan_is_one_bit_a_channel() -> None:
    sub_band_2 = [903_900_000 + 200_000 * n for n in range(8)] + [904_600_000]
    mask = "00ff" + "0000" * 3 + "0200"  # channels 8…15 and 65
    assert US915.cf_list(sub_band_2).hex() == mask + "00" * 5 + "01"


@given(st.sets(st.integers(0, 71), min_size=1))
def test_every_channel_mask_reads_back(numbers: set[int]) -> None:
    cf_list = US915.cf_list([US915.channels[n] for n in numbers])
    assert (len(cf_list), cf_list[15]) == (16, 1)
    assert {8 * i + bit for i in range(15) for bit in range(8) if cf_list[i] >> bit & 1} == numbers


def test_rx1_is_on_the_uplinks_frequency_in_a_dynamic_plan() -> None:
    assert EU868.rx1_frequency(867_900_000) == 867_900_000


@pytest.mark.parametrize(
    ("uplink", "rx1"),
    [
        (902_300_000, 923_300_000),  # channel 0
        (903_900_000, 923_300_000),  # 8
        (914_900_000, 927_500_000),  # 63
        (904_600_000, 923_900_000),  # 65, 500 kHz
        (904_000_000, None),
    ],
)
def test_rx1_follows_from_the_channels_number_in_a_fixed_plan(uplink: int, rx1: int | None) -> None:
    assert US915.rx1_frequency(uplink) == rx1


def test_payload_shrinks_by_dwell_time_and_by_a_repeater() -> None:
    sf10, sf8 = AS923_2.rate(2), AS923_2.rate(4)
    assert (sf10.m(), sf10.m(dwell_time=True), sf10.m(repeater=True)) == (123, 19, 123)
    assert (sf8.m(), sf8.m(repeater=True), sf8.m(dwell_time=True, repeater=True)) == (250, 230, 133)
    assert DataRate(12, 125_000, 59, 0).m(dwell_time=True) == 0


def test_power_falls_by_two_db_an_index() -> None:
    assert EU868.eirp == (16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0)


def test_windows_follow_the_regions_tables() -> None:
    uplink = replace(packet(b""), frequency=904_600_000, sf=8, bandwidth=500_000)
    rx1, rx2 = data_windows(US915, factory_rx(US915), uplink)
    assert (rx1.number, rx1.delay_us, rx1.frequency) == (1, 1_000_000, 923_900_000)
    assert (rx1.sf, rx1.bandwidth, rx1.power) == (7, 500_000, 28)
    assert (rx2.number, rx2.delay_us, rx2.frequency) == (2, 2_000_000, 923_300_000)
    assert (rx2.sf, rx2.bandwidth) == (12, 500_000)


def test_uplink_beside_a_fixed_plans_channels_is_answered_in_rx2_alone() -> None:
    uplink = replace(packet(b""), frequency=904_000_000, sf=10)
    windows = join_windows(US915, factory_rx(US915), uplink)
    assert [window.number for window in windows] == [2]


def test_where_listening_is_the_law_nothing_is_sent_and_the_reason_is_said() -> None:
    uplink = replace(packet(b""), frequency=922_100_000)
    assert data_windows(KR920, factory_rx(KR920), uplink) == ()
    assert "listen-before-talk" in KR920.silence
    assert EU868.silence == ""
    assert {name for name, region in REGIONS.items() if region.silence} == {"KR920", "AS923-1"}


@ALL
def test_every_channel_may_be_answered_on(region: Region) -> None:
    talking = replace(region, listen_before_talk=False)
    for channel in region.channels:
        rx1 = talking.rx1_frequency(channel)
        assert rx1 is not None
        assert talking.power(rx1) is not None
    assert talking.power(region.rx2_frequency) is not None
