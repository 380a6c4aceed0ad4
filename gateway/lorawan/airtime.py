"""How long a LoRa packet is on the air (Semtech AN1200.13 §4, SX1250 data sheet §6.1.4).

Integers in quarter symbols, so that no rounding hides: the preamble counts 4.25 symbols of sync
word beside its own, 6.25 at SF5 and SF6. FSK frames have 5 bytes of preamble, 3 of sync word, a
length and 2 of CRC around the payload (RP002-1.0.4).
"""

from drivers.concentrator import Modulation, RxPacket

FSK_AROUND = 11


def airtime_us(
    size: int,
    sf: int,
    bandwidth: int = 125_000,
    coding_rate: int = 1,
    preamble: int = 8,
    crc: bool = False,
) -> int:
    """Microseconds, rounded up, of `size` payload bytes with explicit header.

    `bandwidth` in Hz; `coding_rate` 1…4 stands for 4/5…4/8; `crc` is off for LoRaWAN downlinks.
    """
    short = sf < 7
    bits = 8 * size + 16 * crc - 4 * sf + (20 if short else 28)
    per_block = 4 * (sf - 2 * low_data_rate(sf, bandwidth))
    blocks = max(0, -(-bits // per_block))
    quarters = 4 * preamble + (25 if short else 17) + 4 * (8 + blocks * (coding_rate + 4))
    return -(-quarters * (1 << sf) * 1_000_000 // (4 * bandwidth))


def uplink_airtime_us(packet: RxPacket) -> int:
    """Microseconds that a received packet was on the air."""
    size = len(packet.payload)
    if packet.modulation is Modulation.FSK:
        return 8 * (size + FSK_AROUND) * 1_000_000 // packet.bit_rate
    return airtime_us(size, packet.sf, packet.bandwidth, packet.coding_rate, crc=True)


def low_data_rate(sf: int, bandwidth: int) -> bool:
    """Whether the modem spends two bits a symbol on robustness: symbols of 16 ms and more."""
    return (1 << sf) * 1000 >= 16 * bandwidth
