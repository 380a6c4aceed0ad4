"""What `kogge radio send` may send: a wish, the packet it becomes, and the law's limits. Pure.

Rules:

- Refused: a region that demands listen-before-talk, a frequency whose signal does not fit into one
  sub-band, a power above that sub-band's limit (dBm e.i.r.p.), airtime beyond its duty cycle.
- Unless a payload is given it is a proprietary frame (MHDR 0xE0): no network takes it for data.
- What is sent like a device's uplink, not inverted, carries a CRC as uplinks do; FSK always does.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.concentrator import Modulation, TxPacket
from gateway.errors import GatewayError
from gateway.lorawan.duty_cycle import HOUR
from gateway.lorawan.region import Region, SubBand

PROPRIETARY = 0xE0
FILL = b" Kogge radio test" * 16
USUAL_POWER = 14  # dBm
FSK_WIDTH = 125_000  # Hz that 50 kbit/s with ±25 kHz stay within


class Refused(GatewayError):
    """This must not be sent: which limit forbids it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be sent; `payload` None is `size` bytes of a proprietary frame."""

    frequency: int
    sf: int = 0
    bandwidth: int = 125_000
    power: int | None = None
    payload: bytes | None = None
    size: int = 16
    count: int = 1
    interval: float = 1.0
    inverted: bool = True
    fsk: bool = False

    def packet(self, number: int, chip_session: int, power: int) -> TxPacket:
        """The packet of that number, from 1, to be sent at once."""
        default = bytes([PROPRIETARY]) + number.to_bytes(2, "big") + FILL
        return TxPacket(
            payload=default[: self.size] if self.payload is None else self.payload,
            counter_us=None,
            chip_session=chip_session,
            frequency=self.frequency,
            sf=self.sf,
            bandwidth=self.bandwidth,
            power=power,
            inverted=self.inverted,
            crc=self.fsk or not self.inverted,
            modulation=Modulation.FSK if self.fsk else Modulation.LORA,
        )


def allowed(wish: Wish, region: Region) -> tuple[SubBand, int]:
    """The sub-band to send in and the power to send with, dBm e.i.r.p.; raises Refused."""
    if region.silence:
        raise Refused(region.silence)
    band, limit = sub_band(wish, region), region.power(wish.frequency)
    if band is None or limit is None:
        half = (FSK_WIDTH if wish.fsk else wish.bandwidth) / 2e6
        raise Refused(
            f"{wish.frequency / 1e6:g} ± {half:g} MHz is not within one sub-band of {region.name}:"
            f" allowed are {', '.join(map(band_words, region.sub_bands))}"
        )
    if wish.power is not None and wish.power > limit:
        raise Refused(
            f"{wish.power} dBm at {wish.frequency / 1e6:g} MHz is above the limit of"
            f" {region.name} there: {limit} dBm e.i.r.p."
        )
    return band, min(USUAL_POWER, limit) if wish.power is None else wish.power


def sub_band(wish: Wish, region: Region) -> SubBand | None:
    """Where all of the signal fits in."""
    half = (FSK_WIDTH if wish.fsk else wish.bandwidth) // 2
    for band in region.sub_bands:
        if band.low <= wish.frequency - half and wish.frequency + half <= band.high:
            return band
    return None


def band_words(band: SubBand) -> str:
    return f"{band.low / 1e6:g}–{band.high / 1e6:g} MHz ({math.floor(band.max_eirp)} dBm)"


def demand_airtime(wish: Wish, band: SubBand, airtime_us: int, left: float | None) -> None:
    """Refused when a packet needs more than the `left` seconds of its sub-band; None: no limit."""
    if left is None or airtime_us <= left * 1e6:
        return
    budget = band.duty_cycle * HOUR
    never = airtime_us > budget * 1e6
    instead = "send less, or faster" if never else "send later"
    raise Refused(
        f"a packet of {len(wish.packet(1, 0, 0).payload)} bytes takes {airtime_us / 1e6:.3f} s, and"
        f" {band_words(band)} has {left:.3f} s left of {budget:g} s an hour (a duty cycle of"
        f" {band.duty_cycle:.1%}); {instead}, or in another sub-band"
    )


def seconds_left(band: SubBand, left: Mapping[str, float]) -> float | None:
    """Of all sub-bands' airtime, as `DutyCycle` tells it, this one's; None: no limit."""
    return left.get(f"{band.low / 1e6:g}-{band.high / 1e6:g}")
