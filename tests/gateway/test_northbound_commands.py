"""Commands: what is carried out, once, and what is told of it."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from commands_bench import DEVICE, DOWN, LAMP, LOG_LEVEL, REPLAY, City
from messages import EUI

from gateway.errors import DiskFault
from gateway.lorawan.device import Device
from gateway.lorawan.order import Order
from gateway.northbound.formats import json as wire
from gateway.northbound.names import Names
from gateway.records import Event
from gateway.replay import WAITING, Command, Span


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


async def test_log_level_is_set_for_a_while() -> None:
    city = City()
    await city.sends(LOG_LEVEL, "log_level")
    assert city.levels == [("debug", 5)]
    (event,) = city.events
    assert event.detail == {
        "command": "log_level",
        "correlation": "l-1",
        "status": "OK",
        "reason": "debug for 5 min",
    }


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
