"""The RX FIFO: bytes in, packets off the air out, damaged ones counted by reason.

A packet of n payload bytes and m timestamp metrics has 23 + n + 2m bytes: a head of 9, the
payload, a tail of 14 with its metrics, the last byte a checksum over all before. Packets follow
each other without gaps. After a damaged one the next A5 C0 is looked for; what was good before it
is kept.

Reasons: `short_fetch`, `garbage` (bytes that begin no packet), `truncated`, `bad_checksum`,
`impossible` (a modem, chain or data rate that does not exist or is off), `bad_crc16` (damaged
between modem and FIFO). A payload CRC that the modem found wrong is no drop: it is `Crc.BAD`.
"""

import struct
from binascii import crc_hqx
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from drivers.concentrator import COUNTER_MODULUS, Crc, Modulation, RxPacket
from drivers.sx1302.channels import if_register
from drivers.sx1302.settings import (
    FSK_CHAIN,
    SPREADING_FACTORS,
    FineTimestamps,
    Radio,
    Service,
    Settings,
)
from drivers.sx1302.timestamps import (
    TICKS_PER_US,
    CounterExtension,
    LoRaPacket,
    end_correction,
    fine_correction,
    fsk_end_correction,
    since,
)

SYNC = b"\xa5\xc0"
HEAD, TAIL = 9, 14
SERVICE_MODEM, FSK_MODEM = 16, 17
SAME_PACKET_US = 24  # double demodulation: how far two copies' counters are apart
_TAIL = struct.Struct("<BbBBBBIHB")
_CRC_WRONG = 0x01


@dataclass(frozen=True, slots=True)
class FifoPacket:
    """One packet as the chip lays it out; `ticks` of 32 MHz, `offset` in the modem's steps."""

    chain: int
    modem: int
    sf: int
    coding_rate: int
    has_crc: bool
    crc_wrong: bool
    offset: int
    payload: bytes
    snr: int
    rssi: int
    ticks: int
    crc16: int
    metrics: int

    @classmethod
    def from_bytes(cls, data: bytes) -> "FifoPacket":
        """Read one whole packet whose sync and size were checked."""
        size = data[2]
        status, snr, rssi, _, _, _, ticks, crc16, metrics = _TAIL.unpack_from(data, HEAD + size)
        offset = int.from_bytes(data[6:9], "little") & 0xFFFFF
        return cls(
            chain=data[3],
            modem=data[5],
            sf=data[4] >> 4,
            coding_rate=data[4] >> 1 & 7,
            has_crc=bool(data[4] & 1),
            crc_wrong=bool(status & _CRC_WRONG),
            offset=offset - (1 << 20) if offset >> 19 else offset,
            payload=data[HEAD : HEAD + size],
            snr=snr,
            rssi=rssi,
            ticks=ticks,
            crc16=crc16,
            metrics=metrics,
        )

    @property
    def damaged(self) -> bool:
        """Whether the payload no longer is what the modem found good (LoRa only)."""
        checked = self.has_crc and not self.crc_wrong and self.payload and self.modem != FSK_MODEM
        return bool(checked) and payload_crc16(self.payload) != self.crc16


def payload_crc16(payload: bytes) -> int:
    """LoRa's payload CRC: polynomial 0x1021, start 0, each byte entering after the shifts."""
    return crc_hqx(payload[:-2], 0) ^ int.from_bytes(payload[-2:], "big")


def split(data: bytes, drops: Counter[str]) -> list[FifoPacket]:
    """Cut one fetch into packets; whatever is wrong with it is counted in `drops`."""
    packets: list[FifoPacket] = []
    if len(data) < HEAD + TAIL:
        drops["short_fetch"] += 1
        return packets
    start = 0
    while start < len(data):
        if not data.startswith(SYNC, start):
            drops["garbage"] += 1
            start = data.find(SYNC, start)
            if start < 0:
                break
        end = _end(data, start)
        reason = _fault(data, start, end)
        if reason is None:
            packets.append(FifoPacket.from_bytes(data[start:end]))
            start = end
        else:
            drops[reason] += 1
            next_sync = data.find(SYNC, start + len(SYNC))
            start = len(data) if next_sync < 0 else next_sync
    return packets


def _end(data: bytes, start: int) -> int:
    """Where the packet at `start` ends; beyond the data when its own figures are cut off."""
    if start + 2 >= len(data):
        return len(data) + 1
    metrics = start + HEAD + data[start + 2] + TAIL - 2
    return metrics + 2 + 2 * data[metrics] if metrics < len(data) else len(data) + 1


def _fault(data: bytes, start: int, end: int) -> str | None:
    if end > len(data):
        return "truncated"
    if sum(data[start : end - 1]) & 0xFF != data[end - 1]:
        return "bad_checksum"
    chain, sf, modem = data[start + 3], data[start + 4] >> 4, data[start + 5]
    lora = modem <= SERVICE_MODEM and sf in SPREADING_FACTORS
    if chain > FSK_CHAIN or not (lora or modem == FSK_MODEM):
        return "impossible"  # one checksum in 256 is right by chance
    return None


class Receiver:
    """Gives FIFO packets their meaning under the settings of this chip."""

    def __init__(self, settings: Settings, extension: CounterExtension) -> None:
        self._settings = settings
        self._extension = extension

    def packets(
        self, data: bytes, temperature: float, chip_session: int, drops: Counter[str]
    ) -> list[RxPacket]:
        """All packets of one fetch, oldest first; `temperature` in °C compensates the RSSI."""
        received = []
        for packet in split(data, drops):
            if not self._possible(packet):
                drops["impossible"] += 1
            elif packet.damaged:
                drops["bad_crc16"] += 1
            else:
                received.append(self._interpret(packet, temperature, chip_session))
        if self._settings.fine_timestamps is not FineTimestamps.OFF:
            return without_doubles(received)
        return received

    def _possible(self, packet: FifoPacket) -> bool:
        if self._settings.chain(packet.chain) is None:
            return False
        if packet.chain == FSK_CHAIN:
            return packet.modem == FSK_MODEM
        return packet.modem <= SERVICE_MODEM

    def _interpret(self, packet: FifoPacket, temperature: float, chip_session: int) -> RxPacket:
        if packet.chain == FSK_CHAIN:
            return self._fsk(packet, temperature, chip_session)
        return self._lora(packet, temperature, chip_session)

    def _lora(self, packet: FifoPacket, temperature: float, chip_session: int) -> RxPacket:
        channel = self._settings.chain(packet.chain)
        assert channel is not None
        coding_rate, has_crc, bandwidth = packet.coding_rate, packet.has_crc, 125_000
        if isinstance(channel, Service):
            bandwidth = channel.bandwidth
            if channel.implicit:
                coding_rate = channel.implicit.coding_rate
                has_crc = has_crc or channel.implicit.crc
        shape = LoRaPacket(packet.sf, bandwidth, coding_rate, len(packet.payload), has_crc)
        plain = self._settings.fine_timestamps is FineTimestamps.OFF
        correction = end_correction(shape) if plain else fine_correction(shape)
        return RxPacket(
            payload=packet.payload,
            counter_us=self._counter(packet, correction),
            chip_session=chip_session,
            frequency=self._settings.centre(channel),
            bandwidth=bandwidth,
            sf=packet.sf,
            coding_rate=coding_rate,
            rssi=packet.rssi + self._rssi_shift(channel.radio, temperature),
            snr=packet.snr / 4,
            crc=_crc_state(has_crc, packet.crc_wrong),
            frequency_offset=frequency_offset(packet.offset, bandwidth, channel.offset),
            chain=packet.chain,
            modem=packet.modem,
        )

    def _fsk(self, packet: FifoPacket, temperature: float, chip_session: int) -> RxPacket:
        channel = self._settings.fsk
        assert channel is not None
        level = fsk_rssi(packet.rssi)
        return RxPacket(
            payload=packet.payload,
            counter_us=self._counter(packet, fsk_end_correction(channel.bit_rate)),
            chip_session=chip_session,
            frequency=self._settings.centre(channel),
            bandwidth=channel.bandwidth,
            sf=0,
            coding_rate=0,
            rssi=level + self._rssi_shift(channel.radio, temperature),
            snr=None,
            crc=_crc_state(packet.has_crc, packet.crc_wrong),
            modulation=Modulation.FSK,
            bit_rate=channel.bit_rate,
            chain=packet.chain,
            modem=packet.modem,
        )

    def _counter(self, packet: FifoPacket, correction: int) -> int:
        us = self._extension.extend(packet.ticks // TICKS_PER_US)
        return (us + correction) % COUNTER_MODULUS

    def _rssi_shift(self, number: int, temperature: float) -> float:
        radio = self._settings.radios[number]
        assert radio is not None
        return radio.rssi_offset + temperature_compensation(radio, temperature)


def temperature_compensation(radio: Radio, temperature: float) -> float:
    """dB that the RSSI changes by at this temperature in °C."""
    a, b, c, d, e = radio.rssi_tcomp
    return ((((a * temperature + b) * temperature + c) * temperature + d) * temperature + e) / 65536


def fsk_rssi(raw: int) -> float:
    """The FSK demodulator's reading in dB, before offset and temperature."""
    return 90.636423 + 0.420835 * raw + 0.007129 * raw**2 - 0.000026 * raw**3


def frequency_offset(raw: int, bandwidth: int, if_offset: int) -> int:
    """Hz by which the sender was off, the rounding of the IF register taken out of it.

    The reference multiplies in single precision, which decides the last digit.
    """
    step = bandwidth * 32 / 2**6 / 2**19
    (measured,) = struct.unpack("f", struct.pack("f", raw * step))
    return int(measured) + if_offset - int(if_register(if_offset) * 15625 / 32)


def without_doubles(packets: list[RxPacket]) -> list[RxPacket]:
    """One of each packet that two modems have demodulated, the one with the good CRC if any."""
    ordered = sorted(packets, key=lambda packet: packet.counter_us)
    doubled = {
        id(first if second.crc is Crc.OK else second)
        for first, second in pairwise(ordered)
        if _same(first, second)
    }
    return [packet for packet in ordered if id(packet) not in doubled]


def _same(one: RxPacket, other: RxPacket) -> bool:
    close = abs(since(one.counter_us, other.counter_us)) <= SAME_PACKET_US
    return close and (one.chain, one.sf, one.payload) == (other.chain, other.sf, other.payload)


def _crc_state(has_crc: bool, wrong: bool) -> Crc:
    if not has_crc:
        return Crc.NONE
    return Crc.BAD if wrong else Crc.OK
