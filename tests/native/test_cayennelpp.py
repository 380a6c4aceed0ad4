"""Cayenne LPP by its type table: IPSO number, size, sign and resolution of each type."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import finite, same

from native.cayennelpp import cayennelpp, cayennelpp_rak, rak_standard

# IPSO object: name, bytes, resolution, signed
SCALARS = {
    3200: ("digital_in", 1, 1, False),
    3201: ("digital_out", 1, 1, False),
    3202: ("analog_in", 2, 0.01, True),
    3203: ("analog_out", 2, 0.01, True),
    3300: ("generic", 4, 1, False),
    3301: ("illuminance", 2, 1, False),
    3302: ("presence", 1, 1, False),
    3303: ("temperature", 2, 0.1, True),
    3304: ("humidity", 1, 0.5, False),
    3315: ("barometer", 2, 0.1, False),
    3316: ("voltage", 2, 0.01, False),
    3317: ("current", 2, 0.001, False),
    3318: ("frequency", 4, 1, False),
    3320: ("percentage", 1, 1, False),
    3321: ("altitude", 2, 1, True),
    3322: ("load", 3, 0.001, False),
    3325: ("concentration", 2, 1, False),
    3328: ("power", 2, 1, False),
    3330: ("distance", 4, 0.001, False),
    3331: ("energy", 4, 0.001, False),
    3332: ("direction", 2, 1, False),
    3333: ("time", 4, 1, False),
    3342: ("switch", 1, 1, False),
}
RAK_SCALARS = {
    3312: ("humidity_prec", 2, 0.1, True),
    3338: ("voc", 2, 1, False),
    3388: ("soil_moist", 2, 0.1, False),
    3390: ("wind_speed", 2, 0.01, False),
    3391: ("wind_direction", 2, 1, False),
    3392: ("soil_ec", 2, 0.001, False),
    3393: ("soil_ph_h", 2, 0.01, False),
    3394: ("soil_ph_l", 2, 0.1, False),
    3395: ("pyranometer", 2, 1, False),
    3403: ("light", 1, 1, False),
}


@pytest.mark.parametrize(("ipso", "kind"), (SCALARS | RAK_SCALARS).items())
@pytest.mark.parametrize("first", [0x00, 0x7F, 0x80, 0xFF])
def test_scalar(ipso: int, kind: tuple[str, int, float, bool], first: int) -> None:
    name, size, resolution, signed = kind
    raw = bytes([first] + [0x34] * (size - 1))
    entry = {
        "channel": 7,
        "type": ipso - 3200,
        "name": name,
        "value": pytest.approx(int.from_bytes(raw, "big", signed=signed) * resolution),
    }
    assert cayennelpp_rak(2, bytes([7, ipso - 3200]) + raw) == {"data": [entry]}


@pytest.mark.parametrize(
    ("frame", "name", "value"),
    [
        ("71ff9c000003e8", "accelerometer", {"x": -0.1, "y": 0.0, "z": 1.0}),
        ("86ff9c00000064", "gyrometer", {"x": -1.0, "y": 0.0, "z": 1.0}),
        ("8700ff80", "colour", {"r": 0, "g": 255, "b": 128}),
        (
            "8808410c01da2affffce",
            "gps",
            {"latitude": 54.094, "longitude": 12.1386, "altitude": -0.5},
        ),
        (
            "890339627000b939b2ffffce",
            "gps",
            {"latitude": 54.0924, "longitude": 12.13893, "altitude": -0.5},
        ),
    ],
)
def test_types_of_several_parts(frame: str, name: str, value: dict[str, float]) -> None:
    (entry,) = cayennelpp_rak(2, b"\x01" + bytes.fromhex(frame))["data"]
    assert (entry["channel"], entry["name"]) == (1, name)
    assert entry["value"] == pytest.approx(value)


def test_same_type_on_two_channels() -> None:
    entries = cayennelpp(2, bytes.fromhex("03670110056700ff"))["data"]
    assert [(e["channel"], e["value"]) for e in entries] == [(3, 27.2), (5, 25.5)]


def test_unknown_type_keeps_what_stands_before_it() -> None:
    output = cayennelpp(2, bytes.fromhex("016600") + bytes.fromhex("02c80102"))
    assert [e["name"] for e in output["data"]] == ["presence"]
    assert output["errors"] == ["byte 3: unknown type 200"]


@pytest.mark.parametrize("ipso", [*RAK_SCALARS, 3337])
def test_rak_types_are_unknown_to_plain_lpp(ipso: int) -> None:
    output: dict[str, Any] = cayennelpp(2, bytes([1, ipso - 3200]) + bytes(11))
    assert output == {"data": [], "errors": [f"byte 0: unknown type {ipso - 3200}"]}


@pytest.mark.parametrize("frame", ["01", "0167", "016701", "0188000000000000ffff"])
def test_truncated_frame_is_an_error(frame: str) -> None:
    output = cayennelpp(2, bytes.fromhex(frame))
    assert output["data"] == []
    assert output["errors"]


def test_empty_frame_has_no_entries() -> None:
    assert cayennelpp(2, b"") == {"data": []}


@pytest.mark.parametrize(
    ("frame", "data"),
    [
        ("03670110056700ff", {"temperature_3": 27.2, "temperature_5": 25.5}),
        ("0187010203", {"colour_1": {"r": 1, "g": 2, "b": 3}}),
        ("0185ffffffff", {"time_1": -1}),
        (
            "018903396270ff46cdb2ffffce",
            {
                "location_1": "(54.092399,-12.137038)",
                "altitude_1": -0.5,
                "gps_1": {"latitude": 54.092399, "longitude": -12.137038, "altitude": -0.5},
            },
        ),
    ],
)
def test_rak_standard_is_one_object(frame: str, data: dict[str, Any]) -> None:
    found = rak_standard(2, bytes.fromhex(frame))["data"]
    assert found.keys() == data.keys()
    assert all(same(data[key], found[key]) for key in data)


def test_rak_standard_refuses_what_it_cannot_read_whole() -> None:
    assert "data" not in rak_standard(2, bytes.fromhex("0367011005fa00"))
    assert "data" not in rak_standard(2, bytes.fromhex("036701"))


@given(st.binary(max_size=242))
def test_any_bytes_decode_to_something_finite(payload: bytes) -> None:
    assert finite(cayennelpp(2, payload))
    assert finite(cayennelpp_rak(2, payload))
    assert finite(rak_standard(2, payload))


@given(st.lists(st.sampled_from(sorted(SCALARS)), min_size=1, max_size=20))
def test_frames_of_known_types_decode_whole(objects: list[int]) -> None:
    frame = b"".join(bytes([i, o - 3200]) + bytes(SCALARS[o][1]) for i, o in enumerate(objects))
    output = cayennelpp(1, frame)
    assert "errors" not in output
    assert [(e["channel"], e["type"] + 3200) for e in output["data"]] == list(enumerate(objects))
