"""Commands: what is carried out, what is refused and why, and what strangers' bytes do."""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import EUI, MOMENT, check

from gateway.air.decoding import NotEncoded
from gateway.errors import DiskFault
from gateway.lorawan.device import Device
from gateway.lorawan.order import Order
from gateway.northbound.client import Received
from gateway.northbound.commands import LARGEST, Commands, Reply
from gateway.northbound.formats import json as wire
from gateway.northbound.names import PLAIN, Names
from gateway.records import Event
from gateway.replay import WAITING, Command, Span

TOPIC = f"kogge/{EUI}/command"
DEVICE = "70b3d57ed0000001"
DOWN = {"correlation": "a-1", "device": DEVICE, "f_port": 10, "payload": "b3Blbg=="}
REPLAY = {
    "correlation": "r-1",
    "device": DEVICE,
    "from": "2026-11-22T12:00:00+01:00",
    "to": "2026-11-22T12:00:00.500Z",
}
LOG_LEVEL = {"correlation": "l-1", "level": "debug", "minutes": 5}


LAMP = 0x70B3D57ED00000C0


class City:
    """Sends commands; has what followed from them."""

    def __init__(self, *, archives: bool = True, waiting: int = 0, names: Names = PLAIN) -> None:
        self.waiting = waiting
        self.remembered: list[Command] = []
        self.commits = 0
        self.orders: list[Order] = []
        self.events: list[Event] = []
        self.levels: list[tuple[str, int]] = []
        self.commands = Commands(
            TOPIC,
            order=self._order,
            encode=self._encode,
            keep=self._keep,
            now=lambda: MOMENT,
            devices={int(DEVICE, 16), LAMP},
            listening={LAMP},
            largest=242,
            replays=self,
            archives=archives,
            config=lambda: {
                "store": {"archive_days": 7},
                "mqtt": {"password_file": "/etc/kogge/password"},
            },
            set_log_level=lambda level, minutes: self.levels.append((level, minutes)),
            names=names,
        )

    async def _encode(self, dev_eui: int, f_port: int, data: dict[str, Any]) -> tuple[int, bytes]:
        if "valve" not in data:
            raise NotEncoded("the codec says: no valve")
        return 85, bytes([data["valve"], f_port])

    async def _order(self, order: Order) -> None:
        self.orders.append(order)

    async def _keep(self, events: Sequence[Event], commands: Sequence[Command]) -> None:
        for event in events:
            check("events", wire.events(EUI, [event], lambda moment: moment))
        self.events += events
        self.remembered += commands
        self.commits += 1

    def knows(self, correlation: str) -> bool:
        remembered = (command.correlation for command in self.remembered)
        return correlation in {*remembered, *(order.correlation for order in self.orders)}

    def __len__(self) -> int:
        return self.waiting

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


async def test_down_to_a_device_that_listens_may_have_its_moment() -> None:
    city = City()
    await city.sends(DOWN | {"device": f"{LAMP:016x}", "at": "2026-11-22T12:00:00+01:00"})
    assert [order.at for order in city.orders] == [1_795_345_200.0]


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


async def test_object_is_encoded_and_the_codecs_f_port_counts() -> None:
    city = City()
    await city.sends({"correlation": "a", "device": DEVICE, "f_port": 1, "object": {"valve": 7}})
    (order,) = city.orders
    assert (order.f_port, order.payload) == (85, b"\x07\x01")


async def test_object_that_the_codec_does_not_encode_is_refused_in_its_words() -> None:
    city = City()
    await city.sends({"correlation": "a", "device": DEVICE, "f_port": 1, "object": {"x": 1}})
    assert city.reason == "the codec says: no valve"
    assert city.orders == []


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


async def test_log_level_that_comes_again_is_not_set_again() -> None:
    city = City()
    for _ in range(2):
        await city.sends(LOG_LEVEL, "log_level")
    assert (city.levels, len(city.events), city.commits) == ([("debug", 5)], 1, 2)
    assert city.remembered == [Command("l-1", "log_level")]


async def test_log_level_that_the_disk_does_not_keep_is_refused_and_not_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    city = City()
    keep = city.commands._keep

    async def refusing(events: Sequence[Event], commands: Sequence[Command]) -> None:
        if commands:
            raise DiskFault("it is full")
        await keep(events, commands)

    monkeypatch.setattr(city.commands, "_keep", refusing)
    await city.sends(LOG_LEVEL, "log_level")
    assert (city.reason, city.levels) == ("it is full", [])


async def test_log_level_whose_commit_may_stand_is_set_though_the_line_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is known when it comes again, and not carried out once more."""
    city = City()

    async def cancelled(events: Sequence[Event], commands: Sequence[Command]) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(city.commands, "_keep", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await city.sends(LOG_LEVEL, "log_level")
    assert city.levels == [("debug", 5)]


async def test_what_comes_again_is_known_whatever_its_kind() -> None:
    city = City()
    await city.sends(LOG_LEVEL, "log_level")
    await city.sends(DOWN | {"correlation": LOG_LEVEL["correlation"]})
    assert city.orders == []
    await city.sends(DOWN)
    await city.sends(REPLAY | {"correlation": DOWN["correlation"]}, "replay")
    await city.sends({"correlation": DOWN["correlation"]}, "config")
    assert city.remembered == [Command("l-1", "log_level")]
    assert [order.correlation for order in city.orders] == ["a-1"]
    assert (len(city.events), city.commits) == (1, 4), "acknowledged after a commit, not answered"
    assert city.commands.counts == {"taken": 5, "refused": 0}


async def test_replay_is_kept_and_answered_when_it_is_done() -> None:
    city = City()
    await city.sends(REPLAY, "replay")
    span = Span(1_795_345_200.0, 1_795_348_800.5, DEVICE)
    assert city.remembered == [Command("r-1", "replay", span, done=False)]
    assert city.events == []


async def test_replay_without_a_device_is_of_all() -> None:
    city = City()
    await city.sends({key: REPLAY[key] for key in REPLAY if key != "device"}, "replay")
    assert city.remembered[0].span == Span(1_795_345_200.0, 1_795_348_800.5)


async def test_replay_that_comes_again_waits_for_its_first_copys_commit_alone() -> None:
    city = City()
    for _ in range(2):
        await city.sends(REPLAY, "replay")
    assert (len(city.remembered), city.events, city.commits) == (1, [], 2)


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


async def test_replay_is_refused_where_nothing_is_archived() -> None:
    city = City(archives=False)
    await city.sends(REPLAY, "replay")
    assert city.reason == "this gateway keeps no archive: store.archive_days is 0"


async def test_replay_too_many_is_answered_and_remembered_as_done() -> None:
    city = City(waiting=WAITING)
    for _ in range(2):
        await city.sends(REPLAY, "replay")
    (event,) = city.events
    assert event.detail == {
        "command": "replay",
        "correlation": "r-1",
        "status": "QUEUE_FULL",
        "reason": "16 replays wait already",
        "count": 0,
    }
    assert [command.done for command in city.remembered] == [True]


async def test_config_is_told() -> None:
    city = City()
    for _ in range(2):
        await city.sends({"correlation": "c-1"}, "config")
    (event,) = city.events
    (said,) = json.loads(wire.events(EUI, [event], lambda moment: moment))["events"]
    assert said["config"]["store"] == {"archive_days": 7}
    assert (said["command"], said["status"], said["devices"]) == ("config", "OK", 2)
    assert city.remembered == [Command("c-1", "config")]


async def test_config_cannot_be_set() -> None:
    city = City()
    await city.sends({"correlation": "c-1", "mqtt": {"url": "mqtts://elsewhere"}}, "config")
    assert "unknown field `mqtt`" in city.reason


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


PSEUDONYMS = Names({int(DEVICE, 16): Device(int(DEVICE, 16), "valve")}, b"k" * 32)
PSEUDONYM = PSEUDONYMS.pseudonym(int(DEVICE, 16))


async def test_city_commands_a_device_by_its_pseudonym() -> None:
    city = City(names=PSEUDONYMS)
    await city.sends(DOWN | {"device": PSEUDONYM})
    await city.sends(REPLAY | {"device": PSEUDONYM}, "replay")
    assert [order.dev_eui for order in city.orders] == [int(DEVICE, 16)]
    assert [one.span.device for one in city.remembered if one.span] == [DEVICE]
    assert city.events == []


@pytest.mark.parametrize(("command", "verb"), [(DOWN, "down"), (REPLAY, "replay")])
async def test_who_tries_a_dev_eui_learns_no_pseudonym_of_it(
    command: dict[str, Any], verb: str
) -> None:
    """Not even that there is one."""
    answers = []
    for device in (DEVICE, "70b3d57ed00000ff"):
        city = City(names=PSEUDONYMS)
        await city.sends(command | {"device": device}, verb)
        assert "pseudonym" in city.reason
        (event,) = city.events
        assert event.type == "command"
        answers.append(PSEUDONYMS.event(event).detail)
    assert answers[0] == answers[1]
    assert "device" not in answers[0]


async def test_what_is_wrong_with_a_command_is_told_under_the_pseudonym() -> None:
    city = City(names=PSEUDONYMS)
    await city.sends(DOWN | {"device": PSEUDONYM, "f_port": 0})
    (event,) = city.events
    assert (event.type, PSEUDONYMS.event(event).detail["device"]) == ("downlink", PSEUDONYM)
