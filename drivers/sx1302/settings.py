"""What one SX1302 board is told to do: radios, chains, powers. Checked against the chip's limits.

Frequencies, offsets and bandwidths are in Hz. Chain 0–7 receive 125 kHz LoRa at all spreading
factors, chain 8 ("service") one LoRa data rate, chain 9 FSK. A chain listens at the centre of its
radio plus its offset.
"""

from dataclasses import dataclass
from enum import StrEnum

RADIO_RANGE = range(100_000_000, 1_000_000_001)
CALIBRATION_BANDS = {  # image calibration: MHz, both ends excluded, and the command's bytes
    (430, 440): b"\x6b\x6f",
    (470, 510): b"\x75\x81",
    (779, 787): b"\xc1\xc5",
    (863, 870): b"\xd7\xdb",
    (902, 928): b"\xe1\xe9",
}
BANDWIDTH_CODE = {125_000: 4, 250_000: 5, 500_000: 6}
SPREADING_FACTORS = range(5, 13)
BIT_RATES = range(500, 250_001)
HALF_SPAN = 800_000  # |offset| + bandwidth / 2 must stay within it
MULTI_SF_CHAINS = 8
SERVICE_CHAIN = 8
FSK_CHAIN = 9


class SettingError(ValueError):
    """A value that the chip cannot take: which key, the value, what is allowed."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        self.key, self.value, self.allowed = key, value, allowed
        super().__init__(f"{key} is {value!r}; {allowed}")


def check(holds: bool, key: str, value: object, allowed: str) -> None:
    """Refuse a value, with the reason."""
    if not holds:
        raise SettingError(key, value, allowed)


class FineTimestamps(StrEnum):
    """SX1303 only: which spreading factors are demodulated twice for a fine timestamp."""

    OFF = "off"
    ALL_SF = "all_sf"
    HIGH_CAPACITY = "high_capacity"  # SF5–SF10


@dataclass(frozen=True, slots=True)
class GainRow:
    """One row of the power table: dBm at the connector, and what makes it."""

    rf_power: int
    pa_gain: int
    pwr_idx: int
    dig_gain: int = 0

    def check(self, key: str) -> None:
        check(0 <= self.pa_gain <= 3, f"{key}.pa_gain", self.pa_gain, "0…3 are allowed")
        check(0 <= self.dig_gain <= 3, f"{key}.dig_gain", self.dig_gain, "0…3 are allowed")
        check(0 <= self.pwr_idx <= 22, f"{key}.pwr_idx", self.pwr_idx, "0…22 are allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """One SX1250. `rssi_tcomp` are the coefficients a…e of the temperature's effect on RSSI.

    `transmit` is the band in which it may transmit (lowest, highest; None: not at all);
    `gains` are ordered by power.
    """

    frequency: int
    rssi_offset: float = 0.0
    rssi_tcomp: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)
    single_input: bool = False
    transmit: tuple[int, int] | None = None
    gains: tuple[GainRow, ...] = ()

    def check(self, key: str) -> None:
        within = self.frequency in RADIO_RANGE and calibration_band(self.frequency) is not None
        bands = ", ".join(f"{low}–{high}" for low, high in CALIBRATION_BANDS)
        check(
            within, f"{key}.frequency", self.frequency, f"the radio can be tuned within {bands} MHz"
        )
        if self.transmit is not None:
            self._check_transmit(f"{key}.transmit", *self.transmit)
            rows = len(self.gains)
            check(1 <= rows <= 16, f"{key}.gains", rows, "1…16 rows of transmit power are needed")
        for i, row in enumerate(self.gains):
            row.check(f"{key}.gains.{i}")
        powers = [row.rf_power for row in self.gains]
        check(powers == sorted(powers), f"{key}.gains", powers, "rows must be ordered by rf_power")

    def _check_transmit(self, key: str, low: int, high: int) -> None:
        check(low <= high, key, self.transmit, "lowest comes before highest")
        (bottom, top), _ = _band(self.frequency) or ((0, 0), b"")
        allowed = f"it must share frequencies with the radio's own band, {bottom}–{top} MHz"
        check(low <= top * 1_000_000 and bottom * 1_000_000 <= high, key, self.transmit, allowed)
        within = low in RADIO_RANGE and high in RADIO_RANGE
        check(within, key, self.transmit, "the radio transmits within 100–1000 MHz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where a chain listens: which radio, and the offset from its centre."""

    radio: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImplicitHeader:
    """What the receiver must know when packets carry no header."""

    length: int
    crc: bool
    coding_rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Channel):
    """The LoRa service chain."""

    bandwidth: int = 250_000
    sf: int = 7
    implicit: ImplicitHeader | None = None

    def check(self, key: str) -> None:
        allowed = "125000, 250000 or 500000 Hz"
        check(self.bandwidth in BANDWIDTH_CODE, f"{key}.bandwidth", self.bandwidth, allowed)
        check(self.sf in SPREADING_FACTORS, f"{key}.sf", self.sf, "5…12 are allowed")
        if self.implicit is not None:
            length, rate = self.implicit.length, self.implicit.coding_rate
            check(0 < length <= 255, f"{key}.implicit.length", length, "1…255 are allowed")
            check(1 <= rate <= 4, f"{key}.implicit.coding_rate", rate, "1…4 are allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fsk(Channel):
    """The FSK chain; the sync word's most significant byte is sent first."""

    bandwidth: int = 250_000
    bit_rate: int = 64_000
    sync_word: bytes = b"\xc1\x94\xc1"

    def check(self, key: str) -> None:
        allowed = "125000, 250000 or 500000 Hz"
        check(self.bandwidth in BANDWIDTH_CODE, f"{key}.bandwidth", self.bandwidth, allowed)
        check(self.bit_rate in BIT_RATES, f"{key}.bit_rate", self.bit_rate, "500…250000 bit/s")
        size = len(self.sync_word)
        check(1 <= size <= 8, f"{key}.sync_word", self.sync_word.hex(), "1…8 bytes are allowed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that start-up writes; a radio or chain that is None is off.

    `antenna_gain` is in dBi, cable losses taken off: what a transmission's power is lowered by.
    """

    radios: tuple[Radio | None, Radio | None]
    clock_source: int = 0
    channels: tuple[Channel | None, ...] = (None,) * MULTI_SF_CHAINS
    spreading_factors: frozenset[int] = frozenset(SPREADING_FACTORS)
    service: Service | None = None
    fsk: Fsk | None = None
    public: bool = True
    fine_timestamps: FineTimestamps = FineTimestamps.OFF
    antenna_gain: float = 0.0

    def __post_init__(self) -> None:
        self._check_radios()
        factors, allowed = sorted(self.spreading_factors), "a subset of 5…12 is allowed"
        check(set(factors) <= set(SPREADING_FACTORS), "spreading_factors", factors, allowed)
        gain = self.antenna_gain
        check(-30 <= gain <= 30, "antenna_gain", gain, "−30…30 dBi are allowed")
        count = len(self.channels)
        check(count == MULTI_SF_CHAINS, "channels", count, "there are 8 chains; off is None")
        self._check_channels()
        if self.service is not None:
            self.service.check("service")
            self._check_channel("service", self.service, self.service.bandwidth)
        if self.fsk is not None:
            self.fsk.check("fsk")
            self._check_channel("fsk", self.fsk, self.fsk.bandwidth)

    def _check_radios(self) -> None:
        for i, radio in enumerate(self.radios):
            if radio is not None:
                radio.check(f"radios.{i}")
        clocked = self.clock_source in (0, 1) and self.radios[self.clock_source] is not None
        allowed = "the chip's clock comes from radio 0 or 1, which must be on"
        check(clocked, "clock_source", self.clock_source, allowed)

    def _check_channels(self) -> None:
        taken: dict[int, int] = {}
        for i, channel in enumerate(self.channels):
            self._check_channel(f"channels.{i}", channel, 125_000)
            if channel is not None:
                centre = self.centre(channel)
                first = taken.setdefault(centre, i)
                allowed = f"{centre} Hz is heard already, by number {first + 1} of the eight"
                check(first == i, f"channels.{i}.offset", channel.offset, allowed)

    def _check_channel(self, key: str, channel: Channel | None, bandwidth: int) -> None:
        if channel is None:
            return
        on = channel.radio in (0, 1) and self.radios[channel.radio] is not None
        check(on, f"{key}.radio", channel.radio, "it must be radio 0 or 1, and that must be on")
        limit = HALF_SPAN - bandwidth // 2
        allowed = f"at {bandwidth // 1000} kHz a chain reaches {limit} Hz from its radio's centre"
        check(abs(channel.offset) <= limit, f"{key}.offset", channel.offset, allowed)

    def chain(self, number: int) -> Channel | None:
        """The setting of chain 0…9."""
        if number == SERVICE_CHAIN:
            return self.service
        return self.fsk if number == FSK_CHAIN else self.channels[number]

    def centre(self, channel: Channel) -> int:
        """The frequency that a chain listens at."""
        radio = self.radios[channel.radio]
        assert radio is not None
        return radio.frequency + channel.offset

    @property
    def radio_chains(self) -> list[tuple[int, Radio]]:
        """The radios that are on, with their numbers."""
        return [(i, radio) for i, radio in enumerate(self.radios) if radio is not None]


def calibration_band(frequency: int) -> bytes | None:
    """The parameters of the image calibration for this frequency, None outside every band."""
    band = _band(frequency)
    return band[1] if band else None


def _band(frequency: int) -> tuple[tuple[int, int], bytes] | None:
    for (low, high), code in CALIBRATION_BANDS.items():
        if low * 1_000_000 < frequency < high * 1_000_000:
            return (low, high), code
    return None
