"""Semtech's packet forwarder configuration (`SX130x_conf` of global_conf.json) as settings.

Keys and defaults are those of sx1302_hal 2.1.0. A value of the wrong type, one that the chip
cannot take, and what this driver cannot do (radios other than the SX1250, full duplex, listen
before talk, spectral scan) are a SettingError that names the key as it stands in the file.
What is switched off is not looked at.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from drivers.sx1302.settings import (
    MULTI_SF_CHAINS,
    SPREADING_FACTORS,
    Channel,
    FineTimestamps,
    Fsk,
    GainRow,
    ImplicitHeader,
    Radio,
    Service,
    SettingError,
    Settings,
    check,
)

Json: TypeAlias = Mapping[str, Any]
DEFAULT_SYNC_WORD = 0xC194C1

# How the driver's settings are called in the file; the first that fits.
NAMES = (
    (r"radios\.(\d)\.frequency", r"radio_\1.freq"),
    (r"radios\.(\d)\.transmit", r"radio_\1.tx_freq_min and tx_freq_max"),
    (r"radios\.(\d)\.gains", r"radio_\1.tx_gain_lut"),
    (r"clock_source", "clksrc"),
    (r"spreading_factors", "chan_multiSF_All.spreading_factor_enable"),
    (r"channels\.(\d)", r"chan_multiSF_\1"),
    (r"service\.sf", "chan_Lora_std.spread_factor"),
    (r"service\.implicit\.length", "chan_Lora_std.implicit_payload_length"),
    (r"service\.implicit\.coding_rate", "chan_Lora_std.implicit_coderate"),
    (r"service", "chan_Lora_std"),
    (r"fsk\.bit_rate", "chan_FSK.datarate"),
    (r"fsk", "chan_FSK"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One object of the file, and the key that leads to it."""

    values: Json
    at: str = ""

    def key(self, name: str) -> str:
        return f"{self.at}.{name}".lstrip(".")

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name, default)
        if not isinstance(value, bool):
            raise SettingError(self.key(name), value, "true or false is needed")
        return value

    def number(self, name: str, default: float = 0.0) -> float:
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingError(self.key(name), value, "a number is needed")
        check(abs(value) <= 1e9, self.key(name), value, "a number up to 10⁹ is needed")
        return float(value)

    def integer(self, name: str, default: int = 0) -> int:
        value = self.values.get(name, default)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise SettingError(self.key(name), value, "a whole number is needed")
        return value

    def part(self, name: str) -> "Part":
        return part(self.values.get(name, {}), self.key(name))

    def list(self, name: str, default: Any = ()) -> list[Any]:
        value = self.values.get(name, default)
        if not isinstance(value, list | tuple | range):
            raise SettingError(self.key(name), value, "a list is needed: […]")
        return list(value)


def part(value: object, key: str) -> Part:
    """`value` as an object of the file."""
    if not isinstance(value, Mapping):
        raise SettingError(key, value, "an object is needed: {…}")
    return Part(value, key)


def settings(conf: Json) -> Settings:
    """Translate `SX130x_conf`; SettingError names the key when a part cannot be had."""
    whole = part(conf, "SX130x_conf")
    try:
        return _settings(Part(whole.values))
    except SettingError as error:
        raise SettingError(_named(error.key), error.value, error.allowed) from None


def _settings(conf: Part) -> Settings:
    _refuse_what_is_missing(conf)
    return Settings(
        radios=(_radio(conf.part("radio_0")), _radio(conf.part("radio_1"))),
        clock_source=conf.integer("clksrc"),
        channels=tuple(_channel(conf.part(f"chan_multiSF_{i}")) for i in range(MULTI_SF_CHAINS)),
        spreading_factors=_spreading_factors(conf.part("chan_multiSF_All")),
        service=_service(conf.part("chan_Lora_std")),
        fsk=_fsk(conf.part("chan_FSK")),
        public=conf.flag("lorawan_public", True),
        fine_timestamps=_fine_timestamps(conf.part("fine_timestamp")),
        antenna_gain=conf.number("antenna_gain"),
    )


def _named(key: str) -> str:
    """The key of the driver's settings as the file calls it."""
    for ours, theirs in NAMES:
        if re.match(rf"{ours}(\.|$)", key):
            key = re.sub(rf"^{ours}", theirs, key)
            break
    return key.removesuffix(".offset") + ".if" if key.endswith(".offset") else key


def _refuse_what_is_missing(conf: Part) -> None:
    full_duplex = conf.flag("full_duplex")
    check(not full_duplex, "full_duplex", full_duplex, "full duplex boards are not supported")
    for name in ("lbt", "spectral_scan"):
        use = conf.part("sx1261_conf").part(name)
        check(not use.flag("enable"), use.key("enable"), True, "the SX1261 is not supported")


def _radio(radio: Part) -> Radio | None:
    if not radio.flag("enable"):
        return None
    kind = radio.values.get("type")
    check(kind == "SX1250", radio.key("type"), kind, "only SX1250 is supported")
    if "freq" not in radio.values:
        raise SettingError(radio.key("freq"), None, "the radio's centre frequency in Hz is needed")
    compensation = radio.part("rssi_tcomp")
    a, b, c, d, e = (compensation.number(f"coeff_{name}") for name in "abcde")
    transmits = radio.flag("tx_enable")
    return Radio(
        frequency=radio.integer("freq"),
        rssi_offset=radio.number("rssi_offset"),
        rssi_tcomp=(a, b, c, d, e),
        single_input=radio.flag("single_input_mode"),
        transmit=_transmit(radio) if transmits else None,
        gains=_gains(radio) if transmits else (),
    )


def _transmit(radio: Part) -> tuple[int, int]:
    return radio.integer("tx_freq_min"), radio.integer("tx_freq_max")


def _gains(radio: Part) -> tuple[GainRow, ...]:
    key = radio.key("tx_gain_lut")
    rows = enumerate(radio.list("tx_gain_lut"))
    table = [_gain(part(row, f"{key}.{i}")) for i, row in rows]
    return tuple(sorted(table, key=lambda row: row.rf_power))


def _gain(row: Part) -> GainRow:
    gain = GainRow(
        rf_power=row.integer("rf_power"),
        pa_gain=row.integer("pa_gain"),
        pwr_idx=row.integer("pwr_idx"),
        dig_gain=row.integer("dig_gain"),
    )
    gain.check(row.at)
    return gain


def _spreading_factors(everything: Part) -> frozenset[int]:
    name = "spreading_factor_enable"
    factors = everything.list(name, SPREADING_FACTORS)
    whole = all(type(factor) is int for factor in factors)
    check(whole, everything.key(name), factors, "whole numbers 5…12 are needed")
    return frozenset(factors)


def _channel(channel: Part) -> Channel | None:
    if not channel.flag("enable"):
        return None
    return Channel(radio=channel.integer("radio"), offset=channel.integer("if"))


def _service(channel: Part) -> Service | None:
    if not channel.flag("enable"):
        return None
    return Service(
        radio=channel.integer("radio"),
        offset=channel.integer("if"),
        bandwidth=channel.integer("bandwidth") or 250_000,
        sf=channel.integer("spread_factor") or 7,
        implicit=_implicit(channel) if channel.flag("implicit_hdr") else None,
    )


def _implicit(channel: Part) -> ImplicitHeader:
    return ImplicitHeader(
        length=channel.integer("implicit_payload_length"),
        crc=channel.flag("implicit_crc_en"),
        coding_rate=channel.integer("implicit_coderate"),
    )


def _fsk(channel: Part) -> Fsk | None:
    if not channel.flag("enable"):
        return None
    return Fsk(
        radio=channel.integer("radio"),
        offset=channel.integer("if"),
        bandwidth=channel.integer("bandwidth") or 250_000,
        bit_rate=channel.integer("datarate") or 64_000,
        sync_word=_sync_word(channel),
    )


def _sync_word(channel: Part) -> bytes:
    word, size = channel.integer("sync_word"), channel.integer("sync_word_size")
    check(0 <= word < 2**64, channel.key("sync_word"), word, "0…2⁶⁴−1 are allowed")
    check(0 <= size <= 8, channel.key("sync_word_size"), size, "1…8 bytes are allowed")
    size = size or (3 if word == 0 else 8)
    return (word or DEFAULT_SYNC_WORD).to_bytes(8, "big")[-size:]


def _fine_timestamps(conf: Part) -> FineTimestamps:
    if not conf.flag("enable"):
        return FineTimestamps.OFF
    mode = conf.values.get("mode", "all_sf")
    allowed = ("all_sf", "high_capacity")
    check(mode in allowed, conf.key("mode"), mode, '"all_sf" or "high_capacity"')
    return FineTimestamps(mode)
