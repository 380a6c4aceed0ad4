"""The tables of all regions against the rules that RP002-1.0.4 states for them, and physics."""

import pytest

from drivers.concentrator import Modulation
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.region import DataRate, Region
from gateway.lorawan.regions import REGIONS

ALL = pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
MHZ = 1_000_000
DWELL_TIME_US = 400_000
MHDR_AND_MIC = 5
AS923 = [name for name in REGIONS if name.startswith("AS923")]
CN470 = [name for name in REGIONS if name.startswith("CN470")]


def kind(rate: DataRate | None) -> str:
    if rate is None:
        return "-"
    if rate.modulation is Modulation.FSK:
        return f"FSK{rate.bit_rate // 1000}"
    return f"{rate.sf}/{rate.bandwidth // 1000}"


def kinds(region: Region) -> str:
    return " ".join(kind(rate) for rate in region.data_rates)


LORA_125 = "12/125 11/125 10/125 9/125 8/125 7/125"
DOWN_500 = "12/500 11/500 10/500 9/500 8/500 7/500"


def test_the_regions_are_those_of_the_specification() -> None:
    assert set(REGIONS) == {
        *("EU868", "EU433", "US915", "AU915", "IN865", "KR920", "RU864"),
        *(f"AS923-{group}" for group in range(1, 5)),
        *("CN470", "CN470-20B", "CN470-26A", "CN470-26B"),
    }


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("EU868", f"{LORA_125} 7/250 FSK50 - - - -"),
        *((name, f"{LORA_125} 7/250 FSK50") for name in ("EU433", "RU864", *AS923)),
        ("US915", f"10/125 9/125 8/125 7/125 8/500 - - - {DOWN_500}"),
        ("AU915", f"{LORA_125} 8/500 - {DOWN_500}"),
        ("IN865", f"{LORA_125} - FSK50"),
        ("KR920", LORA_125),
        *((name, "- 11/125 10/125 9/125 8/125 7/125 7/500 FSK50") for name in CN470),
    ],
)
def test_data_rates(name: str, rates: str) -> None:
    assert kinds(REGIONS[name]) == rates


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        *((name, "59 59 59 123 250 250 250 250") for name in ("EU868", "EU433", "RU864")),
        ("US915", "19 61 133 250 250 - - - 61 137 250 250 250 250"),
        ("AU915", "59/0 59/0 59/19 123/61 250/133 250 250 - 61 137 250 250 250 250"),
        *((name, "59/0 59/0 123/19 123/61 250/133 250 250 250") for name in AS923),
        ("IN865", "59 59 59 123 250 250 - 250"),
        ("KR920", "59 59 59 123 250 250"),
        *((name, "- 31 94 192 250 250 250 250") for name in CN470),
    ],
)
def test_maximum_payload_sizes(name: str, sizes: str) -> None:
    said = []
    for rate in REGIONS[name].data_rates[: len(sizes.split())]:
        limited = "" if rate is None or rate.max_mac_payload_dwell is None else "/"
        said += ["-" if rate is None else f"{rate.m()}"]
        said[-1] += f"/{rate.m(dwell_time=True)}" if rate and limited else ""
    assert " ".join(said) == sizes


@ALL
def test_uplink_under_dwell_time_lasts_400_ms_at_most(region: Region) -> None:
    """With no FOpts and FPort the size is what fits, give or take what the rounding leaves."""
    for rate in filter(None, region.data_rates):
        size = rate.max_mac_payload_dwell
        if size:
            lasts = airtime_us(size + MHDR_AND_MIC, rate.sf, rate.bandwidth, crc=True)
            assert 0.9 * DWELL_TIME_US < lasts <= DWELL_TIME_US, rate
        elif size == 0:
            assert airtime_us(18, rate.sf, rate.bandwidth, crc=True) > DWELL_TIME_US, rate


@pytest.mark.parametrize("name", CN470)
def test_uplink_in_china_lasts_a_second_at_most(name: str) -> None:
    for rate in REGIONS[name].data_rates[1:4]:
        assert rate is not None
        lasts = airtime_us(rate.m() + MHDR_AND_MIC, rate.sf, rate.bandwidth, crc=True)
        assert 980_000 < lasts <= 1_000_000


@ALL
def test_rx1_falls_by_the_offset_down_to_the_slowest_downlink(region: Region) -> None:
    """Offsets 0…5 of dynamic plans and CN470; gaps fall to the next lower."""
    if region.name in ("US915", "AU915"):
        return
    defined = [dr for dr in region.downlink_data_rates if region.data_rates[dr]]
    for uplink, row in enumerate(region.rx1_data_rates):
        for offset, downlink in enumerate(row[:6]):
            reached = [dr for dr in defined if dr <= max(uplink - offset, defined[0])]
            assert downlink == reached[-1], (uplink, offset)


@pytest.mark.parametrize("name", [*AS923, "IN865"])
def test_rx1_rises_with_offsets_six_and_seven(name: str) -> None:
    region = REGIONS[name]
    for uplink, row in enumerate(region.rx1_data_rates):
        for offset, downlink in zip((6, 7), row[6:], strict=False):
            reached = [dr for dr in range(min(uplink + offset - 5, 7) + 1) if region.data_rates[dr]]
            assert downlink == reached[-1], (uplink, offset)


@pytest.mark.parametrize(("name", "first"), [("US915", 10), ("AU915", 8)])
def test_rx1_of_the_americas_is_within_the_downlinks_rates(name: str, first: int) -> None:
    for uplink, row in enumerate(REGIONS[name].rx1_data_rates):
        for offset, downlink in enumerate(row):
            assert downlink == min(max(uplink + first - offset, 8), 13), (uplink, offset)


@ALL
def test_tables_fit_each_other(region: Region) -> None:
    for uplink in region.uplink_data_rates:
        if region.data_rates[uplink] is not None:
            row = region.rx1_data_rates[uplink]
            assert all(dr in region.downlink_data_rates and region.data_rates[dr] for dr in row)
    assert region.rx2_data_rate in region.downlink_data_rates
    for dr in (*region.adr_data_rates, region.rx2_data_rate):
        rate = region.rate(dr)
        assert rate.modulation is Modulation.LORA
    assert region.receive_delay2_us == region.receive_delay1_us + MHZ
    assert region.join_accept_delay2_us == region.join_accept_delay1_us + MHZ


@pytest.mark.parametrize(
    ("name", "rx2", "channels"),
    [
        ("EU868", (869.525, 0), [868.1, 868.3, 868.5]),
        ("EU433", (434.665, 0), [433.175, 433.375, 433.575]),
        ("AS923-1", (923.2, 2), [923.2, 923.4]),
        ("AS923-2", (921.4, 2), [921.4, 921.6]),
        ("AS923-3", (916.6, 2), [916.6, 916.8]),
        ("AS923-4", (917.3, 2), [917.3, 917.5]),
        ("IN865", (866.55, 2), [865.0625, 865.4025, 865.985]),
        ("KR920", (921.9, 0), [922.1, 922.3, 922.5]),
        ("RU864", (869.1, 0), [868.9, 869.1]),
    ],
)
def test_dynamic_plans(name: str, rx2: tuple[float, int], channels: list[float]) -> None:
    region = REGIONS[name]
    assert not region.fixed
    assert (region.rx2_frequency / MHZ, region.rx2_data_rate) == rx2
    assert [channel / MHZ for channel in region.channels] == channels


@pytest.mark.parametrize(
    ("name", "edges", "wide", "downlinks"),
    [
        ("US915", (902.3, 914.9), (903.0, 914.2), (923.3, 927.5)),
        ("AU915", (915.2, 927.8), (915.9, 927.1), (923.3, 927.5)),
    ],
)
def test_plans_of_the_americas(
    name: str,
    edges: tuple[float, float],
    wide: tuple[float, float],
    downlinks: tuple[float, float],
) -> None:
    region = REGIONS[name]
    narrow, broad, down = region.channels[:64], region.channels[64:], region.downlink_channels
    assert (narrow[0] / MHZ, narrow[-1] / MHZ) == edges
    assert (broad[0] / MHZ, broad[-1] / MHZ, len(broad)) == (*wide, 8)
    assert (down[0] / MHZ, down[-1] / MHZ, len(down)) == (*downlinks, 8)
    assert (region.rx2_frequency, region.rx2_data_rate) == (down[0], 8)


@pytest.mark.parametrize(
    ("name", "uplinks", "downlinks", "rx2"),
    [
        ("CN470", "470.3-476.5 503.5-509.7", "483.9-490.1 490.3-496.5", 486.9),
        ("CN470-20B", "476.9-483.1 496.9-503.1", "476.9-483.1 496.9-503.1", 498.3),
        ("CN470-26A", "470.3-479.7", "490.1-494.7", 492.5),
        ("CN470-26B", "480.3-489.7", "500.1-504.7", 502.5),
    ],
)
def test_plans_of_china(name: str, uplinks: str, downlinks: str, rx2: float) -> None:
    region = REGIONS[name]
    assert [channel / MHZ for channel in region.channels] == grid(uplinks)
    assert [channel / MHZ for channel in region.downlink_channels] == grid(downlinks)
    assert (region.rx2_frequency / MHZ, region.rx2_data_rate) == (rx2, 1)
    assert region.rx2_frequency in region.downlink_channels


def grid(groups: str) -> list[float]:
    """Channels every 200 kHz within each of "low-high" in MHz."""
    edges = [[round(float(edge) * 10) for edge in group.split("-")] for group in groups.split()]
    return [tenth / 10 for low, high in edges for tenth in range(low, high + 1, 2)]


def test_sub_bands_of_europe_are_those_of_en_300_220() -> None:
    bands = REGIONS["EU868"].sub_bands
    said = [(b.low / MHZ, b.high / MHZ, round(b.max_eirp - 2.15, 2), b.duty_cycle) for b in bands]
    assert said == [
        (863.0, 865.0, 14.0, 0.001),
        (865.0, 868.0, 14.0, 0.01),
        (868.0, 868.6, 14.0, 0.01),
        (868.7, 869.2, 14.0, 0.001),
        (869.4, 869.65, 27.0, 0.1),
        (869.7, 870.0, 14.0, 0.01),
    ]


@pytest.mark.parametrize(
    ("name", "erp", "duty_cycle"),
    [("EU433", 10.0, 0.1), ("RU864", 13.85, 0.01), ("AS923-2", 13.85, 0.01), ("US915", 26.0, 1.0)],
)
def test_sub_bands_elsewhere(name: str, erp: float, duty_cycle: float) -> None:
    (band,) = REGIONS[name].sub_bands
    assert (round(band.max_eirp - 2.15, 2), band.duty_cycle) == (erp, duty_cycle)


@pytest.mark.parametrize(
    ("name", "strongest", "weakest"),
    [
        ("EU868", 16.0, 2.0),
        ("EU433", 12.15, 2.15),
        ("US915", 30.0, 2.0),
        ("AU915", 30.0, 2.0),
        ("AS923-1", 16.0, 2.0),
        ("CN470", 19.15, 5.15),
        ("IN865", 30.0, 10.0),
        ("KR920", 14.0, 0.0),
        ("RU864", 16.0, 2.0),
    ],
)
def test_tx_powers(name: str, strongest: float, weakest: float) -> None:
    region = REGIONS[name]
    assert region.eirp[0] == strongest
    assert region.eirp[-1] == pytest.approx(weakest)
