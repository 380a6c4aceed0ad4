"""The shipped catalogue: native codecs against their vectors, mappings against the vocabulary."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import codec_name, differs, optional, shipped

from gateway.codecs.catalogue import Catalogue, Codec, UnknownCodecError
from gateway.errors import ConfigError
from gateway.files import shipped as shipped_config

CATALOGUE = Catalogue.load(shipped_config())

VOCABULARY = """
[[measurement]]
name = "distance"
kind = "number"
unit = "m"
de = "Abstand"
en = "Distance"
"""
DEVICE = """
vendor = "Anyone"
model = "Any"
codecs = ["elsys/elsys"]
lorawan = "1.0.3"
class = "A"
ports = [5]
interval_s = 600

[[measurement]]
name = "distance"
field = "distance"
"""


def differences(records: list[dict[str, Any]]) -> list[str]:
    """What the shipped codecs make otherwise than these records of theirs say."""
    mine = [record for record in records if codec_name(record) in CATALOGUE.names()]
    assert mine
    outputs = (
        differs(r, CATALOGUE.codec(codec_name(r)).output(r["fPort"], bytes.fromhex(r["bytes"])))
        for r in mine
    )
    return [difference for difference in outputs if difference]


SHIPPED = ("browan", "decentlab", "dragino", "elsys", "milesight", "rakwireless")


@pytest.mark.parametrize("vendor", SHIPPED)
def test_shipped_vectors(vendor: str) -> None:
    assert differences(shipped(f"{vendor}.jsonl")) == []


def test_no_shipped_vector_is_without_its_codec() -> None:
    names = {codec_name(record) for vendor in SHIPPED for record in shipped(f"{vendor}.jsonl")}
    assert names - set(CATALOGUE.names()) == set()
    assert len(names) >= 80


NO_NATIVE_CODEC = {
    *("arwin-technology/lrs20310", "dragino/wsc1-l", "mclimate/flood-sensor"),
    *("opensource/esp32-paxcounter", "pepperl-fuchs/wilsen-sonic-distance"),
    *("pepperl-fuchs/wilsen-sonic-level", "redz/lkm-lw-codec-2404", "sensecap/sensecap210x"),
    *("sept-s/tg563a", "teneo-iot/filling-degree-sensor", "terabee/lora-lm-xl"),
    *("uradmonitor/uradmonitor-model-a3", "yobiiq/dsmr", "yobiiq/em2101", "yobiiq/sd1001"),
}
"""Of the further vectors: theirs is JavaScript that the operator brings (docs/codecs.md)."""


@pytest.mark.parametrize("name", ["devices.jsonl", "devices-mutated.jsonl"])
def test_further_vectors_are_skipped_for_these_codecs_alone(name: str) -> None:
    wanted = Counter(map(codec_name, optional(name)))
    skipped = wanted.keys() - set(CATALOGUE.names())
    assert skipped <= NO_NATIVE_CODEC, f"no codec for {sorted(skipped - NO_NATIVE_CODEC)}"
    assert sum(wanted[codec] for codec in wanted.keys() - skipped) >= 88


@pytest.mark.parametrize("name", ["devices.jsonl", "devices-mutated.jsonl", "cayennelpp.jsonl"])
def test_further_vectors(name: str) -> None:
    assert differences(optional(name)) == []


@pytest.mark.parametrize(
    ("codec", "f_port", "payload", "measurements", "units"),
    [
        (
            "bosch/tps110-0292",
            2,
            "01ff",
            {"occupied": True, "temperature": -1.0},
            {"temperature": "Cel"},
        ),
        (
            "nwave/nps405",
            2,
            "0165ec",
            {"occupied": True, "temperature": 0.0, "battery_voltage": 2.904, "battery_low": True},
            {"temperature": "Cel", "battery_voltage": "V"},
        ),
        (
            "dingtek/df702",
            3,
            "800001011103e8001900001001000081ff"[:34],
            {
                "distance": 1.0,
                "temperature": 25.0,
                "angle": 0.0,
                "full": True,
                "fire": False,
                "tilt": False,
                "battery_low": True,
            },
            {"distance": "m", "temperature": "Cel", "angle": "deg"},
        ),
        (
            "elsys/elsys",
            5,
            "0100ea0237070e0a1400 0f5ca80e04d2120100".replace(" ", ""),
            {
                "temperature": 23.4,
                "humidity": 55.0,
                "battery_voltage": 3.594,
                "pressure": 1006.76,
                "distance": 1.234,
                "water_leak": True,
            },
            {
                "temperature": "Cel",
                "humidity": "%RH",
                "battery_voltage": "V",
                "pressure": "hPa",
                "distance": "m",
            },
        ),
        (
            "decentlab/dl-pr26",
            1,
            "02016700035000801f0c7f",
            {"water_level": 1.274645, "water_temperature": 51.296875, "battery_voltage": 3.199},
            {"water_level": "m", "water_temperature": "Cel", "battery_voltage": "V"},
        ),
        (
            "cayennelpp",
            1,
            "0367011005670 0ff0171000003e8fc18".replace(" ", ""),
            {
                "temperature_3": 27.2,
                "temperature_5": 25.5,
                "acceleration_x_1": 0.0,
                "acceleration_y_1": 9.80665,
                "acceleration_z_1": -9.80665,
            },
            {
                "temperature_3": "Cel",
                "temperature_5": "Cel",
                "acceleration_x_1": "m/s2",
                "acceleration_y_1": "m/s2",
                "acceleration_z_1": "m/s2",
            },
        ),
    ],
)
def test_payload_becomes_measurements_with_units(
    codec: str, f_port: int, payload: str, measurements: dict[str, Any], units: dict[str, str]
) -> None:
    decoded = CATALOGUE.codec(codec).decode(f_port, bytes.fromhex(payload))
    assert decoded.error is None
    assert decoded.measurements == measurements
    assert decoded.units == units


@pytest.mark.parametrize(("distance", "level"), [(0, 100), (300, 75), (1200, 0), (4000, 0)])
def test_distance_in_a_bin_becomes_its_fill_level(distance: int, level: float) -> None:
    payload = b"\x0e" + distance.to_bytes(2, "big")
    decoded = CATALOGUE.codec("elsys/elsys").decode(5, payload, depth=1.2)
    assert decoded.measurements == {"distance": distance / 1000, "fill_level": level}
    assert decoded.units == {"distance": "m", "fill_level": "/100"}


@pytest.mark.parametrize(
    ("codec", "f_port", "payload", "distance"),
    [
        ("cayennelpp", 1, "0782000001f4", 0.5),
        ("decentlab/dl-lid", 1, "0211c90001" + "04d2" * 11, 1.234),
        ("decentlab/dl-mbx", 1, "0211c9000104d20005", 1.234),
        ("decentlab/dl-rad", 1, "0211c9000104d2000000000000", 1.234),
        ("dingtek/dc410", 3, "800001021104d200160100000000010081", 1.234),
        ("dingtek/df701", 3, "800001021204d20000000000000168000181", 1.234),
        ("dingtek/df702", 3, "800001011104d200190000000000000081", 1.234),
        ("dingtek/do200", 3, "800002011504d20000016f0079ffb0fff500000081", 1.234),
        ("dingtek/do201", 3, "800002011704d20000016f0079ffb0fff5190000000081", 1.234),
        ("dragino/ldds45", 2, "0d3b04d200000001", 1.234),
        ("dragino/ldds75", 2, "0d3b04d200000001", 1.234),
        ("elsys/elsys", 5, "0e04d2", 1.234),
        ("milesight-iot/em310-udl", 85, "0382d204", 1.234),
        ("milesight-iot/em400-tld", 85, "0482d204", 1.234),
        ("milesight-iot/em500-udl", 85, "0382d204", 1.234),
        ("milesight-iot/ws201", 85, "0382d204", 1.234),
        ("milesight/em400-tld", 85, "0482d204", 1.234),
    ],
)
def test_every_distance_is_in_metres(
    codec: str, f_port: int, payload: str, distance: float
) -> None:
    decoded = CATALOGUE.codec(codec).decode(f_port, bytes.fromhex(payload), depth=2.0)
    (name,) = [name for name in decoded.measurements if name.startswith("distance")]
    assert decoded.measurements[name] == distance
    level = name.replace("distance", "fill_level")
    assert decoded.measurements[level] == pytest.approx(100 * (1 - distance / 2), abs=0.051)
    assert (decoded.units[name], decoded.units[level]) == ("m", "/100")


def test_level_that_the_device_says_itself_stays() -> None:
    dispenser = CATALOGUE.codec("milesight-iot/ws201")
    decoded = dispenser.decode(85, bytes.fromhex("0382640004d62a"), depth=1.0)
    assert decoded.measurements == {"distance": 0.1, "fill_level": 42.0}


def test_doubt_is_flagged_and_the_value_sent() -> None:
    hot = CATALOGUE.codec("elsys/elsys").decode(5, bytes.fromhex("01270f"))
    assert hot.measurements == {"temperature": 999.9}
    assert hot.flags == {"temperature": "out_of_range"}
    ldds75 = CATALOGUE.codec("dragino/ldds75")
    near = ldds75.decode(2, bytes.fromhex("0d3b011700000001"), depth=2.0)
    assert near.measurements["distance"] == 0.279
    assert near.flags == {"distance": "blind_zone", "fill_level": "blind_zone"}
    assert ldds75.decode(2, bytes.fromhex("0d3b011800000001")).flags == {}


def test_device_without_a_depth_has_no_level() -> None:
    decoded = CATALOGUE.codec("elsys/elsys").decode(5, bytes.fromhex("0e04d2"))
    assert decoded.measurements == {"distance": 1.234}


def test_fill_level_keeps_the_channel_of_its_distance() -> None:
    decoded = CATALOGUE.codec("cayennelpp").decode(1, bytes.fromhex("0782000001f4"), depth=1.0)
    assert decoded.measurements == {"distance_7": 0.5, "fill_level_7": 50.0}


@pytest.mark.parametrize("f_port", [None, 0])
@pytest.mark.parametrize("name", CATALOGUE.names())
def test_no_application_payload_is_no_error(name: str, f_port: int | None) -> None:
    decoded = CATALOGUE.codec(name).decode(f_port, b"")
    assert (decoded.measurements, decoded.error) == ({}, None)


@pytest.mark.parametrize(
    ("codec", "f_port", "payload", "error"),
    [
        ("dingtek/df702", 3, "80", "wrong length"),
        ("dingtek/df702", 9, "80", "unknown FPort"),
        ("bosch/tps110-0292", 77, "80", "bosch/tps110-0292 knows nothing of 1 bytes on FPort 77"),
        ("cayennelpp", 1, "", "cayennelpp knows nothing of 0 bytes on FPort 1"),
        ("decentlab/dl-pm", 1, "01", "protocol version 1 doesn't match v2"),
    ],
)
def test_undecoded_payload_says_why(codec: str, f_port: int, payload: str, error: str) -> None:
    decoded = CATALOGUE.codec(codec).decode(f_port, bytes.fromhex(payload))
    assert (decoded.measurements, decoded.units, decoded.error) == ({}, {}, error)


def test_what_was_decoded_before_an_error_stays() -> None:
    decoded = CATALOGUE.codec("cayennelpp").decode(1, bytes.fromhex("01670110") + b"\x02\xfa")
    assert decoded.measurements == {"temperature_1": 27.2}
    assert decoded.error == "byte 4: unknown type 250"


@pytest.mark.parametrize("name", CATALOGUE.names())
@given(
    st.none() | st.integers(0, 255),
    st.binary(max_size=242) | st.binary(max_size=40).map(lambda tail: b"\x02" + tail),
    st.none() | st.floats(min_value=0.01, max_value=20),
)
def test_any_payload_gives_what_json_can_say(
    name: str, f_port: int | None, payload: bytes, depth: float | None
) -> None:
    decoded = CATALOGUE.codec(name).decode(f_port, payload, depth)
    assert set(decoded.units) <= set(decoded.measurements)
    assert set(decoded.flags) <= set(decoded.measurements)
    for value in decoded.measurements.values():
        assert isinstance(value, bool | int | float | str)
        assert not isinstance(value, float) or math.isfinite(value)


def test_unknown_codec_names_what_comes_near() -> None:
    with pytest.raises(UnknownCodecError) as raised:
        CATALOGUE.codec("bosch/tps110-0293")
    assert raised.value.allowed == "did you mean bosch/tps110-0292?"
    with pytest.raises(UnknownCodecError, match="kogge codec list shows"):
        CATALOGUE.codec("zzz")


def loaded(directory: Path, device: str = DEVICE, vocabulary: str = VOCABULARY) -> Codec:
    (directory / "devices").mkdir()
    (directory / "vocabulary.toml").write_text(vocabulary)
    (directory / "devices" / "any.toml").write_text(device)
    catalogue = Catalogue.load(directory)
    return catalogue.codec(catalogue.names()[0])


def test_operators_file_is_a_device(tmp_path: Path) -> None:
    decoded = loaded(tmp_path).decode(5, bytes.fromhex("0e0064"))
    assert decoded.measurements == {"distance": 100.0}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "distance"', 'name = "distanz"', "measurement distanz; is no name of vocabulary"),
        ('field = "distance"', "field = 7", r"measurement\[1\].field is 7; Expected `str | array`"),
        ('field = "distance"', "field = []", r"measurement\[1\].field"),
        ('"elsys/elsys"', '"elsys/els"', "codecs is 'elsys/els'; is no native codec; known are"),
        ("ports = [5]", "ports = [224]", r"ports\[1\] is 224"),
        ("interval_s = 600", "intervall_s = 600", "intervall_s; there is no such key"),
        ('class = "A"', 'class = "D"', "class is 'D'"),
        ("ports = [5]", "", "ports"),
    ],
)
def test_wrong_device_file_says_where_and_what(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        loaded(tmp_path, DEVICE.replace(old, new))
    assert raised.value.file == str(tmp_path / "devices" / "any.toml")


def test_wrong_formula_says_what_is_possible(tmp_path: Path) -> None:
    table = '\n[[decentlab.group]]\nwords = 1\nvalues = [{name = "v", label = "V", formula = "x1"}]'
    with pytest.raises(ConfigError, match="the payload's table; 'x1' is neither a number"):
        loaded(tmp_path, DEVICE + table)


def test_codec_stands_in_one_file_only(tmp_path: Path) -> None:
    loaded(tmp_path)
    (tmp_path / "devices" / "other.toml").write_text(DEVICE)
    with pytest.raises(ConfigError, match="another device file has it too"):
        Catalogue.load(tmp_path)


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (VOCABULARY * 2, "distance; stands here twice"),
        (VOCABULARY + "range = [2, 1]", "distance.range is .2.0, 1.0.; must rise"),
        (VOCABULARY.replace('"number"', '"float"'), "kind is 'float'"),
    ],
)
def test_wrong_vocabulary_says_where_and_what(
    tmp_path: Path, vocabulary: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded(tmp_path, vocabulary=vocabulary)
