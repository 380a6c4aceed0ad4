"""Semtech's configuration as settings: what is taken, with which defaults, what is refused."""

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sx1302 import semtech
from drivers.sx1302.settings import (
    Channel,
    FineTimestamps,
    Fsk,
    ImplicitHeader,
    Radio,
    Service,
    SettingError,
    Settings,
)

GOLDEN = Path(__file__).parent.parent / "golden" / "start-eu868.json"
REFERENCE: dict[str, Any] = json.loads(GOLDEN.read_text())["config"]

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


SF_ENABLE = "chan_multiSF_All.spreading_factor_enable"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path into a JSON value."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for key, below in value.items() for place in places(below, (*path, key))]
    elif isinstance(value, list):
        found += [place for i, below in enumerate(value) for place in places(below, (*path, i))]
    return found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(places(REFERENCE)), JSON)
def test_any_value_in_any_place_is_taken_or_refused_as_a_setting(
    path: tuple[Any, ...], value: Any
) -> None:
    conf = copy.deepcopy(REFERENCE)
    at: Any = conf
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    with contextlib.suppress(SettingError):
        semtech.settings(conf)


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("radio_0", [], "radio_0"),
        ("radio_0.freq", 868e6 + 0.5, "radio_0.freq"),
        ("radio_0.freq", 600_000_000, "radio_0.freq"),
        ("radio_0.enable", 1, "radio_0.enable"),
        ("radio_0.rssi_tcomp.coeff_c", "20", "radio_0.rssi_tcomp.coeff_c"),
        ("radio_0.rssi_offset", float("nan"), "radio_0.rssi_offset"),
        ("radio_0.tx_gain_lut", {}, "radio_0.tx_gain_lut"),
        ("radio_0.tx_gain_lut", [], "radio_0.tx_gain_lut"),
        ("radio_0.tx_gain_lut.3", 7, "radio_0.tx_gain_lut.3"),
        ("radio_0.tx_gain_lut.3.pa_gain", 9, "radio_0.tx_gain_lut.3.pa_gain"),
        ("radio_0.tx_freq_min", 915_000_000, "radio_0.tx_freq_min and tx_freq_max"),
        ("clksrc", 2, "clksrc"),
        ("chan_multiSF_All.spreading_factor_enable", [7, 13], SF_ENABLE),
        ("chan_multiSF_All.spreading_factor_enable", ["SF7"], SF_ENABLE),
        ("chan_multiSF_4.if", 800_000, "chan_multiSF_4.if"),
        ("chan_multiSF_4.if", -400_000, "chan_multiSF_4.if"),
        ("chan_multiSF_4.radio", 2, "chan_multiSF_4.radio"),
        ("chan_Lora_std.spread_factor", 13, "chan_Lora_std.spread_factor"),
        ("chan_Lora_std.if", 700_000, "chan_Lora_std.if"),
        ("chan_FSK.datarate", 1, "chan_FSK.datarate"),
        ("chan_FSK.sync_word", -1, "chan_FSK.sync_word"),
        ("chan_FSK.sync_word_size", 9, "chan_FSK.sync_word_size"),
    ],
)
def test_impossible_value_is_refused_by_the_name_that_the_file_has_for_it(
    path: str, value: Any, key: str
) -> None:
    conf = copy.deepcopy(REFERENCE)
    *way, last = path.split(".")
    at: Any = conf
    for name in way:
        at = at[int(name) if name.isdigit() else name]
    at[int(last) if last.isdigit() else last] = value
    with pytest.raises(SettingError) as refused:
        semtech.settings(conf)
    assert refused.value.key == key


def test_antenna_gain_and_whole_numbers_written_with_a_point_are_taken() -> None:
    change = {"antenna_gain": 3, "radio_1": CONF["radio_1"] | {"freq": 491_300_000.0}}
    assert semtech.settings(CONF | change).antenna_gain == 3.0
