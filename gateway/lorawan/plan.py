"""What every device is to be set to: it follows from the region and from the channels heard here.

Rules:

- The windows are the operator's, by default the region's. A Join-Accept sets RX1's delay and
  RX1DROffset and RX2's data rate; what is left is asked for (`gateway.lorawan.requests`).
- Where no downlink may last longer than 400 ms a Join-Accept has no room for channels.
- A dynamic plan numbers its own channels first, then what else is heard, by frequency: sixteen at
  most. A fixed plan has them all; those that are heard are wanted.
- A channel that nobody hears is to be off, as long as another one is heard.
- LoRa's demodulation floor falls by 2.5 dB with each spreading factor: -7.5 dB at SF7, -20 at SF12
  (Semtech SX1276 data sheet, table 13). Data rates of other modulations have none here.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from drivers.concentrator import Modulation
from gateway.lorawan import channel_mask
from gateway.lorawan.adr import Limits
from gateway.lorawan.channel_mask import MaskFamily
from gateway.lorawan.mac_state import Mac, RxParams
from gateway.lorawan.region import CF_LIST_FREQUENCIES, Region

NARROW = 125_000


@dataclass(frozen=True, slots=True)
class Plan:
    """`extra` are the channels told beside the region's, `wanted` a bit for each to be used.

    `rx` are the windows that every device is to open, `factory` those of one that was told nothing.
    `joined` is what a Join-Accept sets; `masks` is None where LinkADRReq's masks are not known.
    """

    region: Region
    rx: RxParams
    factory: RxParams
    extra: tuple[tuple[int, int], ...]
    wanted: int
    cf_list: bytes
    joined: Mac
    masks: MaskFamily | None
    limits: Limits

    @classmethod
    def of(cls, region: Region, heard: Collection[int], rx: RxParams | None = None) -> "Plan":
        """`heard` are the frequencies in Hz of this gateway's channels; none: not known.

        Without `rx` the windows are the region's.
        """
        family, factory = _masks(region), factory_rx(region)
        rx = rx or factory
        extra = () if region.fixed else _extra(region, heard)
        wanted = sum(1 << n for n, hz in (*enumerate(region.channels), *extra) if hz in heard)
        everything = (1 << len(region.channels)) - 1
        cf_list = b"" if region.downlink_dwell_time else region.cf_list(heard)
        told = () if region.fixed or not cf_list else extra[:CF_LIST_FREQUENCIES]
        mask = wanted if region.fixed and cf_list else None
        floors = _floors(region)
        return cls(
            region=region,
            rx=rx,
            factory=factory,
            extra=extra,
            wanted=wanted or everything,
            cf_list=cf_list,
            joined=Mac(rx=_told(rx, factory), channels=told, mask=mask),
            masks=family,
            limits=Limits(min(floors), max(floors), region.tx_powers - 1, floors, region.eirp),
        )

    def rx_of(self, mac: Mac) -> RxParams:
        """The windows that a device opens."""
        return mac.rx or self.factory

    def defined(self, mac: Mac) -> int:
        """A bit for each channel that a device knows."""
        told = sum(1 << number for number, _ in mac.channels)
        return (1 << len(self.region.channels)) - 1 | told

    def switched_on(self, mac: Mac) -> int:
        """A bit for each channel that a device uses, as far as is known."""
        return self.defined(mac) if mac.mask is None else mac.mask

    def channel_numbers(self, mac: Mac, frequency: int) -> list[int]:
        """The numbers that a device may have for the channel of its uplink, likeliest first.

        Behind those that it has confirmed stand those that it should have: it may have them, its
        confirmation unheard, or have been made with them.
        """
        known = (*enumerate(self.region.channels), *mac.channels, *self.extra)
        return list(dict.fromkeys(number for number, hz in known if hz == frequency))


def factory_rx(region: Region) -> RxParams:
    """The windows of a device that was told nothing."""
    delay = region.receive_delay1_us // 1_000_000
    return RxParams(0, region.rx2_frequency, region.rx2_data_rate, delay)


def _told(rx: RxParams, factory: RxParams) -> RxParams | None:
    """The windows after a Join-Accept, which does not tell RX2's frequency."""
    told = replace(rx, rx2_frequency=factory.rx2_frequency)
    return None if told == factory else told


def floor_of(sf: int) -> float:
    """The lowest SNR in dB at which a spreading factor is demodulated."""
    return -20.0 + 2.5 * (12 - sf)


def _extra(region: Region, heard: Collection[int]) -> tuple[tuple[int, int], ...]:
    first = len(region.channels)
    more = sorted(set(heard) - set(region.channels))[: channel_mask.DYNAMIC.channels - first]
    return tuple(enumerate(more, first))


def _floors(region: Region) -> dict[int, float]:
    """By the data rates that ADR may choose: those that all channels have."""
    rates = {dr: region.data_rates[dr] for dr in region.adr_data_rates}
    return {
        dr: floor_of(rate.sf)
        for dr, rate in rates.items()
        if rate and rate.modulation is Modulation.LORA and rate.bandwidth == NARROW
    }


def _masks(region: Region) -> MaskFamily | None:
    if not region.fixed:
        return channel_mask.DYNAMIC
    is_american = len(region.channels) == channel_mask.US915_AU915.channels
    return channel_mask.US915_AU915 if is_american else None
