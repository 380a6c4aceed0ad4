"""The receive buffer: 4096 bytes of packets in the chip's layout.

Source: docs/sx1302.md §4.2, §4.4, §4.5.
Reading pops; reading past the end gives 0. A packet that does
not fit is lost.
"""

from dataclasses import dataclass

CAPACITY = 4096
SYNC = b"\xa5\xc0"
CRC_WRONG, TIMING_SET = 0x01, 0x10
RSSI_OFFSET = -215.4  # of the sample boards
TEMPERATURE = 24.37  # °C
# the sample boards' drift of the RSSI with temperature
RSSI_DRIFT = (20.41 * TEMPERATURE**2 + 2162.56 * TEMPERATURE) / 65536


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the chip notes beside the payload; `ticks` is its 32 MHz count, 32 bits."""

    chain: int
    modem: int
    sf: int
    coding_rate: int
    crc_present: bool
    crc_wrong: bool
    snr_raw: int
    rssi_raw: int
    ticks: int
    frequency_offset: int = 0
    fine: bool = False
    metrics: tuple[int, ...] = ()  # pairs, each a signed byte


def crc16(payload: bytes) -> int:
    """The payload CRC: polynomial 0x1021, the byte enters after its eight shifts (§4.4)."""
    value = 0
    for byte in payload:
        for _ in range(8):
            value = (value << 1 ^ (0x1021 if value & 0x8000 else 0)) & 0xFFFF
        value ^= byte
    return value


def lora_rssi_raw(rssi: float) -> int:
    """The raw byte from which a sample board's driver computes this RSSI (dBm)."""
    return min(max(round(rssi - RSSI_OFFSET - RSSI_DRIFT), 0), 255)


def fsk_rssi_raw(rssi: float) -> int:
    """The same for FSK, whose raw value is not linear: the byte that comes nearest."""
    return min(range(256), key=lambda raw: abs(_fsk_rssi(raw) - rssi))


def _fsk_rssi(x: int) -> float:
    linear = 90.636423 + 0.420835 * x + 0.007129 * x**2 - 0.000026 * x**3
    return linear + RSSI_OFFSET + RSSI_DRIFT


def snr_raw(snr: float) -> int:
    """Quarters of a dB in one signed byte."""
    return min(max(round(snr * 4), -128), 127)


def packet(payload: bytes, meta: Metadata) -> bytes:
    """One packet as it lies in the buffer."""
    received = crc16(payload) ^ (0xFFFF if meta.crc_wrong else 0) if meta.crc_present else 0
    head = SYNC + bytes(
        [
            len(payload),
            meta.chain,
            meta.sf << 4 | meta.coding_rate << 1 | meta.crc_present,
            meta.modem,
        ]
    )
    tail = bytes(
        [
            CRC_WRONG * meta.crc_wrong | TIMING_SET * meta.fine,
            meta.snr_raw & 0xFF,
            meta.rssi_raw,
            meta.rssi_raw,
            0,
            0,
        ]
    )
    offset = (meta.frequency_offset & 0xFFFFF).to_bytes(3, "little")
    ticks = meta.ticks.to_bytes(4, "little")
    metrics = bytes([len(meta.metrics) // 2, *(metric & 0xFF for metric in meta.metrics)])
    body = head + offset + payload + tail + ticks + received.to_bytes(2, "little") + metrics
    return body + bytes([sum(body) & 0xFF])


class Fifo:
    """The packets that wait for the host."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __len__(self) -> int:
        return len(self._bytes)

    def clear(self) -> None:
        """As after a reset."""
        self._bytes.clear()

    def push(self, data: bytes) -> bool:
        """Append a packet; False where it does not fit and is lost."""
        fits = len(self._bytes) + len(data) <= CAPACITY
        if fits:
            self._bytes += data
        return fits

    def pop(self, size: int) -> bytes:
        """The oldest `size` bytes, filled up with 0."""
        data = bytes(self._bytes[:size])
        del self._bytes[:size]
        return data.ljust(size, b"\x00")
