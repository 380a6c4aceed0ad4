"""The regional parameters as tables (RP002-1.0.4; EU868 = EU863-870, §2.4).

RX1 is on the uplink's frequency, RX2 on a fixed one. A downlink's power is the e.r.p. limit of its
sub-band in dBm; a half-wave dipole (2.15 dBi) radiates as e.r.p. what the connector gives.
A frequency outside all sub-bands is not transmitted on.
"""

from dataclasses import dataclass

from drivers.concentrator import Modulation


@dataclass(frozen=True, slots=True)
class DataRate:
    """One row of a region's data rate table; `bandwidth` in Hz; FSK has neither, but a bit rate.

    `max_mac_payload` is M, `max_mac_payload_repeater` the M that leaves room for a repeater.
    """

    sf: int
    bandwidth: int
    max_mac_payload: int
    max_mac_payload_repeater: int
    modulation: Modulation = Modulation.LORA
    bit_rate: int = 0


@dataclass(frozen=True, slots=True)
class SubBand:
    """Frequencies in Hz, upper end excluded; `power` is the limit in dBm e.r.p."""

    low: int
    high: int
    power: int


@dataclass(frozen=True, slots=True)
class Region:
    """One channel plan. `rx1_data_rates[uplink DR][RX1DROffset]` is RX1's; delays in µs."""

    name: str
    data_rates: tuple[DataRate, ...]
    rx1_data_rates: tuple[tuple[int, ...], ...]
    rx2_frequency: int
    rx2_data_rate: int
    default_channels: tuple[int, ...]
    cf_list_channels: tuple[int, ...]
    sub_bands: tuple[SubBand, ...]
    receive_delay1_us: int = 1_000_000
    receive_delay2_us: int = 2_000_000
    join_accept_delay1_us: int = 5_000_000
    join_accept_delay2_us: int = 6_000_000

    def data_rate(self, sf: int, bandwidth: int) -> int | None:
        """The LoRa data rate's index, None where the region knows no such."""
        for index, rate in enumerate(self.data_rates):
            if (rate.modulation, rate.sf, rate.bandwidth) == (Modulation.LORA, sf, bandwidth):
                return index
        return None

    def power(self, frequency: int) -> int | None:
        """The e.r.p. limit in dBm at `frequency`; None where nothing may be sent."""
        for band in self.sub_bands:
            if band.low <= frequency < band.high:
                return band.power
        return None

    def cf_list(self) -> bytes:
        """CFList of type 0: up to five frequencies in 100 Hz, three bytes each, and the type."""
        units = [frequency // 100 for frequency in self.cf_list_channels]
        return b"".join(unit.to_bytes(3, "little") for unit in units).ljust(16, b"\0")


EU868 = Region(
    name="EU868",
    data_rates=(
        DataRate(12, 125_000, 59, 59),
        DataRate(11, 125_000, 59, 59),
        DataRate(10, 125_000, 59, 59),
        DataRate(9, 125_000, 123, 123),
        DataRate(8, 125_000, 250, 230),
        DataRate(7, 125_000, 250, 230),
        DataRate(7, 250_000, 250, 230),
        DataRate(0, 0, 250, 230, Modulation.FSK, bit_rate=50_000),
    ),
    rx1_data_rates=(
        (0, 0, 0, 0, 0, 0),
        (1, 0, 0, 0, 0, 0),
        (2, 1, 0, 0, 0, 0),
        (3, 2, 1, 0, 0, 0),
        (4, 3, 2, 1, 0, 0),
        (5, 4, 3, 2, 1, 0),
        (6, 5, 4, 3, 2, 1),
        (7, 6, 5, 4, 3, 2),
    ),
    rx2_frequency=869_525_000,
    rx2_data_rate=0,
    default_channels=(868_100_000, 868_300_000, 868_500_000),
    cf_list_channels=(867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000),
    # ETSI EN 300 220-2 annex B and ERC/REC 70-03 annex 1
    sub_bands=(
        SubBand(863_000_000, 865_000_000, 14),
        SubBand(865_000_000, 868_000_000, 14),
        SubBand(868_000_000, 868_600_000, 14),
        SubBand(868_700_000, 869_200_000, 14),
        SubBand(869_400_000, 869_650_000, 27),
        SubBand(869_700_000, 870_000_000, 14),
    ),
)

REGIONS = {EU868.name: EU868}
