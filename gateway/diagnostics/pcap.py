"""Frames as a PCAP file of link type LORATAP (270), for Wireshark and tshark.

The header is LoRaTap's version 0, 15 bytes, big-endian: Wireshark 4.0 (Debian 12) knows no other,
and takes 20 bytes of version 1's for the frame. It has no place for direction, CRC and modulation.

    version 0, padding, length 15 | frequency Hz, bandwidth in 125 kHz, SF
    packet RSSI, highest and current RSSI (255: unknown), SNR in 1/4 dB | sync word 0x34

- Packet RSSI in dBm is -139 + v where SNR >= 0, and -139 + v / 4 below. Wireshark shows -139 + v
  in any case, and 4.0 an SNR without its sign and its fraction.
- A damaged frame is left out: nothing in this version could say that it is one.
- A frame from before the clock was set is dated from 1970 on, by the seconds since the box started.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

LINKTYPE_LORATAP: Final = 270
UNKNOWN: Final = 255
FLOOR: Final = -139
SYNC_WORD: Final = 0x34
_FILE: Final = struct.Struct("<IHHiIII")
_RECORD: Final = struct.Struct("<IIII")
_LORATAP: Final = struct.Struct(">BBHIBBBBBbB")
_MAGIC, _SNAP = 0xA1B2C3D4, 65_535


def header() -> bytes:
    """A file's beginning; its times are in µs."""
    return _FILE.pack(_MAGIC, 2, 4, 0, 0, _SNAP, LINKTYPE_LORATAP)


def records(frames: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """One for each frame, as the daemon tells it, that is not damaged."""
    for frame in frames:
        if frame["crc"] != "bad":
            yield _record(frame)


def _record(frame: Mapping[str, Any]) -> bytes:
    at = frame["monotonic_s"] if frame["at"] is None else frame["at"]
    seconds, microseconds = divmod(round(at * 1e6), 1_000_000)
    content = loratap(frame) + bytes.fromhex(frame["payload"])
    return _RECORD.pack(seconds, microseconds, len(content), len(content)) + content


def loratap(frame: Mapping[str, Any]) -> bytes:
    snr = frame["snr"] or 0.0
    return _LORATAP.pack(
        0, 0, _LORATAP.size,
        frame["frequency"], min(UNKNOWN, frame["bw"] // 125_000), frame["sf"],
        _rssi(frame["rssi"], snr), UNKNOWN, UNKNOWN, max(-128, min(127, round(snr * 4))), SYNC_WORD,
    )  # fmt: skip


def _rssi(rssi: float | None, snr: float) -> int:
    if rssi is None:
        return UNKNOWN
    above = rssi - FLOOR
    return max(0, min(UNKNOWN - 1, round(above if round(snr * 4) >= 0 else above * 4)))
