"""NPS405 by the facts of its format: bit 0 is the lot, the rest how long it was otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import finite

from native.nwave import nps405


@pytest.mark.parametrize(
    ("code", "minutes", "error"),
    [
        (0, 0, 0),
        (89, 89, 0),
        (90, 90, 4),
        (91, 95, 4),
        (119, 235, 4),
        (120, 240, 59),
        (126, 600, 59),
        (127, 660, None),
    ],
)
def test_duration_grows_coarser(code: int, minutes: int, error: int | None) -> None:
    assert nps405(1, bytes([code << 1 | 1]))["data"] == {
        "type": "parking_status",
        "occupied": True,
        "previous_state_duration": minutes,
        "previous_state_duration_error": error,
        "previous_state_duration_overflow": code == 127,
    }


@pytest.mark.parametrize(
    ("celsius", "volts", "health"),
    [
        (20, 3.0, "normal"),
        (20, 2.996, "low"),
        (20, 2.9, "low"),
        (20, 2.896, "critical"),
        (-5, 2.996, "low"),
        (-5.5, 2.996, "normal"),
        (-5.5, 2.896, "low"),
        (-5.5, 2.796, "critical"),
    ],
)
def test_battery_health_depends_on_the_cold(celsius: float, volts: float, health: str) -> None:
    payload = [0x28, round((volts - 2.5) * 250), round((celsius - 10) * 2) & 0xFF]
    data = nps405(2, bytes(payload))["data"]
    assert data == {
        "type": "heartbeat",
        "occupied": False,
        "hw_health_status": 0x28,
        "temperature": celsius,
        "battery_voltage": pytest.approx(volts),
        "battery_health": health,
    }


def test_startup_names_version_and_cause() -> None:
    assert nps405(3, bytes([3, 0, 12, 6, 1]))["data"] == {
        "type": "startup",
        "firmware_version": "3.0.12",
        "reset_cause": "brownout",
        "occupied": True,
    }
    assert "reset_cause" not in nps405(3, bytes([3, 0, 12, 4, 1]))["data"]


def test_tag_is_printed_as_a_signed_number() -> None:
    assert nps405(10, bytes.fromhex("01000000ab"))["data"]["tag_id"] == "AB"
    assert nps405(10, bytes.fromhex("01ffffffff"))["data"]["tag_id"] == "-1"


def test_registration_on_a_free_lot_knows_no_state() -> None:
    data = nps405(10, bytes.fromhex("00000000ab"))["data"]
    assert data.pop("tag_id") == "AB"
    assert data.pop("type") == "user_registration"
    assert set(data.values()) == {None}


@pytest.mark.parametrize(("f_port", "too_short"), [(1, 0), (2, 2), (3, 4), (10, 4)])
def test_truncated_payload_is_an_error(f_port: int, too_short: int) -> None:
    assert "errors" in nps405(f_port, bytes(too_short))
    assert "data" in nps405(f_port, bytes(too_short + 1))


@given(st.integers(-1, 256), st.binary(max_size=64))
def test_any_bytes_decode_to_something_finite(f_port: int, payload: bytes) -> None:
    assert finite(nps405(f_port, payload))
