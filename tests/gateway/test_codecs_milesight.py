"""[milesight] of a device file: channels, what a device says of itself, and its answers."""

from typing import Any

import msgspec
import pytest

from gateway.codecs.milesight import MilesightTable

TABLE: dict[str, Any] = {
    "about": ["sn", "hardware_version"],
    "channel": [
        {"channels": [3, 5], "type": 0x67, "bytes": 2, "fields": [{"name": "t", "bytes": 2}]}
    ],
    "answer": [{"type": 0x10, "bytes": 1, "fields": [{"name": "reboot", "constant": "yes"}]}],
}


def decode(payload: str, table: dict[str, Any] = TABLE) -> dict[str, Any]:
    return msgspec.convert(table, MilesightTable).decode()(85, bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("payload", "data"),
    [
        ("03670100", {"t": 1}),
        ("05670001", {"t": 256}),
        ("ff166446b38142180001", {"sn": "6446b38142180001"}),
        ("ff091a20", {"hardware_version": "v1a.2"}),
        ("fe10ff03670200", {"reboot": "yes", "t": 2}),
        ("ff10ff", {"reboot": "yes"}),
        ("0775ff", {}),
    ],
)
def test_channels(payload: str, data: dict[str, Any]) -> None:
    assert decode(payload) == {"data": data}


def test_unknown_answer_is_an_error_only_where_answers_are_known() -> None:
    assert decode("fe11ff") == {"errors": ["byte 0: unknown answer 11"]}
    assert decode("fe11ff", {"channel": TABLE["channel"]}) == {"data": {}}


def test_unknown_thing_about_the_device_is_refused() -> None:
    with pytest.raises(ValueError, match="about has no 'colour'; known are ipso_version"):
        decode("", {"channel": [], "about": ["colour"]})
