"""TPS110 by the facts of its format: FPort, little-endian, bit 0 is the lot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import finite

from native.bosch import tps110_0292

STARTUP = "240300007503000000000000001d020301"


@pytest.mark.parametrize(
    ("f_port", "payload", "data"),
    [
        (1, "00", {"type": "parking status", "occupied": False}),
        (1, "01", {"type": "parking status", "occupied": True}),
        (2, "00f6", {"type": "heartbeat", "occupied": False, "temperature": -10}),
        (2, "01", {"type": "heartbeat", "occupied": True}),
        (
            3,
            "0000000001f2000000000000011e000200",
            {
                "type": "startup",
                "debugCodes": [0x201],
                "firmwareVersion": "1.30.0",
                "resetCause": "power on",
                "occupied": False,
            },
        ),
        (4, "c0ffee", {"type": "device information", "bytes": [0xC0, 0xFF, 0xEE]}),
        (5, "", {"type": "device usage", "bytes": []}),
        (
            6,
            "78563492bcfa0000cdab",
            {
                "type": "debug",
                "timestamp": 0x92345678 - (1 << 32),
                "debugCode": 0xABC,
                "sequenceNumber": 0xABCD,
            },
        ),
        (7, "01", {}),
        (0, "", {}),
    ],
)
def test_each_port_has_its_own_meaning(f_port: int, payload: str, data: dict[str, object]) -> None:
    assert tps110_0292(f_port, bytes.fromhex(payload)) == {"data": data}


def test_unknown_reset_cause_is_left_out() -> None:
    payload = bytearray(bytes.fromhex(STARTUP))
    for cause in (0, 5, 255):
        payload[15] = cause
        assert "resetCause" not in tps110_0292(3, bytes(payload))["data"]


@pytest.mark.parametrize(("f_port", "too_short"), [(1, 0), (2, 0), (3, 16), (6, 9)])
def test_truncated_payload_is_an_error(f_port: int, too_short: int) -> None:
    assert "errors" in tps110_0292(f_port, bytes(too_short))
    assert "data" in tps110_0292(f_port, bytes(too_short + 1))


@given(st.integers(-1, 256), st.binary(max_size=64))
def test_any_bytes_decode_to_something_finite(f_port: int, payload: bytes) -> None:
    assert finite(tps110_0292(f_port, payload))
