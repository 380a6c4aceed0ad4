"""What is refused and why, and what strangers' bytes do."""

import base64
import json
from typing import Any

import pytest
from commands_bench import DOWN, LOG_LEVEL, REPLAY, City
from hypothesis import given
from hypothesis import strategies as st

from gateway.northbound.command_forms import LARGEST

REFUSED = [
    ({"device": "70b3d57ed0000009"}, "no device in devices.toml has this DevEUI"),
    ({"f_port": 0}, "f_port is 0: applications have 1 to 223"),
    ({"f_port": 224}, "f_port is 224: applications have 1 to 223"),
    ({"f_port": "1"}, "Expected `int`, got `str` - at `$.f_port`"),
    ({"payload": "b3Blbg"}, "payload is not base64: Incorrect padding"),
    ({"payload": "b3Blbg==\n"}, "payload is not base64"),
    ({"payload": "ö"}, "payload is not base64"),
    ({"payload": base64.b64encode(bytes(243)).decode()}, "243 bytes: at no data rate fit more"),
    ({"object": {"valve": 1}}, "give one of payload (base64) and object"),
    ({"priority": 256}, "$.priority"),
    ({"confirmed": 1}, "Expected `bool`, got `int` - at `$.confirmed`"),
    ({"expires_at": "tomorrow"}, "$.expires_at"),
    ({"expires_at": "2026-11-22T12:00:00"}, "$.expires_at"),
    ({"at": "2026-11-22T12:00:00Z"}, 'at is for devices with class = "C"'),
    ({"at": "2026-11-22T12:00:00"}, "$.at"),
    ({"urgent": True}, "Object contains unknown field `urgent`"),
]


@pytest.mark.parametrize(("wrong", "reason"), REFUSED)
async def test_wrong_down_is_refused_with_its_reason(wrong: dict[str, Any], reason: str) -> None:
    city = City()
    await city.sends(DOWN | wrong)
    assert reason in city.reason
    (event,) = city.events
    assert event.type == "downlink"
    assert event.detail["correlation"] == "a-1"
    assert event.detail["device"] == (DOWN | wrong)["device"]
    assert (event.detail["f_cnt"], event.detail["final"]) == (None, True)
    assert city.commands.counts == {"taken": 0, "refused": 1}


@pytest.mark.parametrize("missing", ["correlation", "f_port", "payload"])
async def test_down_without_a_needed_key_is_refused(missing: str) -> None:
    city = City()
    await city.sends({key: value for key, value in DOWN.items() if key != missing})
    assert missing in city.reason


@pytest.mark.parametrize("device", [None, 1, "70B3D57ED0000001", "70b3d57e", ["a"]])
async def test_down_without_a_readable_device_is_told_as_a_command(device: object) -> None:
    city = City()
    await city.sends(DOWN | {"device": device})
    assert "$.device" in city.reason
    assert city.events[0].type == "command"
    assert city.events[0].detail["correlation"] == "a-1"


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe", b"[1]", b"null", b"{", b'{"a":"\xff"}', b"[" * LARGEST]
)
async def test_what_is_no_json_object_is_told_as_a_command(garbage: bytes) -> None:
    city = City()
    await city.sends(garbage)
    assert "it is not a JSON object" in city.reason
    assert city.events[0].type == "command"


async def test_command_that_is_too_large_is_refused_unread() -> None:
    city = City()
    await city.sends(DOWN | {"object": {"a": "x" * LARGEST}})
    assert f"a command has at most {LARGEST}" in city.reason


async def test_retained_command_is_refused() -> None:
    city = City()
    await city.sends(DOWN, retained=True)
    assert "retained" in city.reason


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        ("reboot", "there is no such command: down, replay, config, log_level"),
        ("x" * 200, "there is no such command: down, replay, config, log_level"),
    ],
)
async def test_other_commands_are_refused(verb: str, reason: str) -> None:
    city = City()
    await city.sends({"correlation": "c"}, verb)
    assert city.reason == reason
    assert city.events[0].detail["command"] == verb[:64]
    assert city.events[0].detail["correlation"] == "c"


@pytest.mark.parametrize("wrong", [{"level": "loud"}, {"minutes": 0}, {"minutes": 1441}])
async def test_wrong_log_level_is_refused(wrong: dict[str, Any]) -> None:
    city = City()
    await city.sends(LOG_LEVEL | wrong, "log_level")
    assert f"$.{next(iter(wrong))}" in city.reason
    assert city.levels == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"device": "70b3d57ed0000009"}, "no device in devices.toml has this DevEUI"),
        ({"device": "70B3D57ED0000001"}, "$.device"),
        ({"from": "2026-11-22T13:00:00.500+01:00"}, "from is not before to"),
        ({"from": "2026-11-22T12:00:00"}, "$.from"),
        ({"to": "now"}, "$.to"),
        ({"to": None}, "$.to"),
        ({"correlation": ""}, "$.correlation"),
        ({"limit": 7}, "Object contains unknown field `limit`"),
    ],
)
async def test_wrong_replay_is_refused_with_its_reason(wrong: dict[str, Any], reason: str) -> None:
    city = City()
    await city.sends(REPLAY | wrong, "replay")
    assert reason in city.reason
    assert city.remembered == []


async def test_config_cannot_be_set() -> None:
    city = City()
    await city.sends({"correlation": "c-1", "mqtt": {"url": "mqtts://elsewhere"}}, "config")
    assert "unknown field `mqtt`" in city.reason


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
keys = st.sampled_from(
    [
        *("correlation", "device", "f_port", "payload", "object", "expires_at", "level", "minutes"),
        *("from", "to"),
    ]
)
times = st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat())


@given(
    payload=st.binary(max_size=60)
    | st.dictionaries(keys, anything | times).map(lambda said: json.dumps(DOWN | said).encode())
    | st.tuples(times, times).map(
        lambda span: json.dumps(REPLAY | {"from": span[0], "to": span[1]}).encode()
    ),
    verb=st.sampled_from(["down", "log_level", "replay", "config", ""]) | st.text(max_size=80),
)
async def test_no_bytes_raise(payload: bytes, verb: str) -> None:
    """Each is carried out, or refused in an event that the schema takes."""
    city = City()
    await city.sends(payload, verb)
    replays = [command for command in city.remembered if not command.done]
    assert len(city.orders) + len(city.events) + len(replays) == 1
