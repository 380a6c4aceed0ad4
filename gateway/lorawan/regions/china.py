"""CN470 (CN470-510), RP002-1.0.4 §2.7: four plans of numbered channels, by the antenna's width.

A device chooses the plan with the channel that it joins on; "CN470" is the 20 MHz plan A. SF12 may
not be used: a transmission lasts one second at most, which the sizes of DR1…DR3 come from too.
"""

from gateway.lorawan.region import DataRate, Region, SubBand
from gateway.lorawan.regions.tables import FSK_50, channels


def _cn470(
    name: str, uplinks: tuple[int, ...], downlinks: tuple[int, ...], rx2_frequency: int
) -> Region:
    return Region(
        name=name,
        data_rates=(
            None,
            DataRate(11, 125_000, 31),
            DataRate(10, 125_000, 94),
            DataRate(9, 125_000, 192),
            DataRate(8, 125_000, 250),
            DataRate(7, 125_000, 250),
            DataRate(7, 500_000, 250),
            FSK_50,
        ),
        uplink_data_rates=range(8),
        downlink_data_rates=range(8),
        adr_data_rates=range(1, 6),
        rx1_data_rates=(
            (),
            (1, 1, 1, 1, 1, 1),
            (2, 1, 1, 1, 1, 1),
            (3, 2, 1, 1, 1, 1),
            (4, 3, 2, 1, 1, 1),
            (5, 4, 3, 2, 1, 1),
            (6, 5, 4, 3, 2, 1),
            (7, 6, 5, 4, 3, 2),
        ),
        rx2_frequency=rx2_frequency,
        rx2_data_rate=1,
        channels=uplinks,
        downlink_channels=downlinks,
        sub_bands=(SubBand(470_000_000, 510_000_000, 19.15),),
        max_eirp=19.15,
        tx_powers=8,
    )


def _every_200_khz(first: int, count: int) -> tuple[int, ...]:
    return channels(first, 200_000, count)


_PLAN_20A = (
    _every_200_khz(470_300_000, 32) + _every_200_khz(503_500_000, 32),
    _every_200_khz(483_900_000, 64),
    486_900_000,
)
_PLAN_20B = _every_200_khz(476_900_000, 32) + _every_200_khz(496_900_000, 32)

CN470 = (
    _cn470("CN470", *_PLAN_20A),
    _cn470("CN470-20B", _PLAN_20B, _PLAN_20B, 498_300_000),
    _cn470(
        "CN470-26A",
        _every_200_khz(470_300_000, 48),
        _every_200_khz(490_100_000, 24),
        492_500_000,
    ),
    _cn470(
        "CN470-26B",
        _every_200_khz(480_300_000, 48),
        _every_200_khz(500_100_000, 24),
        502_500_000,
    ),
)
