"""The names are the specification's (MQTT 5 §2.4): every code has one there, and words here."""

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from gateway.northbound import reasons

SAID_ELSEWHERE = {"CONNACK": {0x84, 0x86, 0x87}}  # broker.py has words of its own for these
# of packets that we never send, or options that we never use
NOT_OURS = {"DISCONNECT": {0x04, 0x8C, 0x8F, 0x94, 0x9E, 0xA1, 0xA2}}


@pytest.mark.parametrize("packet", ["PUBACK", "CONNACK", "DISCONNECT"])
def test_every_failure_that_a_server_may_name_has_words(packet: str) -> None:
    kind = getattr(PacketTypes, packet)
    names = ReasonCode(PacketTypes.CONNACK, identifier=0).names
    known = {code for code, packets in names.items() for ps in packets.values() if kind in ps}
    failures = {code for code in known if code >= 0x80}
    assert failures
    others = SAID_ELSEWHERE.get(packet, set()) | NOT_OURS.get(packet, set())
    assert failures - others <= set(getattr(reasons, packet))
    assert set(getattr(reasons, packet)) - {reasons.TOO_LARGE} <= known  # that one is ours too


def test_sentence_has_the_name_the_code_and_what_to_do() -> None:
    told = reasons.named("Quota exceeded", 0x97, reasons.PUBACK)
    assert told.startswith("Quota exceeded (0x97); ")
    assert "raise it" in told
    assert reasons.named("Odd", 0xFF, reasons.PUBACK) == "Odd (0xff)"


def test_keys_that_the_words_name_exist() -> None:
    import re

    from gateway.config import Mqtt

    words = " ".join(
        [*reasons.PUBACK.values(), *reasons.CONNACK.values(), *reasons.DISCONNECT.values()]
    )
    for key in re.findall(r"mqtt\.([a-z_]+)", words):
        assert hasattr(Mqtt(), key), key


@pytest.mark.parametrize(("code", "soon"), [(0, True), (0x8B, True), (0x8E, False), (0x98, False)])
def test_who_is_sent_away_does_not_come_back_at_once(code: int, soon: bool) -> None:
    assert reasons.is_soon_over(code) is soon
