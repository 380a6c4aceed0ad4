"""A packet that a device sends towards the concentrator."""

from dataclasses import dataclass

from drivers.emulator import airtime

CRC_OK, CRC_BAD, CRC_NONE = "ok", "bad", "none"


@dataclass(frozen=True, slots=True)
class Uplink:
    """Frequency, bandwidth in Hz; `rssi` dBm and `snr` dB as they arrive at the antenna.

    LoRa: `sf` 5…12, `coding_rate` 1…4 for 4/5…4/8; FSK: `bit_rate`. `crc` is ok, bad or none.
    `public`: with the sync word of public networks. `fades`: not heard where `snr` is too low.
    """

    payload: bytes
    frequency: int
    modulation: str = "LORA"
    sf: int = 7
    bandwidth: int = 125_000
    coding_rate: int = 1
    rssi: float = -80.0
    snr: float = 8.0
    crc: str = CRC_OK
    bit_rate: int = 50_000
    public: bool = True
    fades: bool = False

    @property
    def has_crc(self) -> bool:
        """Whether a payload CRC is sent."""
        return self.crc != CRC_NONE

    @property
    def time_on_air_us(self) -> int:
        """How long it lasts: preamble of eight symbols, explicit header; FSK: five bytes."""
        if self.modulation == "FSK":
            return airtime.fsk_us(len(self.payload), self.bit_rate, crc=self.has_crc)
        return airtime.lora_us(
            len(self.payload), self.sf, self.bandwidth, self.coding_rate, self.has_crc
        )

    def correction_us(self, *, fine: bool = False) -> int:
        """What the chip's timestamp is away from the packet's end; plain LoRa: negative."""
        if self.modulation == "FSK":
            return airtime.fsk_correction_us(self.bit_rate)
        correct = airtime.lora_fine_correction_us if fine else airtime.lora_correction_us
        return correct(len(self.payload), self.sf, self.bandwidth, self.coding_rate, self.has_crc)

    def disturbs(self, other: "Uplink") -> bool:
        """Whether the two share channel and data rate; different spreading factors do not mix."""
        mine = self.modulation, self.sf, self.bandwidth
        same_rate = mine == (other.modulation, other.sf, other.bandwidth)
        return same_rate and abs(self.frequency - other.frequency) <= self.bandwidth / 4
