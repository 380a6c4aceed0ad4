"""gateway.northbound.messages: what is said where, and how a message says what it is."""

import json
from typing import Any

import msgspec
import pytest
from messages import EUI, MOMENT, READING

from gateway.config import Mqtt
from gateway.northbound.formats import Content
from gateway.northbound.formats.json import RadioState
from gateway.northbound.messages import Messages
from gateway.records import Event, Moment
from gateway.store.buffer import Batch

ROOT = f"harbour/{EUI}"
READINGS, EVENTS = Batch((READING,), False, 7), Batch((Event("radio", MOMENT, {}),), False, 8)


def later(moment: Moment) -> Moment:
    assert moment.at is not None
    return msgspec.structs.replace(moment, at=moment.at + 3600)


def messages(**settings: Any) -> Messages:
    mqtt = Mqtt(url="mqtt://127.0.0.1", plain_is_ok=True, topic_prefix="harbour", **settings)
    return Messages(mqtt, EUI, later, lambda: MOMENT)


@pytest.mark.parametrize(
    ("protocol", "topic", "content"),
    [
        ("5", "readings", Content("application/senml+json", "deflate")),
        ("3.1.1", "readings/senml-json/deflate", Content()),
    ],
)
def test_format_is_in_the_properties_or_in_the_topic_where_there_are_none(
    protocol: str, topic: str, content: Content
) -> None:
    found = messages(format="senml+json", compression="deflate").of(READINGS, protocol)
    assert (found.topic, found.content) == (f"{ROOT}/{topic}", content)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_events_are_plain_json_whatever_readings_are(protocol: str) -> None:
    found = messages(format="senml+cbor", compression="deflate").of(EVENTS, protocol)
    assert (found.topic, found.content) == (f"{ROOT}/events", Content())
    (event,) = json.loads(found.payload)["events"]
    assert event["type"] == "radio"


def test_status_is_dated_by_the_clock_and_the_last_will_has_no_date() -> None:
    radio = RadioState("receiving", "")
    online = messages().status("online", MOMENT, 3, radio, paused=False)
    shifted = messages().status("online", later(MOMENT), 3, radio, paused=False)
    offline = messages().status("offline", None, 3, radio, paused=False)
    assert {each.topic for each in (online, shifted, offline)} == {f"{ROOT}/status"}
    dates = [json.loads(each.payload)["since"] for each in (online, shifted, offline)]
    assert dates[:2] == ["2026-05-01T13:00:00.123Z", "2026-05-01T14:00:00.123Z"]
    assert dates[2] is None
