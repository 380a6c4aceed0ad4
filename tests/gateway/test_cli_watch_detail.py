"""One frame down to its fields and bytes."""

import pytest
import watch_cases as cases
from hypothesis import given
from hypothesis import strategies as st
from watch_cases import Told

from gateway.cli import language
from gateway.cli.watch_detail import fields, lines
from gateway.cli.watch_model import Seen

pytestmark = pytest.mark.usefixtures("english_in_utc")


def detail(*happenings: Told) -> str:
    seen = Seen()
    for happening in happenings:
        seen.take(happening)
    return "\n".join(lines(seen.rows[0])).replace("\u00a0", " ")


def test_uplink_is_shown_from_its_measurement_to_its_mic() -> None:
    assert detail(cases.uplink(66_000), cases.reading(66_000), cases.safe(66_000)) == (
        "14:03:00  bin-04  70b3d57ed0000002\n"
        "temperature 21.5 °C, full no\n"
        "868.1 MHz  SF7 / 125 kHz  ██░░ -97 dBm  SNR ███░ 5.0 dB\n"
        "CRC ok  51.5 ms on the air  counter 1 000 000 µs\n"
        f"reading {66_000:032x}: safe: the city has it, or the disk\n"
        "\n"
        "  at field      bytes                    meaning\n"
        "   0 MHDR       40                       UnconfirmedDataUp\n"
        "   1 DevAddr    da 1b 01 26              26011bda\n"
        "   5 FCtrl      00                       00\n"
        "   6 FCnt       d0 01                    66000, with its upper half\n"
        "   8 FPort      02                       2\n"
        f"   9 FRMPayload {encrypted(66_000)}              encrypted\n"
        f"  13 MIC        {mic(66_000)}              right\n"
        "FRMPayload, decrypted:\n"
        "   0            01 67 00 d7"
    )


def encrypted(f_cnt: int) -> str:
    return cases.AIR.uplink(f_cnt, cases.PAYLOAD, 2)[9:13].hex(" ")


def mic(f_cnt: int) -> str:
    return cases.AIR.uplink(f_cnt, cases.PAYLOAD, 2)[-4:].hex(" ")


def test_reading_that_waits_is_not_called_safe() -> None:
    assert "not yet said to be safe" in detail(cases.uplink(1), cases.reading(1))


def test_refused_join_says_why_and_what_to_do_and_shows_its_euis() -> None:
    text = detail(cases.refused("MIC wrong: AppKey differs"))
    assert "MIC wrong: AppKey differs" in text
    assert "-> compare it with the device's, digit by digit" in text
    assert f"DevEUI     ff 66 55 44 33 22 11 00  {cases.STRANGER_EUI}" in text
    assert "DevNonce   07 00                    7" in text
    assert text.endswith("WRONG")


def test_drop_is_named_by_its_code_too_which_the_documents_have() -> None:
    text = detail(cases.drop("duplicate"))
    assert text.splitlines()[:2] == ["14:03:00  0badcafe", "drop: heard twice (duplicate)"]


def test_euis_of_what_has_no_name_stand_there_once() -> None:
    assert detail(cases.refused()).splitlines()[0] == f"14:03:00  {cases.STRANGER_EUI}"


def test_mac_commands_are_named_in_the_row_and_told_with_their_fields() -> None:
    said = ["DevStatusAns(battery=128, margin=-1)", "LinkCheckReq()"]
    text = detail(cases.uplink(1, f_port=None, frm_payload="", mac_commands=said))
    assert text.splitlines()[1] == "MAC: DevStatusAns, LinkCheckReq"
    assert "\nDevStatusAns(battery=128, margin=-1)\nLinkCheckReq()\n" in text
    assert "no payload" in detail(cases.uplink(1, f_port=None, frm_payload=""))


def test_news_and_what_was_left_out_have_a_detail_too() -> None:
    assert "broker: not connected: gone" in detail(
        cases.news("city", what="disconnected", reason="gone")
    )
    assert "temperature 21.5" in detail(cases.reading(1))


def test_long_payload_is_shown_sixteen_bytes_a_line() -> None:
    long = cases.frame(cases.AIR.uplink(1, bytes(range(40)), 2), "accepted")
    rows = [line for line in detail(long).splitlines() if line.count(" ") > 15]
    assert max(map(len, detail(long).splitlines())) <= 80
    assert len(rows) >= 3


@given(st.binary(min_size=1, max_size=255))
def test_fields_of_any_bytes_are_those_bytes_in_order(payload: bytes) -> None:
    found = fields(payload)
    assert b"".join(one.octets for one in found) == payload
    at = 0
    for one in found:
        assert one.at == at
        at += len(one.octets)
    told = cases.frame(payload, "malformed")
    assert all(len(line) <= 80 for line in detail(told).splitlines()[2:])


def test_german_is_german() -> None:
    language.speak("de")
    text = detail(cases.uplink(1), cases.reading(1))
    assert "temperature 21,5 °C, full nein" in text
    assert "Bedeutung" in text
    assert "CRC gut" in text
    assert "CRC FALSCH" in detail(cases.frame(b"@" * 20, "bad_crc", crc="bad"))
