"""US915 (US902-928) and AU915 (AU915-928), RP002-1.0.4 §2.5, §2.8: 64 + 8 numbered channels.

The 64 are 125 kHz wide, the 8 above them 500 kHz; eight more of 500 kHz are for downlinks.
LR-FHSS is DR5 and DR6 of US915, DR7 of AU915. There is no duty cycle. Powers: 26 dBm at the
connector of a half-wave dipole (FCC 15.247: 8 dBm in 3 kHz), 1 W e.i.r.p. (AS/NZS 4268).
"""

from gateway.lorawan.region import DataRate, Region, SubBand
from gateway.lorawan.regions.tables import channels

DOWNLINK_RATES = (
    DataRate(12, 500_000, 61),
    DataRate(11, 500_000, 137),
    DataRate(10, 500_000, 250),
    DataRate(9, 500_000, 250),
    DataRate(8, 500_000, 250),
    DataRate(7, 500_000, 250),
)
"""DR8…DR13 of both."""

DOWNLINK_CHANNELS = channels(923_300_000, 600_000, 8)

US915 = Region(
    name="US915",
    data_rates=(
        DataRate(10, 125_000, 19),
        DataRate(9, 125_000, 61),
        DataRate(8, 125_000, 133),
        DataRate(7, 125_000, 250),
        DataRate(8, 500_000, 250),
        None,
        None,
        None,
        *DOWNLINK_RATES,
    ),
    uplink_data_rates=range(7),
    downlink_data_rates=range(8, 14),
    adr_data_rates=range(4),
    rx1_data_rates=(
        (10, 9, 8, 8),
        (11, 10, 9, 8),
        (12, 11, 10, 9),
        (13, 12, 11, 10),
        (13, 13, 12, 11),
    ),
    rx2_frequency=923_300_000,
    rx2_data_rate=8,
    channels=channels(902_300_000, 200_000, 64) + channels(903_000_000, 1_600_000, 8),
    downlink_channels=DOWNLINK_CHANNELS,
    sub_bands=(SubBand(902_000_000, 928_000_000, 28.15),),
    max_eirp=30.0,
    tx_powers=15,
)

AU915 = Region(
    name="AU915",
    data_rates=(
        DataRate(12, 125_000, 59, 0),
        DataRate(11, 125_000, 59, 0),
        DataRate(10, 125_000, 59, 19),
        DataRate(9, 125_000, 123, 61),
        DataRate(8, 125_000, 250, 133),
        DataRate(7, 125_000, 250),
        DataRate(8, 500_000, 250),
        None,
        *DOWNLINK_RATES,
    ),
    uplink_data_rates=range(8),
    downlink_data_rates=range(8, 14),
    adr_data_rates=range(6),
    rx1_data_rates=(
        (8, 8, 8, 8, 8, 8),
        (9, 8, 8, 8, 8, 8),
        (10, 9, 8, 8, 8, 8),
        (11, 10, 9, 8, 8, 8),
        (12, 11, 10, 9, 8, 8),
        (13, 12, 11, 10, 9, 8),
        (13, 13, 12, 11, 10, 9),
    ),
    rx2_frequency=923_300_000,
    rx2_data_rate=8,
    channels=channels(915_200_000, 200_000, 64) + channels(915_900_000, 1_600_000, 8),
    downlink_channels=DOWNLINK_CHANNELS,
    sub_bands=(SubBand(915_000_000, 928_000_000, 30.0),),
    max_eirp=30.0,
    tx_powers=15,
)
