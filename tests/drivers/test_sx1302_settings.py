"""What the chip cannot do is refused, with the key and what is allowed."""

from dataclasses import replace
from typing import Any

import pytest

from drivers.sx1302 import semtech
from drivers.sx1302.settings import (
    Channel,
    FineTimestamps,
    Fsk,
    GainRow,
    ImplicitHeader,
    Radio,
    Service,
    SettingError,
    Settings,
    calibration_band,
)

GAINS = (GainRow(12, 0, 15), GainRow(27, 1, 14))
RADIO = Radio(frequency=867_500_000, transmit=(863_000_000, 870_000_000), gains=GAINS)
GOOD = Settings(radios=(RADIO, replace(RADIO, transmit=None)))


def one_radio(**change: Any) -> dict[str, Any]:
    return {"radios": (replace(RADIO, **change), None)}


def one_channel(radio: int, offset: int) -> dict[str, Any]:
    return {"channels": (Channel(radio=radio, offset=offset), *[None] * 7)}


def service(**values: Any) -> dict[str, Any]:
    return {"service": Service(**{"radio": 0, "offset": 0} | values)}


def fsk(**values: Any) -> dict[str, Any]:
    return {"fsk": Fsk(**{"radio": 0, "offset": 0} | values)}


NO_LENGTH = ImplicitHeader(length=0, crc=True, coding_rate=1)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (one_radio(frequency=600_000_000), "radios.0.frequency"),
        (one_radio(frequency=870_000_000), "radios.0.frequency"),
        (one_radio(gains=()), "radios.0.gains"),
        (one_radio(gains=GAINS * 9), "radios.0.gains"),
        (one_radio(gains=GAINS[::-1]), "radios.0.gains"),
        (one_radio(gains=(GainRow(1, 4, 0),)), "radios.0.gains.0.pa_gain"),
        (one_radio(gains=(GainRow(1, 0, 23),)), "radios.0.gains.0.pwr_idx"),
        (one_radio(gains=(GainRow(1, 0, 1, 4),)), "radios.0.gains.0.dig_gain"),
        (one_radio(transmit=(2, 1)), "radios.0.transmit"),
        ({"clock_source": 2}, "clock_source"),
        (one_radio() | {"clock_source": 1}, "clock_source"),
        ({"spreading_factors": frozenset({4, 7})}, "spreading_factors"),
        ({"channels": (None,) * 9}, "channels"),
        (one_channel(2, 0), "channels.0.radio"),
        (one_radio() | one_channel(1, 0), "channels.0.radio"),
        (one_channel(0, 737_501), "channels.0.offset"),
        (service(offset=-675_001), "service.offset"),
        (service(bandwidth=62_500), "service.bandwidth"),
        (service(sf=13), "service.sf"),
        (service(implicit=NO_LENGTH), "service.implicit.length"),
        (fsk(bit_rate=499), "fsk.bit_rate"),
        (fsk(sync_word=b""), "fsk.sync_word"),
        (fsk(sync_word=bytes(9)), "fsk.sync_word"),
    ],
)
def test_impossible_setting_is_refused_by_its_key(change: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingError) as refused:
        replace(GOOD, **change)
    assert refused.value.key == key
    assert refused.value.allowed


@pytest.mark.parametrize(
    "change",
    [
        one_channel(0, 737_500),
        service(offset=-550_000, bandwidth=500_000, sf=12),
        fsk(radio=1, offset=675_000, bit_rate=250_000, sync_word=bytes(8)),
    ],
)
def test_limits_themselves_are_allowed(change: dict[str, Any]) -> None:
    assert replace(GOOD, **change) != GOOD


@pytest.mark.parametrize(
    ("mhz", "code"),
    [(433.5, "6b6f"), (490, "7581"), (780, "c1c5"), (863.1, "d7db"), (915, "e1e9"), (902, None)],
)
def test_calibration_follows_the_band(mhz: float, code: str | None) -> None:
    band = calibration_band(round(mhz * 1e6))
    assert (band.hex() if band else None) == code


CONF: dict[str, Any] = {
    "lorawan_public": False,
    "clksrc": 1,
    "radio_0": {"enable": False},
    "radio_1": {"enable": True, "type": "SX1250", "freq": 491_300_000, "single_input_mode": True},
    "chan_multiSF_All": {"spreading_factor_enable": [7, 8]},
    "chan_multiSF_3": {"enable": True, "radio": 1, "if": 200_000},
    "chan_Lora_std": {
        "enable": True,
        "radio": 1,
        "implicit_hdr": True,
        "implicit_payload_length": 9,
        "implicit_crc_en": True,
        "implicit_coderate": 2,
    },
    "chan_FSK": {"enable": True, "radio": 1, "sync_word": 0x1234, "sync_word_size": 2},
    "fine_timestamp": {"enable": True, "mode": "high_capacity"},
}


def test_semtech_configuration_is_translated_with_its_defaults() -> None:
    implicit = ImplicitHeader(length=9, crc=True, coding_rate=2)
    assert semtech.settings(CONF) == Settings(
        radios=(None, Radio(frequency=491_300_000, single_input=True)),
        clock_source=1,
        channels=(None, None, None, Channel(radio=1, offset=200_000), *[None] * 4),
        spreading_factors=frozenset({7, 8}),
        service=Service(radio=1, offset=0, implicit=implicit),
        fsk=Fsk(radio=1, offset=0, sync_word=b"\x12\x34"),
        public=False,
        fine_timestamps=FineTimestamps.HIGH_CAPACITY,
    )


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"full_duplex": True}, "full_duplex"),
        ({"sx1261_conf": {"lbt": {"enable": True}}}, "sx1261_conf.lbt.enable"),
        ({"radio_1": {"enable": True, "type": "SX1257", "freq": 1}}, "radio_1.type"),
        ({"radio_1": {"enable": True, "type": "SX1250"}}, "radio_1.freq"),
        ({"fine_timestamp": {"enable": True, "mode": "x"}}, "fine_timestamp.mode"),
    ],
)
def test_semtech_configuration_beyond_this_driver_is_refused(change: Any, key: str) -> None:
    with pytest.raises(SettingError) as refused:
        semtech.settings(CONF | change)
    assert refused.value.key == key
