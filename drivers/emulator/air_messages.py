"""The air's JSON lines: what a device's software says, and what it is told.

Source: docs/interfaces.md, "The emulator's air". A value that makes no sense becomes a
`MessageError` whose text is the answer's reason.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drivers.emulator import propagation
from drivers.emulator.json_lines import Json, MessageError
from drivers.emulator.transmitter import Emission
from drivers.emulator.uplink import CRC_BAD, CRC_NONE, CRC_OK, Uplink

MAX_PAYLOAD = 255


@dataclass(frozen=True, slots=True)
class UplinkRequest:
    """An uplink to put on the air: now, or when the µs counter shows `at_us`."""

    uplink: Uplink
    at_us: int | None


def uplink_request(message: Mapping[str, Any], seed: int) -> UplinkRequest:
    """The fields of an uplink, checked; the seed decides what lies between it and the board."""
    modulation = _choice(message, "modulation", ("LORA", "FSK"), "LORA")
    payload = _payload(message)
    frequency = _integer(message, "frequency", 100_000_000, 1_000_000_000)
    rate = _fsk(message) if modulation == "FSK" else _lora(message)
    uplink = Uplink(
        payload=payload,
        frequency=frequency,
        crc=_choice(message, "crc", (CRC_OK, CRC_BAD, CRC_NONE), CRC_OK),
        modulation=modulation,
        public=_flag(message, "public", default=True),
        **rate,
        **_arrival(message, rate.get("bandwidth"), seed),
    )
    has_time = message.get("at_us") is not None
    return UplinkRequest(uplink, _integer(message, "at_us", 0, 2**32 - 1) if has_time else None)


def uplink_done(counter_us: int, reason: str | None) -> Json:
    """`counter_us` is the packet's end; received where there is no reason against it."""
    return {
        "op": "uplink_done",
        "counter_us": counter_us,
        "received": reason is None,
        "reason": reason,
    }


def downlink(emission: Emission, counter_us: int, end_us: int) -> Json:
    """A transmission of the board. FSK has no `sf`, `bw`, `cr` and says so."""
    message: Json = {
        "op": "downlink",
        "counter_us": counter_us,
        "end_us": end_us,
        "payload": emission.payload.hex(),
        "frequency": emission.frequency,
        "sf": emission.sf,
        "bw": emission.bandwidth,
        "cr": emission.coding_rate,
        "inverted": emission.inverted,
        "power_dbm": emission.power_dbm,
    }
    if emission.modulation == "FSK":
        message |= {"modulation": "FSK", "datarate": emission.bit_rate}
    return message


def _lora(message: Mapping[str, Any]) -> Json:
    return {
        "sf": _integer(message, "sf", 5, 12),
        "bandwidth": _choice(message, "bw", (125_000, 250_000, 500_000), 125_000),
        "coding_rate": _integer(message, "cr", 1, 4, default=1),
    }


def _arrival(message: Mapping[str, Any], bandwidth: int | None, seed: int) -> Json:
    """What reaches the antenna: said by the sender, or from its distance and power."""
    if "distance_m" not in message and "tx_power_dbm" not in message:
        rssi, snr = _number(message, "rssi", -80.0), _number(message, "snr", 8.0)
        return {"rssi": rssi, "snr": snr}
    if "rssi" in message or "snr" in message:
        raise MessageError('"distance_m" and "tx_power_dbm" stand instead of "rssi" and "snr"')
    if bandwidth is None:
        raise MessageError('"distance_m" is for LoRa; give "rssi"')
    distance = _bounded(message, "distance_m", 1, 1_000_000)
    power = _bounded(message, "tx_power_dbm", -20, 40, default=14)
    rssi, snr = propagation.arrival(distance, power, bandwidth, seed)
    return {"rssi": rssi, "snr": snr, "fades": True}


def _fsk(message: Mapping[str, Any]) -> Json:
    return {
        "sf": 0,
        "coding_rate": 0,
        "bit_rate": _integer(message, "datarate", 500, 250_000, default=50_000),
    }


def _payload(message: Mapping[str, Any]) -> bytes:
    text = message.get("payload")
    try:
        payload = bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        payload = None
    if payload is None or len(payload) > MAX_PAYLOAD:
        raise MessageError(f'"payload" must be up to {MAX_PAYLOAD} bytes in hex')
    return payload


def _integer(
    message: Mapping[str, Any], key: str, low: int, high: int, default: int | None = None
) -> int:
    value = message.get(key, default)
    if type(value) is not int or not low <= value <= high:
        raise MessageError(f'"{key}" must be a whole number from {low} to {high}')
    return value


def _number(message: Mapping[str, Any], key: str, default: float) -> float:
    value = message.get(key, default)
    if type(value) not in (int, float) or not -1000 <= value <= 1000 or math.isnan(value):
        raise MessageError(f'"{key}" must be a number of dB')
    return float(value)


def _bounded(
    message: Mapping[str, Any], key: str, low: float, high: float, default: float | None = None
) -> float:
    value = message.get(key, default)
    if type(value) not in (int, float) or not low <= value <= high:
        raise MessageError(f'"{key}" must be a number from {low} to {high}')
    return float(value)


def _flag(message: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = message.get(key, default)
    if not isinstance(value, bool):
        raise MessageError(f'"{key}" must be true or false')
    return value


def _choice(message: Mapping[str, Any], key: str, allowed: tuple[Any, ...], default: Any) -> Any:
    value = message.get(key, default)
    if type(value) is not type(default) or value not in allowed:
        raise MessageError(f'"{key}" must be one of {", ".join(map(str, allowed))}')
    return value
