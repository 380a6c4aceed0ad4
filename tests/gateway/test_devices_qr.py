"""The text of a QR code: what stands in it, and why another is none."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.devices.qr import NotTr005, QrCode, crc16, parse

SHORT = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122"
# the example of TR005 1.0 with all of its extensions
WHOLE = f"{SHORT}:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C"
EUI = st.text("0123456789ABCDEF", min_size=16, max_size=16)


def test_the_example_of_the_specification_is_understood() -> None:
    assert parse(WHOLE) == QrCode(
        "1122334455667788", "aabbccddeeff0011", "aabb", "1122", "AABBCCDDEEFF", "YYWWNNNNNN",
        "FOOBAR",
    )  # fmt: skip


def test_extensions_are_optional_and_small_letters_too() -> None:
    assert parse(f"  {SHORT.lower()}\n") == parse(SHORT)


def test_checksum_is_crc_16_modbus() -> None:
    assert crc16(b"123456789") == 0x4B37


@pytest.mark.parametrize("at", range(6, len(WHOLE) - 6))
def test_one_misread_character_is_noticed(at: int) -> None:
    misread = WHOLE[:at] + ("0" if WHOLE[at] != "0" else "1") + WHOLE[at + 1 :]
    with pytest.raises(NotTr005):
        parse(misread)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no LoRaWAN QR code"),
        ("https://example.org/device/1", "is no LoRaWAN QR code"),
        ("LW:D0:1122334455667788:AABBCCDDEEFF0011", "is no LoRaWAN QR code"),
        ("LW:D1:1122334455667788:AABBCCDDEEFF0011:AABB1122", "schema 'D1'"),
        ("LW:D0:1122334455667788:AABBCCDDEEFF001:AABB1122", "DevEUI is 'AABBCCDDEEFF001'"),
        ("LW:D0:112233445566778G:AABBCCDDEEFF0011:AABB1122", "JoinEUI"),
        ("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB", "ProfileID"),
        (f"{SHORT}:XABC", "begins with none of O, S, P and C"),
        (f"{SHORT}:SABC:SDEF", "S stands twice"),
        (f"{SHORT}:CAF2C:SABC", "not its last part"),
        (f"{SHORT}:C0000", "does not fit"),
        ("URN:DEV:LW:1122334455667788_AABBCCDDEEFF0011_AABB1122", "a draft of TR005"),
        (f"{SHORT}:P{'x' * 2000}", "is no LoRaWAN QR code"),
    ],
)
def test_what_is_no_qr_code_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(NotTr005, match=says):
        parse(text)


@given(EUI, EUI, st.text("0123456789ABCDEF", min_size=8, max_size=8))
def test_every_code_with_its_checksum_is_read(join_eui: str, dev_eui: str, profile: str) -> None:
    body = f"LW:D0:{join_eui}:{dev_eui}:{profile}"
    found = parse(f"{body}:C{crc16(body.encode()):04X}")
    assert (found.join_eui, found.dev_eui) == (join_eui.lower(), dev_eui.lower())
    assert found.vendor + found.profile == profile.lower()


@given(st.one_of(st.text(), st.text().map(lambda text: f"LW:D0:{text}"),
                 st.text().map(lambda text: f"{SHORT}:{text}")))  # fmt: skip
def test_strangers_text_is_read_or_refused(text: str) -> None:
    with suppress(NotTr005):
        assert len(parse(text).dev_eui) == 16
