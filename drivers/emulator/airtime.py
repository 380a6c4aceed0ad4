"""Time on air, and the time the chip takes from a packet's end to its timestamp.

Source: docs/sx1302.md §4.6, §4.7, §5.8, SX1276 datasheet §4.1.1.7.
Written from those formulas for the
emulator alone: the driver has its own, and a mistake in one must show against the other.
"""

MICRO = 1_000_000
FILTER_PS = 16_000_000  # the receive filter at 125 kHz
FRONT_PS = 2_031_250
BANDWIDTH_CODES = {4: 125_000, 5: 250_000, 6: 500_000}


def low_data_rate(sf: int, bandwidth: int) -> int:
    """1 where a symbol lasts 16 ms or more: SF11 and SF12 at 125 kHz, SF12 at 250 kHz."""
    return int(1000 * (1 << sf) >= 16 * bandwidth)


def payload_symbols(
    size: int, sf: int, coding_rate: int, crc: bool, *, low: int, header: bool = True
) -> int:
    """Symbols after the eight that carry the header block."""
    bits = 8 * size + 16 * crc - 4 * sf + (8 if sf >= 7 else 0) + 20 * header
    return -(-max(bits, 0) // (4 * (sf - 2 * low))) * (coding_rate + 4)


def lora_us(
    size: int,
    sf: int,
    bandwidth: int,
    coding_rate: int,
    crc: bool,
    *,
    preamble: int = 8,
    header: bool = True,
    low: int | None = None,
) -> int:
    """Time on air in µs of `size` payload bytes."""
    low = low_data_rate(sf, bandwidth) if low is None else low
    after_preamble = 8 + payload_symbols(size, sf, coding_rate, crc, low=low, header=header)
    quarters = 4 * (preamble + after_preamble) + (17 if sf >= 7 else 25)
    return quarters * (1 << sf) * MICRO // (4 * bandwidth)


def fsk_us(size: int, bit_rate: int, *, preamble: int = 5, sync: int = 3, crc: bool = True) -> int:
    """Time on air in µs: preamble, sync word, length byte, payload, CRC."""
    return 8 * (preamble + sync + 1 + size + 2 * crc) * MICRO // bit_rate


def lora_correction_us(size: int, sf: int, bandwidth: int, coding_rate: int, crc: bool) -> int:
    """What takes a plain timestamp back to the end of its packet: µs, negative (§4.6)."""
    scale = bandwidth // 125_000
    clock, chips, low = 250_000 // scale, (1 << sf), low_data_rate(sf, bandwidth)
    symbol_bits = sf - 2 * low
    data_nibbles = 2 * (size + 2 * crc)
    in_header = data_nibbles <= sf - 7 or (size == 0 and not crc)
    header_nibbles = sf if sf < 7 else sf - 2
    if in_header:
        coding_rate, last = 4, header_nibbles
        demap = clock * (1 + 3 + sf - 2) + 3 * chips * clock // 4
        fft = 2 * chips * clock + 3 * clock
    else:
        last = (data_nibbles + 5 - header_nibbles) % symbol_bits or symbol_bits
        demap = clock * (1 + chips + 3 + symbol_bits)
        fft = (5 - 2 * low) * (chips + 7) * clock + 2 * clock
    stages = (sf + 1) // 2
    fft3 = clock * (chips - 6 + 2 * (chips * (stages - 1) + 6)) + 4 * clock
    decode = clock * (5 + (9 + coding_rate) * last + 3)
    return -((_filter_ps(bandwidth) + demap + fft3 + fft + decode + MICRO // 2) // MICRO)


def lora_fine_correction_us(size: int, sf: int, bandwidth: int, coding_rate: int, crc: bool) -> int:
    """The same for the fine mode, whose count is latched early in the packet (§4.7)."""
    low = int(sf >= 11)
    symbols = payload_symbols(size, sf, coding_rate, crc, low=low)
    payload_ps = symbols * (1 << sf) * MICRO * MICRO // bandwidth
    return (payload_ps - _filter_ps(bandwidth) - MICRO // 2) // MICRO


def fsk_correction_us(bit_rate: int) -> int:
    """FSK: the same in either mode (§4.6)."""
    return 680_000 // bit_rate - 20


def _filter_ps(bandwidth: int) -> int:
    return FILTER_PS * 125_000 // bandwidth + FRONT_PS
