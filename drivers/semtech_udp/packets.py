"""The JSON inside the datagrams: `rxpk` and `stat` that come, `txpk` that goes, its `txpk_ack`.

Everything that comes is a stranger's: what is odd in one packet costs that packet, never its
neighbours in the datagram, and each loss has its reason. Fields are those of PROTOCOL of
sx1302_hal 2.1.0, with what is seen in the field: base64 without padding or of the other alphabet,
several antennas (`rsig`), no `modu`, no `stat` (such forwarders pass on good packets alone).
"""

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from drivers.concentrator import (
    COUNTER_MODULUS,
    Crc,
    Modulation,
    RxPacket,
    TxPacket,
    TxStatus,
)
from drivers.semtech_udp.frames import Drop

Object: TypeAlias = dict[str, Any]

FSK_BANDWIDTH = 125_000  # Hz; `rxpk` does not tell it
FSK_BIT_RATE, FSK_DEVIATION = 50_000, 25_000
MAX_PAYLOAD = 255
HIGHEST_HZ = 3_000_000_000
_LORA_RATE = re.compile(r"SF([5-9]|1[0-2])BW(125|250|500)")
_CODING_RATES = {"4/5": 1, "4/6": 2, "2/3": 2, "4/7": 3, "4/8": 4, "1/2": 4}
_CRC = {1: Crc.OK, -1: Crc.BAD, 0: Crc.NONE}
_REFUSALS = {status.value: status for status in TxStatus} | {
    "": TxStatus.OK,
    "NONE": TxStatus.OK,  # so say forwarders that always send the object
    "COLLISION_BEACON": TxStatus.COLLISION_PACKET,
}


class _Odd(Exception):
    """Stays in this file: a field that cannot be used."""


@dataclass(frozen=True, slots=True)
class Push:
    """What one PUSH_DATA brought; the packets' `chip_session` is left 0."""

    packets: tuple[RxPacket, ...] = ()
    drops: tuple[Drop, ...] = ()
    stat: "Stat | None" = None


@dataclass(frozen=True, slots=True)
class Stat:
    """What the forwarder counts by itself: its own words and numbers; `temperature` in °C."""

    temperature: float | None
    counts: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in self.counts)


def read_push(body: bytes) -> Push:
    """Read the JSON of a PUSH_DATA."""
    root = _object(body)
    if root is None:
        return Push(drops=(Drop.BAD_JSON,))
    entries = root.get("rxpk", [])
    if not isinstance(entries, list):
        return Push(drops=(Drop.BAD_RXPK,))
    read = [_try(entry) for entry in entries]
    stat = root.get("stat")
    return Push(
        tuple(each for each in read if isinstance(each, RxPacket)),
        tuple(each for each in read if isinstance(each, Drop)),
        _stat(stat) if isinstance(stat, dict) else None,
    )


def _object(body: bytes) -> Object | None:
    try:
        root = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return root if isinstance(root, dict) else None


def _try(entry: Any) -> RxPacket | Drop:
    if not isinstance(entry, dict):
        return Drop.BAD_RXPK
    try:
        return _rx_packet(entry)
    except _Odd as odd:
        return Drop(str(odd))


def _rx_packet(rxpk: Object) -> RxPacket:
    modulation, sf, bandwidth, bit_rate = _data_rate(rxpk)
    lora = modulation is Modulation.LORA
    rssi, snr = _signal(rxpk, lora)
    return RxPacket(
        payload=_payload(rxpk),
        counter_us=_integer(rxpk.get("tmst"), 0, COUNTER_MODULUS - 1, Drop.BAD_TMST),
        chip_session=0,
        frequency=_frequency(rxpk.get("freq")),
        bandwidth=bandwidth,
        sf=sf,
        coding_rate=_coding_rate(rxpk.get("codr", "4/5")) if lora else 0,
        rssi=rssi,
        snr=snr,
        crc=_crc(rxpk.get("stat", 1)),
        modulation=modulation,
        bit_rate=bit_rate,
        frequency_offset=_integer(rxpk.get("foff", 0), -(10**6), 10**6, Drop.BAD_FREQUENCY),
        chain=_integer(rxpk.get("chan", 0), 0, 255, Drop.BAD_RXPK),
        modem=_integer(rxpk.get("mid", 0), 0, 255, Drop.BAD_RXPK),
    )


def _data_rate(rxpk: Object) -> tuple[Modulation, int, int, int]:
    """Modulation, SF, bandwidth and bit rate."""
    rate = rxpk.get("datr")
    if isinstance(rate, str) and rxpk.get("modu", "LORA") == "LORA":
        found = _LORA_RATE.fullmatch(rate)
        if found:
            return Modulation.LORA, int(found[1]), int(found[2]) * 1000, 0
    elif rxpk.get("modu", "FSK") == "FSK":
        return Modulation.FSK, 0, FSK_BANDWIDTH, _integer(rate, 1, 10**6, Drop.BAD_DATA_RATE)
    raise _Odd(Drop.BAD_DATA_RATE)


def _frequency(mhz: Any) -> int:
    """MHz as a float become Hz, exactly."""
    hertz = _number(mhz, Drop.BAD_FREQUENCY) * 1e6
    if not 0 < hertz <= HIGHEST_HZ:
        raise _Odd(Drop.BAD_FREQUENCY)
    return round(hertz)


def _coding_rate(codr: Any) -> int:
    """OFF is refused: so the forwarder calls what is mostly a false start."""
    rate = _CODING_RATES.get(codr) if isinstance(codr, str) else None
    if rate is None:
        raise _Odd(Drop.BAD_CODING_RATE)
    return rate


def _crc(stat: Any) -> Crc:
    return _CRC[_integer(stat, -1, 1, Drop.BAD_STAT)]


def _signal(rxpk: Object, lora: bool) -> tuple[float, float | None]:
    """RSSI of the channel (else of the signal) and SNR, of the antenna that heard best."""
    antennas = rxpk.get("rsig")
    if isinstance(antennas, list) and antennas:
        return max((_heard(antenna, lora) for antenna in antennas), key=lambda heard: heard[0])
    return _heard(rxpk, lora)


def _heard(antenna: Any, lora: bool) -> tuple[float, float | None]:
    if not isinstance(antenna, dict):
        raise _Odd(Drop.BAD_SIGNAL)
    names = ("rssi", "rssic", "rssis")
    level = next((antenna[name] for name in names if name in antenna), None)
    snr = _number(antenna.get("lsnr"), Drop.BAD_SIGNAL) if lora else None
    return _number(level, Drop.BAD_SIGNAL), snr


def _payload(rxpk: Object) -> bytes:
    data = rxpk.get("data")
    if not isinstance(data, str) or not data.isascii():
        raise _Odd(Drop.BAD_DATA)
    text = data.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        payload = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise _Odd(Drop.BAD_DATA) from None
    if len(payload) > MAX_PAYLOAD or rxpk.get("size", len(payload)) != len(payload):
        raise _Odd(Drop.BAD_DATA)
    return payload


def _number(value: Any, otherwise: Drop) -> float:
    """A finite number that a float can hold; NaN, Infinity, texts and booleans are odd."""
    try:
        usable = not isinstance(value, bool | str) and math.isfinite(value)
        if usable:
            return float(value)
    except (TypeError, OverflowError):
        pass  # no number, or an integer beyond every float
    raise _Odd(otherwise)


def _integer(value: Any, least: int, most: int, otherwise: Drop) -> int:
    number = _number(value, otherwise)
    if not number.is_integer() or not least <= number <= most:
        raise _Odd(otherwise)
    return int(number)


def _stat(stat: Object) -> Stat:
    counts = [(name, _figure(stat, name)) for name in ("rxnb", "rxok", "rxfw", "dwnb", "txnb")]
    shares = [("ackr", _figure(stat, "ackr"))]
    known = tuple((name, value) for name, value in counts + shares if value is not None)
    return Stat(_figure(stat, "temp"), known)


def _figure(stat: Object, name: str) -> float | None:
    try:
        return _number(stat.get(name), Drop.BAD_STAT)
    except _Odd:
        return None


def write_txpk(packet: TxPacket) -> bytes:
    """The JSON of a PULL_RESP: at `tmst`, or at once.

    `powe` is before the forwarder takes its own antenna's gain off. It goes out by radio chain 0,
    the only one that can send on the boards there are.
    """
    lora = packet.modulation is Modulation.LORA
    txpk = {
        **({"imme": True} if packet.counter_us is None else {"tmst": packet.counter_us}),
        "freq": packet.frequency / 1e6,
        "rfch": 0,
        "powe": packet.power,
        "modu": packet.modulation.value,
        **(_lora(packet) if lora else {"datr": FSK_BIT_RATE, "fdev": FSK_DEVIATION}),
        "prea": packet.preamble,
        "size": len(packet.payload),
        "data": base64.b64encode(packet.payload).decode(),
        "ncrc": not packet.crc,
    }
    return json.dumps({"txpk": txpk}, separators=(",", ":")).encode()


def _lora(packet: TxPacket) -> Object:
    return {
        "datr": f"SF{packet.sf}BW{packet.bandwidth // 1000}",
        "codr": f"4/{4 + packet.coding_rate}",
        "ipol": packet.inverted,
    }


def read_tx_ack(body: bytes) -> tuple[TxStatus, Drop | None]:
    """The forwarder's verdict, and what of it is to be counted; no JSON means no error."""
    if not body.strip(b"\0 \r\n"):
        return TxStatus.OK, None
    root = _object(body.strip(b"\0"))
    ack = root.get("txpk_ack", {}) if root is not None else None
    if not isinstance(ack, dict):
        return TxStatus.TOO_LATE, Drop.BAD_JSON
    error = ack.get("error", "")
    status = _REFUSALS.get(error) if isinstance(error, str) else None
    if status is None:
        return TxStatus.TOO_LATE, Drop.REFUSED
    lowered = status is TxStatus.OK and ack.get("warn") == "TX_POWER"
    return status, Drop.POWER_LOWERED if lowered else None
