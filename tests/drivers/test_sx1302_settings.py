"""What the chip cannot do is refused, with the key and what is allowed."""

from dataclasses import replace
from typing import Any

import pytest

from drivers.sx1302.settings import (
    Channel,
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
        (one_radio(transmit=(869_000_000, 868_000_000)), "radios.0.transmit"),
        (one_radio(transmit=(0, 0)), "radios.0.transmit"),
        (one_radio(transmit=(902_000_000, 928_000_000)), "radios.0.transmit"),
        (one_radio(transmit=(863_000_000, 2_400_000_000)), "radios.0.transmit"),
        ({"clock_source": 2}, "clock_source"),
        (one_radio() | {"clock_source": 1}, "clock_source"),
        ({"spreading_factors": frozenset({4, 7})}, "spreading_factors"),
        ({"antenna_gain": 31.0}, "antenna_gain"),
        ({"channels": (None,) * 9}, "channels"),
        (one_channel(2, 0), "channels.0.radio"),
        (one_radio() | one_channel(1, 0), "channels.0.radio"),
        (one_channel(0, 737_501), "channels.0.offset"),
        ({"channels": (Channel(radio=0, offset=1),) * 2 + (None,) * 6}, "channels.1.offset"),
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
