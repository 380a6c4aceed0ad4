"""The messages of docs/interfaces.md, byte by byte and against config/schema."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import EUI, MOMENT, READING, check, replaced

from gateway import VERSION
from gateway.northbound.formats import json as wire
from gateway.records import Event, Moment, Radio, Reading


def unchanged(moment: Moment) -> Moment:
    return moment


def reading_message(*readings: Reading, historical: bool = False) -> Any:
    return check("readings", wire.readings(EUI, 7, readings, historical, unchanged))


def test_readings_are_exactly_as_agreed() -> None:
    message = wire.readings(EUI, 7, [READING], False, unchanged)
    assert message.decode() == (
        '{"v":1,"gateway":"0016c001ff10a235","batch":7,"readings":[{'
        '"id":"000102030405060708090a0b0c0d0e0f","device":"70b3d57ed0000001","session":"0000010002",'
        '"name":"parking-neuer-markt-07","received_at":"2026-05-01T12:00:00.123Z",'
        '"time_quality":"ntp","boot_id":"6f1e","monotonic_s":12.5,"f_port":1,"f_cnt":65537,'
        '"confirmed":true,"measurements":{"occupied":true,"temperature_3":21.5,"state":"ok"},'
        '"units":{"temperature_3":"Cel"},"radio":{"rssi":-97.5,"snr":8.25,"sf":7,"bw":125000,'
        '"frequency":868100000},"historical":false}]}'
    )
    check("readings", message)


def test_undecoded_reading_carries_payload_and_error() -> None:
    reading = replaced(
        f_port=None,
        measurements={},
        units={},
        radio=Radio(-120, None, 12, 125_000, 868_300_000),
        payload="00ff",
        error="codec: too short",
    )
    (sent,) = reading_message(reading)["readings"]
    assert (sent["payload"], sent["error"]) == ("00ff", "codec: too short")
    assert (sent["f_port"], sent["radio"]["snr"]) == (None, None)


def test_doubtful_measurement_is_flagged() -> None:
    (sent,) = reading_message(replaced(flags={"temperature_3": "out_of_range"}))["readings"]
    assert sent["flags"] == {"temperature_3": "out_of_range"}
    assert sent["measurements"]["temperature_3"] == 21.5


def test_backlog_is_marked_historical() -> None:
    sent = reading_message(READING, READING, historical=True)["readings"]
    assert [reading["historical"] for reading in sent] == [True, True]


def test_reading_without_a_trusted_time_says_so() -> None:
    early = Moment(None, "unsynchronised", "6f1e", 3.0)
    message = wire.readings(EUI, 1, [replaced(moment=early)], False, unchanged)
    (sent,) = check("readings", message)["readings"]
    assert (sent["received_at"], sent["time_quality"]) == (None, "unsynchronised")


def test_reading_from_before_the_clock_was_set_is_dated_when_it_is_sent() -> None:
    early = Moment(None, "unsynchronised", "6f1e", 3.0)

    def dated(moment: Moment) -> Moment:
        return Moment(1_777_636_800 + moment.monotonic_s, "ntp", moment.boot_id, moment.monotonic_s)

    (sent,) = check("readings", wire.readings(EUI, 1, [replaced(moment=early)], False, dated))[
        "readings"
    ]
    assert (sent["received_at"], sent["time_quality"]) == ("2026-05-01T12:00:03.000Z", "ntp")


def test_events_put_id_type_and_time_before_their_detail() -> None:
    gap = {"from": None, "to": None, "count": 3, "reason": "full"}
    join = Event("join", MOMENT, {"device": READING.device})
    message = wire.events(EUI, [Event("gap", MOMENT, {**gap}), join], unchanged)
    assert message.decode() == (
        '{"v":1,"gateway":"0016c001ff10a235","events":['
        '{"id":"36f450b4a42fab127333f797fd49340c","type":"gap","at":"2026-05-01T12:00:00.123Z",'
        '"from":null,"to":null,"count":3,"reason":"full"},'
        '{"id":"1e4252d8529cbebca7f12e97391a478c","type":"join",'
        '"at":"2026-05-01T12:00:00.123Z","device":"70b3d57ed0000001"}]}'
    )
    check("events", message)


def test_event_has_the_same_id_from_disk_and_dated_and_no_other_event_has_it() -> None:
    undated = Moment(None, "unsynchronised", "6f1e", 12.5)
    event = Event("battery", undated, {"margin": 5, "battery_level": 74.7, "device": "a"})
    stored = msgspec.json.decode(msgspec.json.encode(event), type=Event)
    dated = Event(event.type, MOMENT, dict(reversed(event.detail.items())))
    assert event.id == stored.id == dated.id
    others = [
        Event("join", undated, event.detail),
        Event("battery", Moment(None, "unsynchronised", "6f1e", 12.6), event.detail),
        Event("battery", Moment(None, "unsynchronised", "6f1f", 12.5), event.detail),
        Event("battery", undated, event.detail | {"margin": 6}),
        Event("battery", undated, event.detail, {"a": {}}),
    ]
    assert len({event.id, *(one.id for one in others)}) == 1 + len(others)


def test_status_is_exactly_as_agreed() -> None:
    radio = wire.RadioState("receiving", "", 1, "gone")
    message = wire.status(EUI, "online", MOMENT, 12, radio, True)
    assert message.decode() == (
        '{"v":1,"gateway":"0016c001ff10a235","state":"online","since":"2026-05-01T12:00:00.123Z",'
        f'"version":"{VERSION}","backlog":12,"radio":{{"state":"receiving","reason":"",'
        '"restarts":1,"last_reason":"gone"},"paused":true}'
    )
    check("status", message)


def test_last_will_does_not_claim_a_time() -> None:
    will = wire.status(EUI, "offline", None, 0, wire.RadioState("receiving", ""), False)
    assert check("status", will)["since"] is None


@pytest.mark.parametrize("missing", ["id", "received_at", "radio", "historical", "boot_id"])
def test_schema_misses_what_is_missing(missing: str) -> None:
    message = json.loads(wire.readings(EUI, 7, [READING], False, unchanged))
    del message["readings"][0][missing]
    with pytest.raises(AssertionError, match=missing):
        check("readings", json.dumps(message).encode())


@given(
    measurements=st.dictionaries(
        st.text(), st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    ),
    name=st.text(),
    at=st.floats(0, 4e9),
)
def test_whatever_a_device_measures_is_valid(
    measurements: dict[str, Any], name: str, at: float
) -> None:
    moment = Moment(at, "gnss", "b", 0.0)
    reading = replaced(moment=moment, name=name, measurements=measurements)
    (sent,) = reading_message(reading)["readings"]
    assert sent["measurements"] == measurements
