"""What `kogge radio send` may send: a wish, the packet it becomes, and the law's limits. Pure.

Rules:

- Refused: a region that demands listen-before-talk, a frequency whose signal does not fit into one
  sub-band, a power above that sub-band's limit (dBm e.i.r.p.), airtime beyond its duty cycle.
- Unless a payload is given it is a proprietary frame (MHDR 0xE0): no network takes it for data.
- What is sent like a device's uplink, not inverted, carries a CRC as uplinks do; FSK always does.
"""

import math
from dataclasses import dataclass

from drivers.concentrator import Modulation, TxPacket
from gateway.errors import GatewayError
from gateway.lorawan.duty_cycle import Ledger
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


def allowed_power(wish: Wish, region: Region) -> int:
    """The power to send with, dBm e.i.r.p.; raises Refused."""
    if region.silence:
        raise Refused(region.silence)
    limit = None if sub_band(wish, region) is None else region.power(wish.frequency)
    if limit is None:
        half = (FSK_WIDTH if wish.fsk else wish.bandwidth) / 2e6
        raise Refused(
            f"{wish.frequency / 1e6:g} ± {half:g} MHz is not within one sub-band of {region.name};"
            f" allowed are {', '.join(map(band_words, region.sub_bands))}"
        )
    if wish.power is not None and wish.power > limit:
        raise Refused(
            f"{wish.power} dBm at {wish.frequency / 1e6:g} MHz is above the limit of"
            f" {region.name} there: {limit} dBm e.i.r.p."
        )
    return min(USUAL_POWER, limit) if wish.power is None else wish.power


def sub_band(wish: Wish, region: Region) -> SubBand | None:
    """Where all of the signal fits in."""
    half = (FSK_WIDTH if wish.fsk else wish.bandwidth) // 2
    for band in region.sub_bands:
        if band.low <= wish.frequency - half and wish.frequency + half <= band.high:
            return band
    return None


def band_words(band: SubBand) -> str:
    return f"{band.low / 1e6:g}–{band.high / 1e6:g} MHz ({math.floor(band.max_eirp)} dBm)"


def demand_airtime(wish: Wish, region: Region, ledger: Ledger, airtime_us: int, now: float) -> None:
    """Refused when not even the first packet has airtime left."""
    if ledger.allows(wish.frequency, airtime_us, now):
        return
    band = sub_band(wish, region)
    assert band is not None
    wait = ledger.free_at(wish.frequency, airtime_us, now) - now
    when = "no pause helps" if wait == math.inf else f"free in {wait:.0f} s"
    raise Refused(
        f"a packet of {airtime_us / 1e6:.3f} s is more airtime than {band_words(band)} has left:"
        f" its duty cycle is {band.duty_cycle:.1%} of an hour; {when}"
    )
