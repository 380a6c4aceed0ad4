"""What a region's tables hold, and what follows from them (RP002-1.0.4 §2; RP001-1.0.3 alike).

Rules:

- A data rate that this concentrator cannot make or hear (LR-FHSS) is a gap: None.
- A dynamic plan has few channels of its own; up to five more are told with the Join-Accept
  (CFList type 0), and RX1 is on the uplink's frequency. A fixed plan numbers all its channels; the
  Join-Accept tells which of them are heard (CFList type 1), and RX1 is on the downlink channel
  that follows from the uplink's number.
- Powers are dBm e.i.r.p. A limit that the law gives as e.r.p. stands 2.15 dB higher here: what a
  half-wave dipole adds. The antenna's gain is the concentrator's concern.
- A frequency outside all sub-bands is not transmitted on; nor is any where listen-before-talk is
  the law, as long as no concentrator listens before it talks.
- UplinkDwellTime is the device's concern (§2.3): the network never asks for a slower data rate than
  it hears. DownlinkDwellTime is 0 to a device that was told nothing, and none is: RX1 follows the
  tables without it. Where the law knows it, a data rate that it forbids is not sent at.
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import floor

from drivers.concentrator import Modulation

CF_LIST_FREQUENCIES = 5
REPEATER_MAC_PAYLOAD = 230
FREQUENCY_STEP = 100
"""Hz: what a MAC command can tell."""
TX_POWER_STEP = 2.0
"""dB from one TXPower index to the next."""


@dataclass(frozen=True, slots=True)
class DataRate:
    """One row of a region's data rate table; `bandwidth` in Hz; FSK has neither, but a bit rate.

    `max_mac_payload` is M; `max_mac_payload_dwell` is M where a transmission may last 400 ms,
    None where that makes no difference and 0 where nothing fits.
    """

    sf: int
    bandwidth: int
    max_mac_payload: int
    max_mac_payload_dwell: int | None = None
    modulation: Modulation = Modulation.LORA
    bit_rate: int = 0

    def m(self, *, dwell_time: bool = False, repeater: bool = False) -> int:
        """The largest MACPayload in bytes; behind a repeater 20 bytes are the repeater's."""
        limited = dwell_time and self.max_mac_payload_dwell is not None
        size = self.max_mac_payload_dwell or 0 if limited else self.max_mac_payload
        return min(size, REPEATER_MAC_PAYLOAD) if repeater else size


@dataclass(frozen=True, slots=True)
class SubBand:
    """Frequencies in Hz, upper end excluded; `duty_cycle` is the share of any hour, 1 = all."""

    low: int
    high: int
    max_eirp: float
    duty_cycle: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One channel plan. `rx1_data_rates[uplink DR][RX1DROffset]` is RX1's; delays in µs.

    `channels` are those that every device knows: the default ones of a dynamic plan, all of a fixed
    one, which alone has `downlink_channels`. `max_eirp` is an end device's at TXPower 0; of
    `tx_powers` indices each is 2 dB weaker than the one before. `downlink_dwell_time`: no downlink
    may last longer than 400 ms. `repeater`: devices may be behind one.
    """

    name: str
    data_rates: tuple[DataRate | None, ...]
    uplink_data_rates: range
    downlink_data_rates: range
    adr_data_rates: range
    rx1_data_rates: tuple[tuple[int, ...], ...]
    rx2_frequency: int
    rx2_data_rate: int
    channels: tuple[int, ...]
    sub_bands: tuple[SubBand, ...]
    max_eirp: float
    tx_powers: int
    downlink_channels: tuple[int, ...] = ()
    listen_before_talk: bool = False
    downlink_dwell_time: bool = False
    repeater: bool = False
    receive_delay1_us: int = 1_000_000
    receive_delay2_us: int = 2_000_000
    join_accept_delay1_us: int = 5_000_000
    join_accept_delay2_us: int = 6_000_000

    @property
    def fixed(self) -> bool:
        """Whether the channels are numbered once and for all."""
        return bool(self.downlink_channels)

    @property
    def silence(self) -> str:
        """Why nothing is sent in this region; "" where sending is allowed."""
        if not self.listen_before_talk:
            return ""
        return (
            f"{self.name} demands listen-before-talk, which this gateway cannot do: it receives,"
            " but sends nothing, so devices get no answer and cannot join"
            " (docs/install.md, concentrator.listen_before_talk)"
        )

    def data_rate(self, sf: int, bandwidth: int) -> int | None:
        """The index of an uplink's LoRa data rate, None where the region knows no such."""
        for index in self.uplink_data_rates:
            rate = self.data_rates[index]
            if rate and (rate.modulation, rate.sf, rate.bandwidth) == (
                Modulation.LORA,
                sf,
                bandwidth,
            ):
                return index
        return None

    def rate(self, data_rate: int) -> DataRate:
        """The row of a data rate that is no gap."""
        found = self.data_rates[data_rate]
        assert found is not None
        return found

    def max_mac_payload(self, data_rate: int) -> int:
        """The largest MACPayload of a downlink in bytes; 0 at a data rate that is not sent at."""
        return self.rate(data_rate).m(dwell_time=self.downlink_dwell_time, repeater=self.repeater)

    @property
    def knows_dwell_time(self) -> bool:
        """Whether some downlink of its tables would last longer than 400 ms."""
        rates = (self.data_rates[dr] for dr in self.downlink_data_rates)
        return any(rate is not None and rate.max_mac_payload_dwell is not None for rate in rates)

    @property
    def rx1_dr_offsets(self) -> range:
        return range(max(map(len, self.rx1_data_rates)))

    @property
    def rx2_data_rates(self) -> tuple[int, ...]:
        """Those that a downlink can be sent at beside any uplink's."""
        rates = ((dr, self.data_rates[dr]) for dr in self.downlink_data_rates)
        lora = (dr for dr, rate in rates if rate and rate.modulation is Modulation.LORA)
        return tuple(dr for dr in lora if self.max_mac_payload(dr))

    def may_be_rx2(self, frequency: int) -> bool:
        """Whether RX2 can be there: on a downlink channel of a fixed plan, else in a sub-band."""
        if self.fixed:
            return frequency in self.downlink_channels
        return self.sub_band(frequency) is not None and frequency % FREQUENCY_STEP == 0

    def rx1_data_rate(self, data_rate: int, offset: int) -> int:
        """RX1's data rate after an uplink at `data_rate`, by RX1DROffset."""
        return self.rx1_data_rates[data_rate][offset]

    def rx1_frequency(self, uplink: int) -> int | None:
        """RX1's frequency after an uplink; None on no channel of a fixed plan."""
        if not self.fixed:
            return uplink
        if uplink not in self.channels:
            return None
        return self.downlink_channels[self.channels.index(uplink) % len(self.downlink_channels)]

    def sub_band(self, frequency: int) -> SubBand | None:
        for band in self.sub_bands:
            if band.low <= frequency < band.high:
                return band
        return None

    def power(self, frequency: int) -> int | None:
        """The limit in whole dBm e.i.r.p. at `frequency`; None where nothing may be sent."""
        band = self.sub_band(frequency)
        return None if band is None or self.listen_before_talk else floor(band.max_eirp)

    @property
    def eirp(self) -> tuple[float, ...]:
        """An end device's e.i.r.p. in dBm by TXPower index."""
        return tuple(self.max_eirp - TX_POWER_STEP * index for index in range(self.tx_powers))

    def cf_list(self, heard: Collection[int]) -> bytes:
        """The CFList that tells a device which channels are heard; empty where it needs none.

        `heard` are frequencies in Hz at which the gateway receives all data rates of that channel.
        """
        return self._channel_masks(heard) if self.fixed else self._frequencies(heard)

    def _frequencies(self, heard: Collection[int]) -> bytes:
        """Type 0: up to five frequencies in 100 Hz, three bytes each, and the type."""
        more = sorted(set(heard) - set(self.channels))[:CF_LIST_FREQUENCIES]
        units = (frequency // 100 for frequency in more)
        return b"".join(unit.to_bytes(3, "little") for unit in units).ljust(16, b"\0") * bool(more)

    def _channel_masks(self, heard: Collection[int]) -> bytes:
        """Type 1: one bit a channel, channel 0 in bit 0 of the first byte, and the type."""
        mask = sum(1 << n for n, frequency in enumerate(self.channels) if frequency in heard)
        return mask.to_bytes(15, "little") + b"\1" if mask else b""
