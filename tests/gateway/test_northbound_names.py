"""gateway.northbound.names: what the city can link to a device, and what not."""

import hashlib
import json
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import EUI, MOMENT, READING, check, replaced

from gateway.config import Mqtt
from gateway.lorawan.device import Device
from gateway.northbound.messages import Messages
from gateway.northbound.names import HIDDEN, PLAIN, Names
from gateway.records import Event, Reading
from gateway.store.buffer import Batch

DEV_EUI = int(READING.device, 16)
DEVICES = {
    DEV_EUI: Device(DEV_EUI, READING.name),
    DEV_EUI + 1: Device(DEV_EUI + 1, "bin"),
}
NAMES = Names(DEVICES, b"k" * 32)
DEV_ADDR = "26011bda"
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("join", {"device": READING.device, "name": READING.name, "dev_addr": DEV_ADDR,
              "session": READING.session, "dev_nonces": 3}),
    ("join_refused", {"device": READING.device, "cause": "unknown_join_eui",
                      "reason": f"the device says {DEV_EUI - 1:016x}, not {READING.device}"}),
    ("battery", {"device": READING.device, "name": READING.name, "battery_level": 50.0,
                 "external_power": False, "margin": 3}),
    ("parked", {"device": READING.device, "id": READING.id, "f_cnt": 7, "reason": "no"}),
    ("downlink", {"correlation": "c-1", "device": READING.device, "status": "OK", "f_cnt": 1,
                  "reason": None, "final": True}),
    ("store", {"state": "locked", "count": 1,
               "reason": f"not heard: {READING.name} ({READING.device.upper()}), bin"}),
]  # fmt: skip
TELLING = (READING.device, READING.name, READING.session, READING.id, DEV_ADDR)


def messages(names: Names, **settings: Any) -> Messages:
    return Messages(
        Mqtt(plain_is_ok=True, **settings), EUI, lambda moment: moment, lambda: MOMENT, names
    )


def event(kind: str, detail: dict[str, Any]) -> Event:
    return Event(kind, MOMENT, detail)


@pytest.mark.parametrize("form", ["json", "senml+json", "senml+cbor"])
def test_nothing_in_a_reading_leads_to_the_device(form: str) -> None:
    message = messages(NAMES, format=form).of(Batch((READING,), False, 7), "5")
    text = message.payload
    if form == "senml+cbor":
        text = json.dumps(cbor2.loads(text), default=bytes.hex).encode()
    for telling in TELLING:
        assert telling.encode() not in text
    pseudonym = NAMES.pseudonym(DEV_EUI)
    assert pseudonym is not None
    assert pseudonym.encode() in text


def test_reading_under_a_pseudonym_says_all_else_as_it_is() -> None:
    told = NAMES.reading(READING)
    check("readings", messages(NAMES).of(Batch((READING,), False, 7), "5").payload)
    changed = {"id", "device", "session", "name"}
    for field in Reading.__struct_fields__:
        same = getattr(told, field) == getattr(READING, field)
        assert same != (field in changed), field


@pytest.mark.parametrize(("kind", "detail"), EVENTS, ids=[kind for kind, _ in EVENTS])
def test_nothing_in_an_event_leads_to_the_device(kind: str, detail: dict[str, Any]) -> None:
    text = messages(NAMES).events([event(kind, detail)])
    check("events", text)
    for telling in TELLING:
        assert telling.encode() not in text.lower()
    assert messages(PLAIN).events([event(kind, detail)]) != text


def test_sentence_loses_names_and_euis_and_stays_one() -> None:
    (_, detail) = EVENTS[-1]
    said = NAMES.event(event("store", detail)).detail["reason"]
    assert said == f"not heard: {HIDDEN} ({HIDDEN}), {HIDDEN}"


def test_what_a_later_event_says_loses_them_too_and_the_city_s_words_stay() -> None:
    """A correlation is the city's: with it taken away the city would not know its answer."""
    detail = {"new_text": f"of {READING.name}", "correlation": READING.device, "count": 3}
    told = NAMES.event(event("later", detail)).detail
    assert told == {"new_text": f"of {HIDDEN}", "correlation": READING.device, "count": 3}


def test_name_that_begins_with_another_is_taken_away_whole() -> None:
    devices = {n: Device(n, name) for n, name in enumerate(["bin", "bin-9 north", "bin-9"])}
    said = Names(devices, b"k" * 32).event(event("store", {"reason": "bin-9 north, bin-9 and bin"}))
    assert said.detail["reason"] == f"{HIDDEN}, {HIDDEN} and {HIDDEN}"


def test_id_of_an_event_is_not_made_of_the_dev_eui() -> None:
    """Else the DevEUI could be found by trying all there are."""
    one = event(*EVENTS[0])
    assert NAMES.event(one).id == NAMES.event(event(*EVENTS[0])).id != one.id


def test_id_of_a_reading_is_not_the_hash_that_everybody_can_make() -> None:
    f_cnt = READING.f_cnt.to_bytes(4)
    known = bytes.fromhex(READING.device) + bytes.fromhex(READING.session) + f_cnt
    everybodys = hashlib.sha256(known).digest()[:16].hex()
    reading = replaced(id=everybodys)
    assert NAMES.reading(reading).id != everybodys
    assert NAMES.reading(reading).id == NAMES.reading(reading).id


@given(dev_eui=st.integers(0, 2**64 - 1), key=st.binary(min_size=32, max_size=32))
def test_pseudonym_is_the_same_each_time_and_no_maker_s_eui(dev_eui: int, key: bytes) -> None:
    first = Names({}, key).pseudonym(dev_eui)
    assert first is not None
    assert first == Names({}, key).pseudonym(dev_eui)
    assert len(first) == 16
    assert int(first[:2], 16) & 0b11 == 0b10


def test_another_gateway_calls_the_device_otherwise() -> None:
    other = Names(DEVICES, b"o" * 32)
    assert other.pseudonym(DEV_EUI) != NAMES.pseudonym(DEV_EUI)
    assert other.reading(READING).session != NAMES.reading(READING).session


def test_sessions_of_two_devices_with_one_number_differ() -> None:
    """JoinNonce 1 and DevNonce 1 have many."""
    others = NAMES.event(
        event("join", {"device": f"{DEV_EUI + 1:016x}", "session": READING.session})
    )
    assert others.detail["session"] != NAMES.reading(READING).session


def test_city_means_a_device_by_its_pseudonym_alone() -> None:
    for dev_eui in DEVICES:
        pseudonym = NAMES.pseudonym(dev_eui)
        assert pseudonym is not None
        assert NAMES.dev_eui(pseudonym) == dev_eui
    assert NAMES.dev_eui(READING.device) is None
    assert NAMES.dev_eui(f"{DEV_EUI + 9:016x}") is None


def test_plain_names_are_what_they_are() -> None:
    assert PLAIN.reading(READING) is READING
    assert PLAIN.event(one := event(*EVENTS[0])) is one
    assert PLAIN.dev_eui(READING.device) == DEV_EUI
    assert PLAIN.pseudonym(DEV_EUI) is None
