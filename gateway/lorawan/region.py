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
"""

from collections.abc import Collection
from dataclasses import dataclass
from math import floor

from drivers.concentrator import Modulation

CF_LIST_FREQUENCIES = 5
REPEATER_MAC_PAYLOAD = 230
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
    `tx_powers` indices each is 2 dB weaker than the one before. `dwell_time_data_rate` is the
    lowest that may be used, up and down, where a transmission may last 400 ms.
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
    dwell_time_data_rate: int = 0
    listen_before_talk: bool = False
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

    def backoff(self, data_rate: int) -> int | None:
        """The next lower uplink data rate of a device that goes unheard; None at the lowest."""
        lower = (dr for dr in self.uplink_data_rates if dr < data_rate and self.data_rates[dr])
        return max(lower, default=None)

    def rx1_data_rate(self, data_rate: int, offset: int, *, dwell_time: bool = False) -> int:
        """RX1's data rate after an uplink at `data_rate`, by RX1DROffset and DownlinkDwellTime."""
        found = self.rx1_data_rates[data_rate][offset]
        return max(found, self.dwell_time_data_rate) if dwell_time else found

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

    def tx_power(self, index: int) -> float:
        """An end device's e.i.r.p. in dBm at a TXPower index."""
        return self.max_eirp - TX_POWER_STEP * index

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
