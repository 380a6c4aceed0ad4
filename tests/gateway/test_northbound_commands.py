"""Commands: what is carried out, what is refused and why, and what strangers' bytes do."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import EUI, MOMENT, check

from gateway.lorawan.queue import Order
from gateway.northbound.client import Received
from gateway.northbound.commands import LARGEST, Commands, Reply
from gateway.northbound.formats import json as wire
from gateway.records import Event

TOPIC = f"kogge/{EUI}/command"
DEVICE = "70b3d57ed0000001"
DOWN = {"correlation": "a-1", "device": DEVICE, "f_port": 10, "payload": "b3Blbg=="}
LOG_LEVEL = {"correlation": "l-1", "level": "debug", "minutes": 5}


class City:
    """Sends commands; has what followed from them."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.events: list[Event] = []
        self.levels: list[tuple[str, int]] = []
        self.commands = Commands(
            TOPIC,
            order=self._order,
            keep=self._keep,
            now=lambda: MOMENT,
            devices={int(DEVICE, 16)},
            largest=242,
            set_log_level=lambda level, minutes: self.levels.append((level, minutes)),
        )

    async def _order(self, order: Order) -> None:
        self.orders.append(order)

    async def _keep(self, event: Event) -> None:
        check("events", wire.events(EUI, [event], lambda moment: moment))
        self.events.append(event)

    async def sends(self, command: Any, verb: str = "down", **more: Any) -> None:
        payload = command if isinstance(command, bytes) else json.dumps(command).encode()
        await self.commands.take(received(payload, verb, **more))

    @property
    def reason(self) -> str:
        (event,) = self.events
        assert event.detail["status"] == "REFUSED"
        assert self.orders == []
        return str(event.detail["reason"])


def received(payload: bytes, verb: str = "down", **more: Any) -> Received:
    rest: dict[str, Any] = {"retained": False, "response_topic": "", "correlation_data": b""}
    return Received(f"{TOPIC}/{verb}", payload, **(rest | more), mid=1, qos=1)


async def test_down_becomes_an_order() -> None:
    city = City()
    await city.sends(
        DOWN | {"confirmed": True, "priority": 7, "expires_at": "2026-11-22T12:00:00+01:00"}
    )
    assert city.orders == [
        Order("a-1", int(DEVICE, 16), 10, b"open", True, 7, 1_795_345_200.0),
    ]
    assert (city.events, city.commands.counts) == ([], {"taken": 1, "refused": 0})


async def test_down_needs_four_keys_only() -> None:
    city = City()
    await city.sends(DOWN)
    assert city.orders == [Order("a-1", int(DEVICE, 16), 10, b"open", False, 0, None)]


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


async def test_object_is_refused_as_long_as_no_codec_encodes_it() -> None:
    city = City()
    await city.sends({"correlation": "a", "device": DEVICE, "f_port": 1, "object": {"valve": 1}})
    assert "this version does not encode an object" in city.reason


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
        ("replay", "this version does not replay readings"),
        ("config", "this version does not take its configuration over MQTT"),
        ("reboot", "there is no such command: down, log_level"),
        ("x" * 200, "there is no such command: down, log_level"),
    ],
)
async def test_other_commands_are_refused(verb: str, reason: str) -> None:
    city = City()
    await city.sends({"correlation": "c"}, verb)
    assert city.reason == reason
    assert city.events[0].detail["command"] == verb[:64]
    assert city.events[0].detail["correlation"] == "c"


async def test_log_level_is_set_for_a_while() -> None:
    city = City()
    await city.sends(LOG_LEVEL, "log_level")
    assert city.levels == [("debug", 5)]
    (event,) = city.events
    assert event.detail == {
        "command": "log_level",
        "correlation": "l-1",
        "status": "OK",
        "reason": "debug for 5 minutes",
    }


@pytest.mark.parametrize("wrong", [{"level": "loud"}, {"minutes": 0}, {"minutes": 1441}])
async def test_wrong_log_level_is_refused(wrong: dict[str, Any]) -> None:
    city = City()
    await city.sends(LOG_LEVEL | wrong, "log_level")
    assert f"$.{next(iter(wrong))}" in city.reason
    assert city.levels == []


def result(status: str, correlation: str = "a-1", *, final: bool = True) -> Event:
    return Event("downlink", MOMENT, {"correlation": correlation, "status": status, "final": final})


async def test_answers_go_to_the_response_topic_until_the_final_one() -> None:
    city = City()
    await city.sends(DOWN, response_topic="city/answers", correlation_data=b"\1\2")
    reply = Reply("city/answers", b"\1\2")
    assert city.commands.reply_to(result("OK", "other")) is None
    assert city.commands.reply_to(result("OK", final=False)) == reply
    assert city.commands.reply_to(result("ACKED")) == reply
    assert city.commands.reply_to(result("ACKED")) is None


@pytest.mark.parametrize(
    "topic", ["", "a/#", "a/+", f"kogge/{EUI}/status", f"{TOPIC}/down", "x" * 1025]
)
async def test_unusable_response_topic_is_no_topic(topic: str) -> None:
    city = City()
    await city.sends(DOWN, response_topic=topic)
    assert len(city.orders) == 1
    assert city.commands.reply_to(result("OK")) is None


async def test_response_topics_are_remembered_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.northbound.commands.REPLIES", 2)
    city = City()
    for name in "abc":
        await city.sends(DOWN | {"correlation": name}, response_topic=f"to/{name}")
    found = [city.commands.reply_to(result("OK", name)) for name in "abc"]
    assert found == [None, Reply("to/b", b""), Reply("to/c", b"")]


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
keys = st.sampled_from(
    ["correlation", "device", "f_port", "payload", "object", "expires_at", "level", "minutes"]
)


@given(
    payload=st.binary(max_size=60)
    | st.dictionaries(keys, anything).map(lambda said: json.dumps(DOWN | said).encode()),
    verb=st.sampled_from(["down", "log_level", "replay", ""]) | st.text(max_size=80),
)
async def test_no_bytes_raise(payload: bytes, verb: str) -> None:
    """Each is carried out, or refused in an event that the schema takes."""
    city = City()
    await city.sends(payload, verb)
    assert len(city.orders) + len(city.events) == 1
