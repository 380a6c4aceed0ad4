"""AS923-1…4, IN865 (IN865-867) and KR920 (KR920-923), RP002-1.0.4 §2.10, §2.11, §2.9.

AS923 is one plan at four places: its groups differ by an offset and by the band of their countries.
Listen-before-talk is the law in Korea and in Japan, whose group is AS923-1. In the other countries
of that group the operator says that it is not (`concentrator.listen_before_talk`).
"""

from gateway.lorawan.region import DataRate, Region, SubBand
from gateway.lorawan.regions.tables import FSK_50, LORA_125, RX1_DATA_RATES

OFFSETS_6_AND_7 = ((1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 7), (7, 7))
"""RX1DROffset 6 and 7 of AS923: RX1 is faster than the uplink."""


def _as923(group: int, offset: int, low: int, high: int) -> Region:
    return Region(
        name=f"AS923-{group}",
        data_rates=(
            DataRate(12, 125_000, 59, 0),
            DataRate(11, 125_000, 59, 0),
            DataRate(10, 125_000, 123, 19),
            DataRate(9, 125_000, 123, 61),
            DataRate(8, 125_000, 250, 133),
            DataRate(7, 125_000, 250),
            DataRate(7, 250_000, 250),
            FSK_50,
        ),
        uplink_data_rates=range(8),
        downlink_data_rates=range(8),
        adr_data_rates=range(6),
        rx1_data_rates=tuple(
            (*slower, *faster)
            for slower, faster in zip(RX1_DATA_RATES, OFFSETS_6_AND_7, strict=True)
        ),
        rx2_frequency=923_200_000 + offset,
        rx2_data_rate=2,
        channels=(923_200_000 + offset, 923_400_000 + offset),
        sub_bands=(SubBand(low, high, 16.0, 0.01),),
        max_eirp=16.0,
        tx_powers=8,
        listen_before_talk=group == 1,
    )


AS923 = (
    _as923(1, 0, 915_000_000, 928_000_000),
    _as923(2, -1_800_000, 920_000_000, 923_000_000),
    _as923(3, -6_600_000, 915_000_000, 921_000_000),
    _as923(4, -5_900_000, 917_000_000, 920_000_000),
)

IN865 = Region(
    name="IN865",
    data_rates=(*LORA_125, None, FSK_50),
    uplink_data_rates=range(8),
    downlink_data_rates=range(8),
    adr_data_rates=range(6),
    rx1_data_rates=(
        (0, 0, 0, 0, 0, 0, 1, 2),
        (1, 0, 0, 0, 0, 0, 2, 3),
        (2, 1, 0, 0, 0, 0, 3, 4),
        (3, 2, 1, 0, 0, 0, 4, 5),
        (4, 3, 2, 1, 0, 0, 5, 5),
        (5, 4, 3, 2, 1, 0, 5, 7),
        (),
        (7, 5, 5, 4, 3, 2, 7, 7),
    ),
    rx2_frequency=866_550_000,
    rx2_data_rate=2,
    channels=(865_062_500, 865_402_500, 865_985_000),
    sub_bands=(SubBand(865_000_000, 867_000_000, 30.0),),
    max_eirp=30.0,
    tx_powers=11,
)

KR920 = Region(
    name="KR920",
    data_rates=LORA_125,
    uplink_data_rates=range(6),
    downlink_data_rates=range(6),
    adr_data_rates=range(6),
    rx1_data_rates=RX1_DATA_RATES[:6],
    rx2_frequency=921_900_000,
    rx2_data_rate=0,
    channels=(922_100_000, 922_300_000, 922_500_000),
    sub_bands=(SubBand(920_800_000, 923_400_000, 23.0),),
    max_eirp=14.0,
    tx_powers=8,
    listen_before_talk=True,
)
