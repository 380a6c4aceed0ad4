"""LHT65 and LHT65N against the published vectors, and what they leave open."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vectors import differs, finite, shipped

from native.dragino import lht65, lht65n


def test_published_vectors() -> None:
    records = [r for r in shipped("dragino.jsonl") if r["codec"] == "lht65n"]
    assert len(records) >= 40
    outputs = [differs(r, lht65n(r["fPort"], bytes.fromhex(r["bytes"]))) for r in records]
    assert [difference for difference in outputs if difference] == []


def test_lht65_with_a_temperature_probe() -> None:
    assert lht65(2, bytes.fromhex("cbf60b0d037601faf87fff"))["data"] == {
        "BatV": 3.062,
        "Bat_status": 3,
        "TempC_SHT": 28.29,
        "Hum_SHT": 88.6,
        "Ext_sensor": "Temperature Sensor",
        "TempC_DS": -12.88,
    }


@pytest.mark.parametrize(
    ("probe", "data"),
    [
        (4, {"Exti_pin_level": "High", "Exti_status": "False"}),
        (5, {"ILL_lx": 0x100}),
        (6, {"ADC_V": 0.256}),
        (7, {"Exit_count": 0x100}),
        (8, {"Exit_count": 0x01000203}),
        (15, {"ID": "0b 0d 03 76 01 00 02 03 "}),
    ],
)
def test_lht65_probe(probe: int, data: dict[str, object]) -> None:
    payload = bytes.fromhex(f"cbf60b0d0376{probe:02x}01000203")
    found = lht65(2, payload)["data"]
    assert {key: found[key] for key in data} == data


@pytest.mark.parametrize("payload", ["", "cbf60b0d037601faf87f", "cbf60b0d037641faf87fff"])
def test_lht65_other_messages_are_errors(payload: str) -> None:
    assert "errors" in lht65(2, bytes.fromhex(payload))
    assert lht65(3, bytes(11)) == {"errors": ["unknown FPort"]}


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_stored_message_has_its_date(seconds: int) -> None:
    payload = bytes.fromhex("0b8600c8010241") + seconds.to_bytes(4, "big", signed=True)
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert lht65n(2, payload)["data"] == {"DATALOG": f"[29.5,2,25.8,{when:%Y-%m-%d %H:%M:%S}],"}


@pytest.mark.parametrize(("f_port", "size"), [(2, 0), (2, 10), (2, 12), (2, 16), (5, 6), (3, 3)])
def test_lht65n_other_lengths_are_errors(f_port: int, size: int) -> None:
    assert "errors" in lht65n(f_port, bytes(size))


@given(st.integers(-1, 256), st.binary(max_size=64) | st.binary(min_size=11, max_size=11))
def test_any_bytes_decode_to_something_finite(f_port: int, payload: bytes) -> None:
    assert finite(lht65(f_port, payload))
    assert finite(lht65n(f_port, payload))
