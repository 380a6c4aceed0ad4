import pytest

from gateway.lorawan.region import EU868, REGIONS


def test_regions_are_found_by_their_name() -> None:
    assert REGIONS["EU868"] is EU868


def test_data_rates_are_those_of_rp002() -> None:
    rates = [(rate.sf, rate.bandwidth // 1000, rate.bit_rate) for rate in EU868.data_rates]
    assert rates[:6] == [(sf, 125, 0) for sf in (12, 11, 10, 9, 8, 7)]
    assert rates[6:] == [(7, 250, 0), (0, 0, 50_000)]


def test_maximum_payload_sizes_are_those_of_rp002() -> None:
    sizes = [rate.max_mac_payload for rate in EU868.data_rates]
    assert sizes == [59, 59, 59, 123, 250, 250, 250, 250]
    behind_repeater = [rate.max_mac_payload_repeater for rate in EU868.data_rates]
    assert behind_repeater == [59, 59, 59, 123, 230, 230, 230, 230]


def test_rx1_data_rate_falls_by_the_offset_down_to_dr0() -> None:
    for uplink, row in enumerate(EU868.rx1_data_rates):
        assert row == tuple(max(0, uplink - offset) for offset in range(6))


def test_each_lora_rate_is_found_and_others_are_not() -> None:
    assert [EU868.data_rate(sf, 125_000) for sf in range(5, 13)] == [None, None, 5, 4, 3, 2, 1, 0]
    assert EU868.data_rate(7, 250_000) == 6
    assert EU868.data_rate(7, 500_000) is None
    assert EU868.data_rate(0, 0) is None  # FSK, as a packet without spreading factor


@pytest.mark.parametrize(
    ("frequency", "power"),
    [
        (867_100_000, 14),
        (868_100_000, 14),
        (868_599_999, 14),
        (868_600_000, None),
        (869_300_000, None),
        (869_525_000, 27),
        (869_650_000, None),
        (869_850_000, 14),
        (862_900_000, None),
        (870_000_000, None),
    ],
)
def test_power_is_the_limit_of_the_sub_band(frequency: int, power: int | None) -> None:
    assert EU868.power(frequency) == power


def test_cf_list_announces_the_five_further_channels() -> None:
    # 8 671 000 = 0x844f18 in units of 100 Hz, least significant byte first
    assert EU868.cf_list().hex() == "184f84" + "e85684" + "b85e84" + "886684" + "586e84" + "00"


def test_every_channel_may_be_answered_on() -> None:
    for channel in (*EU868.default_channels, *EU868.cf_list_channels, EU868.rx2_frequency):
        assert EU868.power(channel) is not None
