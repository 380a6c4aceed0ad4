"""Every code of the daemon and its drivers has words, and stands behind them."""

import re

import pytest
from kogge import HOUSE

from drivers.concentrator import TxStatus
from gateway.air.radio import KINDS
from gateway.cli import codes, language
from gateway.lorawan.outcome import DropReason


def test_every_code_has_words() -> None:
    assert {str(one) for one in DropReason} == set(codes.DROPS)
    assert {str(one) for one in TxStatus} < set(codes.SENT)
    assert {*KINDS.values(), "driver"} == set(codes.FAULTS)
    assert {"receiving", "starting", "fault"} < set(codes.STATES)


@pytest.mark.tree
def test_every_drop_of_the_driver_has_words() -> None:
    source = (HOUSE / "drivers" / "sx1302" / "receive.py").read_text(encoding="utf-8")
    named = set(re.findall(r'drops\["(\w+)"\]|return "(\w+)"', source))
    assert {one or other for one, other in named} == set(codes.DAMAGED)


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "MIC wrong (bad_mic)"), ("de", "MIC falsch (bad_mic)")]
)
def test_code_stands_behind_its_words(lang: str, said: str) -> None:
    language.speak(lang)
    try:
        assert codes.worded("bad_mic", codes.DROPS) == said
        assert codes.worded("newer_code", codes.DROPS) == "newer_code"
        assert codes.drop("newer_code") == "newer_code"
    finally:
        language.speak("en")


def test_firmware_is_told_part_by_part() -> None:
    language.speak("de")
    try:
        told = codes.firmware("MCU V01.00.00, AGC 10, ARB 2, unverified firmware")
        assert told == "MCU V01.00.00, AGC 10, ARB 2, Firmware ungeprüft"
        assert codes.firmware("") == ""
    finally:
        language.speak("en")
