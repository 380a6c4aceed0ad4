"""The chip's time: counter extension, what a packet's timestamp has to be corrected by, airtime.

The chip counts 32 MHz ticks in 32 bits, so its µs have 27 bits and wrap every 134.2 s. They are
extended to 32 bits by counting the wraps, for which the counter must be read at least that often.
Integer arithmetic only; results agree with sx1302_hal 2.1.0.
"""

from dataclasses import dataclass

from drivers.concentrator import COUNTER_MODULUS
from drivers.sx1302.channels import low_data_rate

TICKS_PER_US = 32
COUNT_BITS = 27  # of the µs that 32 bits of ticks make
TICK_MODULUS = 1 << 32
COUNT_MODULUS = 1 << COUNT_BITS  # µs
_WRAPS = 1 << 32 - COUNT_BITS


@dataclass(slots=True)
class CounterExtension:
    """Follows one 27-bit µs counter through its wraps, to 32 bits."""

    reference: int = 0
    wraps: int = 0

    def advance(self, us: int) -> int:
        """A new reading of the counter, never older than the one before."""
        if us < self.reference:
            self.wraps = (self.wraps + 1) % _WRAPS
        self.reference = us
        return self.wraps << COUNT_BITS | us

    def extend(self, us: int) -> int:
        """A moment up to 134 s before the last reading."""
        wraps = self.wraps if self.reference >= us else (self.wraps - 1) % _WRAPS
        return wraps << COUNT_BITS | us


def since(later: int, earlier: int) -> int:
    """`later - earlier` of two 32-bit counter values, in µs, from -2^31 on."""
    half = COUNTER_MODULUS // 2
    return (later - earlier + half) % COUNTER_MODULUS - half


@dataclass(frozen=True, slots=True)
class LoRaPacket:
    """What decides how long a LoRa packet takes; `size` is its payload's, `bandwidth` in Hz."""

    sf: int
    bandwidth: int
    coding_rate: int
    size: int
    crc: bool
    header: bool = True

    @property
    def symbol_us(self) -> int:
        return (8 << self.sf) * 125_000 // self.bandwidth

    @property
    def payload_symbols(self) -> int:
        """Symbols behind the eight of the header block (SX1302 sheet, airtime)."""
        bits = 8 * self.size + 16 * self.crc - 4 * self.sf + 8 * (self.sf >= 7) + 20 * self.header
        per_block = 4 * (self.sf - 2 * (self.sf >= 11))
        return -(-max(bits, 0) // per_block) * (self.coding_rate + 4)

    def time_on_air_us(self, preamble: int) -> int:
        """With `preamble` symbols before the sync word; µs, truncated."""
        quarters = 4 * (preamble + 8 + self.payload_symbols) + (17 if self.sf >= 7 else 25)
        return quarters * self.symbol_us // 4


def fsk_time_on_air_us(size: int, bit_rate: int, preamble: int, sync: int, *, crc: bool) -> int:
    """Airtime of an FSK packet with sizes in bytes; whole ms, as the reference gives it, in µs."""
    return 1000 * (8000 * (preamble + sync + 1 + size + 2 * crc) // bit_rate + 1)


def end_correction(packet: LoRaPacket) -> int:
    """µs (negative) from the timestamp, taken when a packet was decoded, back to its end.

    In units of a millionth of a µs. "fits": all of the packet is in the header block.
    """
    sf, size = packet.sf, packet.size + 2 * packet.crc
    speed = packet.bandwidth // 125_000
    clock = 250_000 // speed
    slow = int(low_data_rate(sf, packet.bandwidth))
    per_symbol = sf - 2 * slow
    chips = 1 << sf
    fits = 2 * size <= sf - 7 or size == 0
    in_header = sf if sf <= 6 else sf - 2
    last = in_header if fits else (2 * size + 5 - in_header) % per_symbol or per_symbol
    rate = 4 if fits else packet.coding_rate
    passes = (sf + 1) // 2

    filters = 16_000_000 // speed + 2_031_250
    if fits:
        demap = clock + 3 * chips * clock // 4 + 3 * clock + (sf - 2) * clock
        transform = 2 * chips * clock + 3 * clock
    else:
        demap = clock + chips * clock + 3 * clock + per_symbol * clock
        transform = (5 - 2 * slow) * (chips * clock + 7 * clock) + 2 * clock
    third = clock * (chips - 6 + 2 * (chips * (passes - 1) + 6)) + 4 * clock
    decode = 5 * clock + (9 + rate) * clock * last + 3 * clock
    return -((filters + demap + third + transform + decode + 500_000) // 1_000_000)


def fsk_end_correction(bit_rate: int) -> int:
    """The same for FSK, µs."""
    return 680_000 // bit_rate - 20


def fine_correction(packet: LoRaPacket) -> int:
    """µs to a packet's end where the timestamp is taken at the end of its header."""
    speed = packet.bandwidth // 125_000
    delay = 16_000_000 // speed + 2_031_250 + 500_000
    whole = packet.payload_symbols * packet.symbol_us * 1_000_000 - delay
    return whole // 1_000_000 if whole >= 0 else -(-whole // 1_000_000)
