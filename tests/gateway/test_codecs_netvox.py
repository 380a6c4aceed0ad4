"""[netvox] of a device file: the header, versions and settings come with it."""

from typing import Any

import msgspec
import pytest

from gateway.codecs.netvox import NetvoxTable

TABLE: dict[str, Any] = {
    "devices": {"6": "R311W", "18": "R718WB"},
    "report": [
        {"device": 6, "fields": [{"name": "two", "at": 5}]},
        {"type": 1, "fields": [{"name": "one", "at": 4}]},
    ],
    "command": [{"number": 0x84, "name": "GetRsp", "fields": [{"name": "got", "at": 2}]}],
}


def decode(f_port: int, payload: str, **changes: Any) -> dict[str, Any]:
    table = msgspec.convert(TABLE | changes, NetvoxTable)
    return table.decode()(f_port, bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ("0112012401", {"Device": "R718WB", "Volt": 3.6, "one": 1}),
        ("011201a401", {"Device": "R718WB", "Volt": "3.6(low battery)", "one": 1}),
        ("010609240102", {"Device": "R311W", "Volt": 3.6, "two": 2}),
        ("0112092401", {"Device": "R718WB", "Volt": 3.6}),
        ("01ff092401", {"Volt": 3.6}),
        (
            "0112000a012025040100",
            {"Device": "R718WB", "SWver": 1.0, "HWver": 1, "Datecode": "20250401"},
        ),
    ],
)
def test_report(payload: str, data: dict[str, Any]) -> None:
    assert decode(6, payload) == {"data": data}


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ("811200", {"Cmd": "ConfigReportRsp", "Device": "R718WB", "Status": "Success"}),
        ("811201", {"Cmd": "ConfigReportRsp", "Device": "R718WB", "Status": "Failure"}),
        (
            "8212003c0e1001",
            {
                "Cmd": "ReadConfigReportRsp",
                "Device": "R718WB",
                "MinTime": 60,
                "MaxTime": 3600,
                "BatteryChange": 0.1,
            },
        ),
        ("841205", {"Cmd": "GetRsp", "Device": "R718WB", "got": 5}),
        ("991205", {"Device": "R718WB"}),
    ],
)
def test_answer_to_a_command(payload: str, data: dict[str, Any]) -> None:
    assert decode(7, payload) == {"data": data}


def test_device_without_a_battery_setting_does_not_tell_it() -> None:
    assert "BatteryChange" not in decode(7, "8212003c0e1001", battery_change=False)["data"]


def test_other_ports_are_errors() -> None:
    assert decode(8, "01") == {"errors": ["unknown FPort"]}
