"""Semtech's packet forwarder configuration (`SX130x_conf` of global_conf.json) as settings.

Keys and defaults are those of sx1302_hal 2.1.0. What this driver cannot do is refused by name:
radios other than the SX1250, full duplex, listen before talk, spectral scan.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from drivers.sx1302.settings import (
    MULTI_SF_CHAINS,
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


def settings(conf: Json) -> Settings:
    """Translate; SettingError names the key when a part cannot be had."""
    _refuse_what_is_missing(conf)
    everything = conf.get("chan_multiSF_All", {})
    return Settings(
        radios=(_radio(conf, 0), _radio(conf, 1)),
        clock_source=conf.get("clksrc", 0),
        channels=tuple(_channel(conf, i) for i in range(MULTI_SF_CHAINS)),
        spreading_factors=frozenset(everything.get("spreading_factor_enable", range(5, 13))),
        service=_service(conf.get("chan_Lora_std", {})),
        fsk=_fsk(conf.get("chan_FSK", {})),
        public=conf.get("lorawan_public", True),
        fine_timestamps=_fine_timestamps(conf.get("fine_timestamp", {})),
    )


def _refuse_what_is_missing(conf: Json) -> None:
    full_duplex = conf.get("full_duplex", False)
    check(not full_duplex, "full_duplex", full_duplex, "full duplex boards are not supported")
    sx1261 = conf.get("sx1261_conf", {})
    for part in ("lbt", "spectral_scan"):
        wanted = sx1261.get(part, {}).get("enable", False)
        check(not wanted, f"sx1261_conf.{part}.enable", wanted, "the SX1261 is not supported")


def _radio(conf: Json, number: int) -> Radio | None:
    key = f"radio_{number}"
    radio = conf.get(key, {})
    if not radio.get("enable", False):
        return None
    check(
        radio.get("type") == "SX1250", f"{key}.type", radio.get("type"), "only SX1250 is supported"
    )
    if "freq" not in radio:
        raise SettingError(f"{key}.freq", None, "the radio's centre frequency in Hz is needed")
    compensation = radio.get("rssi_tcomp", {})
    a, b, c, d, e = (float(compensation.get(f"coeff_{name}", 0)) for name in "abcde")
    transmits = radio.get("tx_enable", False)
    return Radio(
        frequency=int(radio["freq"]),
        rssi_offset=float(radio.get("rssi_offset", 0)),
        rssi_tcomp=(a, b, c, d, e),
        single_input=radio.get("single_input_mode", False),
        transmit=(radio.get("tx_freq_min", 0), radio.get("tx_freq_max", 0)) if transmits else None,
        gains=_gains(radio.get("tx_gain_lut", ())) if transmits else (),
    )


def _gains(rows: list[Json]) -> tuple[GainRow, ...]:
    table = [
        GainRow(
            rf_power=row.get("rf_power", 0),
            pa_gain=row.get("pa_gain", 0),
            pwr_idx=row.get("pwr_idx", 0),
            dig_gain=row.get("dig_gain", 0),
        )
        for row in rows
    ]
    return tuple(sorted(table, key=lambda row: row.rf_power))


def _channel(conf: Json, number: int) -> Channel | None:
    channel = conf.get(f"chan_multiSF_{number}", {})
    if not channel.get("enable", False):
        return None
    return Channel(radio=channel.get("radio", 0), offset=channel.get("if", 0))


def _service(channel: Json) -> Service | None:
    if not channel.get("enable", False):
        return None
    implicit = ImplicitHeader(
        length=channel.get("implicit_payload_length", 0),
        crc=channel.get("implicit_crc_en", False),
        coding_rate=channel.get("implicit_coderate", 0),
    )
    return Service(
        radio=channel.get("radio", 0),
        offset=channel.get("if", 0),
        bandwidth=channel.get("bandwidth", 0) or 250_000,
        sf=channel.get("spread_factor", 0) or 7,
        implicit=implicit if channel.get("implicit_hdr", False) else None,
    )


def _fsk(channel: Json) -> Fsk | None:
    if not channel.get("enable", False):
        return None
    word = channel.get("sync_word", 0)
    size = channel.get("sync_word_size", 0) or (3 if word == 0 else 8)
    return Fsk(
        radio=channel.get("radio", 0),
        offset=channel.get("if", 0),
        bandwidth=channel.get("bandwidth", 0) or 250_000,
        bit_rate=channel.get("datarate", 0) or 64_000,
        sync_word=(word or DEFAULT_SYNC_WORD).to_bytes(8, "big")[-size:],
    )


def _fine_timestamps(conf: Json) -> FineTimestamps:
    if not conf.get("enable", False):
        return FineTimestamps.OFF
    mode = conf.get("mode", "all_sf")
    allowed = ("all_sf", "high_capacity")
    check(mode in allowed, "fine_timestamp.mode", mode, '"all_sf" or "high_capacity"')
    return FineTimestamps(mode)
