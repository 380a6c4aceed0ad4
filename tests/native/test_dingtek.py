"""DF702 by the facts of its format: the length tells the layout, values are text with a unit."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import finite

from native.dingtek import df702

HEAD = bytes.fromhex("8000010111")


def level(millimetres: int, tail: bytes, position: bytes = b"") -> bytes:
    return HEAD + struct.pack(">H", millimetres) + bytes([len(position) > 0]) + position + tail


def test_level_without_position() -> None:
    payload = level(1234, bytes([30, 0, 45, 0x10, 0x01, 0, 0, 0, 0x81]))
    assert df702(3, payload) == {
        "data": {
            "level": "1234 mm",
            "temperature": "30 ℃",
            "angle": "-45 °",
            "full": True,
            "fire": False,
            "tilt": False,
            "battery": True,
        }
    }


def test_level_with_position() -> None:
    position = struct.pack("<ff", 12.1386, 54.0924)
    data = df702(3, level(90, bytes([8, 0, 0, 0x01, 0x10, 0, 0, 0, 0x81]), position))["data"]
    assert (data["level"], data["fire"], data["tilt"]) == ("90 mm", True, True)
    assert float(data["longitude"]) == pytest.approx(12.1386, abs=2e-6)
    assert float(data["latitude"]) == pytest.approx(54.0924, abs=7e-6)


@pytest.mark.parametrize(
    ("single", "text"),
    [
        ("00000000", "0.000000"),
        ("0000803f", "1.000000"),
        ("000080bf", "-1.000000"),
        ("0000003c", "0.007813"),  # 2**-7 lies half way: ECMAScript rounds away from zero
        ("ffffff7f", "6.80564733841877e+38"),
    ],
)
def test_position_is_written_as_ecmascript_writes_it(single: str, text: str) -> None:
    data = df702(3, level(0, bytes(9), bytes.fromhex(single) + bytes(4)))["data"]
    assert data["longitude"] == text


def test_parameters() -> None:
    payload = bytes.fromhex("80000103190104") + bytes([12, 5, 20, 70, 35, 1, 1]) + bytes(11)
    assert df702(3, payload) == {
        "data": {
            "periodic_interval": "12 hours",
            "detection_interval": "5 minutes",
            "full_alarm_threshold": "20 cm",
            "fire_alarm_threshold": "70 ℃",
            "tilt_alarm_threshold": "35 °",
            "tilt_enable": True,
            "ultrasonic_range": "5000 mm",
        }
    }


@pytest.mark.parametrize("length", [0, 1, 16, 18, 24, 26, 242])
def test_other_lengths_are_errors(length: int) -> None:
    assert df702(3, bytes(length)) == {"errors": ["wrong length"]}


def test_other_ports_are_errors() -> None:
    assert df702(2, bytes(17)) == {"errors": ["unknown FPort"]}


@given(st.integers(-1, 256), st.binary(max_size=30) | st.binary(min_size=25, max_size=25))
def test_any_bytes_decode_to_something_finite(f_port: int, payload: bytes) -> None:
    assert finite(df702(f_port, payload))
