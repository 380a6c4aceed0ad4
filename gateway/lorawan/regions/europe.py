"""EU868 (EU863-870), EU433 and RU864 (RU864-870), RP002-1.0.4 §2.4, §2.6, §2.12.

Sub-bands: ETSI EN 300 220-2 annex B and ERC/REC 70-03 annex 1 (14 dBm e.r.p. = 16.15 dBm e.i.r.p.,
27 = 29.15, 10 = 12.15); for Russia the recommendation of RP002. EU868's DR8…DR11 are LR-FHSS.
"""

from gateway.lorawan.region import Region, SubBand
from gateway.lorawan.regions.tables import LORA_AND_FSK, RX1_DATA_RATES

EU868 = Region(
    name="EU868",
    data_rates=(*LORA_AND_FSK, None, None, None, None),
    uplink_data_rates=range(12),
    downlink_data_rates=range(8),
    adr_data_rates=range(6),
    rx1_data_rates=RX1_DATA_RATES,
    rx2_frequency=869_525_000,
    rx2_data_rate=0,
    channels=(868_100_000, 868_300_000, 868_500_000),
    sub_bands=(
        SubBand(863_000_000, 865_000_000, 16.15, 0.001),
        SubBand(865_000_000, 868_000_000, 16.15, 0.01),
        SubBand(868_000_000, 868_600_000, 16.15, 0.01),
        SubBand(868_700_000, 869_200_000, 16.15, 0.001),
        SubBand(869_400_000, 869_650_000, 29.15, 0.1),
        SubBand(869_700_000, 870_000_000, 16.15, 0.01),
    ),
    max_eirp=16.0,
    tx_powers=8,
)

EU433 = Region(
    name="EU433",
    data_rates=LORA_AND_FSK,
    uplink_data_rates=range(8),
    downlink_data_rates=range(8),
    adr_data_rates=range(6),
    rx1_data_rates=RX1_DATA_RATES,
    rx2_frequency=434_665_000,
    rx2_data_rate=0,
    channels=(433_175_000, 433_375_000, 433_575_000),
    sub_bands=(SubBand(433_050_000, 434_790_000, 12.15, 0.1),),
    max_eirp=12.15,
    tx_powers=6,
)

RU864 = Region(
    name="RU864",
    data_rates=LORA_AND_FSK,
    uplink_data_rates=range(8),
    downlink_data_rates=range(8),
    adr_data_rates=range(6),
    rx1_data_rates=RX1_DATA_RATES,
    rx2_frequency=869_100_000,
    rx2_data_rate=0,
    channels=(868_900_000, 869_100_000),
    sub_bands=(SubBand(864_000_000, 870_000_000, 16.0, 0.01),),
    max_eirp=16.0,
    tx_powers=8,
)
