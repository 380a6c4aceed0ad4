"""No secret passes, in whatever writing; what support needs does."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.report.scrubbing import REMOVED, SHORTEST, Scrubber

KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
PASSWORD = 'Grüße & 100% "Hafen"'
SCRUBBER = Scrubber([KEY, PASSWORD.encode(), b"hunter2"])
KNOWS_NOTHING = Scrubber([])


def writings(secret: bytes) -> list[str]:
    """An oracle of its own: in how many ways a program may have written it."""
    coded = [base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode()]
    return [secret.hex(), secret.hex().upper(), *coded, *(one.rstrip("=") for one in coded)]


@pytest.mark.parametrize("text", [*writings(KEY), KEY[::-1].hex(), KEY.hex(" "), KEY.hex(":")])
@pytest.mark.parametrize("around", ["{}", "key {} refused", "k={};", '"{}"', "<{}>", "({}),"])
def test_key_goes_in_every_writing(text: str, around: str) -> None:
    assert text not in SCRUBBER.text(around.format(text))


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD, PASSWORD.upper(), PASSWORD.lower(), quote(PASSWORD, safe=""),
        json.dumps(PASSWORD, ensure_ascii=False)[1:-1], *writings(PASSWORD.encode()),
        "hunter2", "xxhunter2xx", "HUNTER2",
    ],
)  # fmt: skip
def test_known_password_goes_wherever_it_stands(text: str) -> None:
    assert text not in SCRUBBER.text(f"login failed: {text} is wrong")
    assert text not in json.dumps(SCRUBBER.value({"a": [{"b": text}], text: 1}))


@given(some.binary(min_size=SHORTEST, max_size=40), some.text(max_size=20), some.text(max_size=20))
def test_any_known_secret_goes_from_between_any_words(one: bytes, left: str, right: str) -> None:
    for text in (one.hex(), one.hex().upper()):
        assert text not in Scrubber([one]).text(f"{left} {text} {right}")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("mqtts://city:p@ss/word@broker:8883 refused", "p@ss/word"),
        ("mqtts://tokenalone@broker", "tokenalone"),
        ('password = "two words"', "two words"),
        ("MQTT_PASSWORD=secret99 and on", "secret99"),
        ('{"app_key": "short"}', "short"),
        ("Authorization: Basic Y2l0eTpodW50", "Y2l0eTpodW50"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJhbGciOi"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
        ("-----BEGIN PRIVATE KEY-----\nMIIEow and it is torn", "MIIEow"),
        ("0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f,"
         " 0x3c", "0x15, 0x88"),
        ("AppKey 2B7E151628AED2A6ABF7158809CF4F3C", "2B7E"),
        (f"key {KEY.hex('-')}", "2b-7e"),
        ("base64 K34VFiiu0qar9xWICc9PPA==", "K34VFi"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_goes_unknown(text: str, secret: str) -> None:
    assert secret in text
    found = KNOWS_NOTHING.text(text)
    assert secret not in found
    assert REMOVED in found


@pytest.mark.parametrize(
    "text",
    [
        "0016c001ff10a235", "device 70b3d57ed0000001 (parking-neuer-markt-07) joined",
        "2026-11-22T14:03:00.125Z", "/var/lib/kogge/kogge.db", "mqtts://mqtt.example.org:8883",
        "password_file = /etc/kogge/password", "00-16-c0-01-ff-10-a2-35",
        "firmware MCU V01.00.00, AGC 10, ARB 2", "WATCHDOG_USEC=60000000",
    ],
)  # fmt: skip
def test_what_support_needs_stays(text: str) -> None:
    assert SCRUBBER.text(text) == text


def test_word_is_no_secret_because_it_is_a_password() -> None:
    assert Scrubber([b"kogge", b""]).text("kogge runs") == "kogge runs"
