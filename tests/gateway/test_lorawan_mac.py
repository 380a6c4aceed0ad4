"""MAC commands in a session: what a device is answered and asked, by name of the rule.

Commands stand here as the bytes that they are on the air (TS001-1.0.4 §5).
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lorawan_device import Air, hears_join_accept, join_request
from lorawan_network import (
    ABP,
    ABP_EUI,
    AIR,
    APP_KEY,
    DEV_EUI,
    EXTRA,
    HEARD,
    JOIN_EUI,
    counted,
    joined,
    network,
    otaa,
    packet,
    reason,
    uplink,
)
from lorawan_street import ACK, ADR, ADR_ACK_REQ, SETTLED, Street

from gateway.lorawan.adr import Link
from gateway.lorawan.mac_state import FACTORY, Mac
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import DropReason
from gateway.lorawan.regions import REGIONS
from gateway.lorawan.session import Changes, KnownState

LINK_ADR = 0x03


def test_plain_uplink_of_a_settled_device_is_not_answered() -> None:
    got = Street().say()
    assert (got.answer, got.changes) == (None, Changes())


# --- what the device asks for ---


@pytest.mark.parametrize(
    ("sf", "snr", "margin"),
    [(7, -7.5, 0), (7, 2.4, 9), (12, -20.0, 0), (12, 9.0, 29), (9, -14.0, 0)],
)
def test_link_check_tells_the_margin_above_the_floor(sf: int, snr: float, margin: int) -> None:
    assert Street().told("02", sf=sf, snr=snr) == f"02{margin:02x}01"


def test_link_check_on_port_0_is_answered() -> None:
    assert Street().told(port_0="02") == "021501"


def test_time_is_that_of_the_uplinks_end_in_gps_time() -> None:
    at = Moment(1.0, 1_700_000_000_500_000_000)
    seconds = 1_700_000_000 - 315_964_800 + 18
    assert Street().told("0d", at=at) == "0d" + seconds.to_bytes(4, "little").hex() + "80"


def test_without_a_trusted_clock_no_time_is_told() -> None:
    assert Street().say("0d").answer is None


def test_repeated_frame_is_told_its_own_end() -> None:
    street = Street()
    first = street.told("0d", at=Moment(1.0, 1_700_000_000 * 10**9), confirmed=True)
    again = street.told("0d", at=Moment(4.0, 1_700_000_003 * 10**9), confirmed=True, again=True)
    assert int.from_bytes(bytes.fromhex(again)[1:5], "little") == 3 + int.from_bytes(
        bytes.fromhex(first)[1:5], "little"
    )


def test_each_kind_is_answered_once() -> None:
    assert Street().told("0202") == "021501"


def test_retransmission_is_answered_with_the_same_content_and_counted_once() -> None:
    street = Street(FACTORY)
    first = street.say("02", ADR, confirmed=True)
    content = street.hears(first)
    again = street.say("02", ADR, confirmed=True, again=True)
    assert again.retransmission
    heard = street.hears(again)
    assert (heard.f_ctrl, heard.commands) == (content.f_ctrl, content.commands)
    assert first.session.mac.tries == 1


# --- what is asked of the device ---


def test_device_that_adapts_is_told_the_channels_first_then_its_data_rate() -> None:
    street = Street(FACTORY)
    told = street.told(f_ctrl=ADR)
    assert told.startswith("0703" + (8_671_000).to_bytes(3, "little").hex() + "50")
    assert told.count("50070") == 4
    assert told.endswith("06"), "the battery is asked for along with it"
    assert len(bytes.fromhex(told)) == 5 * 6 + 1
    answers = street.told("0703" * 5 + "06fe0a", ADR)
    assert answers.startswith("0351ff00")


def test_channels_go_along_with_an_answer_to_a_device_that_adapts_by_itself() -> None:
    street = Street(Mac(status_asked=0))
    assert street.say().answer is None
    assert street.told(confirmed=True).startswith("0703")


def test_refused_channel_is_not_told_again() -> None:
    street = Street(Mac(status_asked=0))
    street.told(confirmed=True)
    street.told("07030702070307030703", confirmed=True)
    assert street.told(confirmed=True) == ""
    known = dict(street.disk.mac.channels)
    assert (len(known), 4 in known) == (4, False)


def test_adr_is_commanded_and_the_answer_moves_the_link() -> None:
    street = Street()
    assert street.told(f_ctrl=ADR) == "0351ff0001"
    street.say("0307", ADR, sf=7, snr=-2.0)
    assert street.disk.mac.link == Link(5, 1, 1)
    assert LINK_ADR not in [one[0] for one in street.disk.mac.requested]


def test_answered_request_is_not_repeated() -> None:
    street = Street()
    street.told(f_ctrl=ADR)
    assert street.told("0307", ADR, sf=7, snr=-2.0) == ""
    assert street.told("", ADR, sf=7, snr=-2.0) == ""


def test_unanswered_request_is_repeated_ever_more_rarely() -> None:
    street = Street()
    asked = [bool(street.told(f_ctrl=ADR)) for _ in range(40)]
    assert [n for n, one in enumerate(asked) if one] == [0, 1, 3, 7, 15, 31]


def test_adr_ack_req_is_told_the_settings_once_more_at_once() -> None:
    street = Street()
    street.told(f_ctrl=ADR)
    street.told(f_ctrl=ADR)
    assert street.told(f_ctrl=ADR | ADR_ACK_REQ).startswith("03")


def test_refused_data_rate_bounds_what_is_asked_for() -> None:
    street = Street()
    street.told(f_ctrl=ADR)
    assert street.told("0305", ADR).startswith("0342"), "the next slower one, and less power"
    assert street.told("0307", ADR, sf=8, snr=-5.0) == ""


def test_lost_frames_are_answered_with_repetitions() -> None:
    """The published table: with 23 % lost NbTrans 1 becomes 2, and 2 becomes 3."""
    street = Street(replace(SETTLED, link=Link(5, 1, 1)))
    for want in (2, 3):
        for n in range(20):
            street.f_cnt += 6 * (n == 10)
            told = street.told("", ADR, sf=7, snr=4.5)
        assert told.endswith(f"0351ff000{want}")
        street.say("0307", ADR, sf=7, snr=4.5)
        assert street.disk.mac.link == Link(5, 1, want)


def test_refusals_end_in_silence() -> None:
    street = Street()
    asked = [street.told("0300", ADR) for _ in range(40)]
    assert asked[-1] == ""
    assert len([one for one in asked if one]) <= 5
    assert "refuses" in street.net.adr_reason(ABP_EUI)


def test_device_that_refuses_a_mask_keeps_its_channels() -> None:
    street = Street()
    street.told(f_ctrl=ADR)
    assert street.told("0306", ADR) == "0351000061", "ChMaskCntl 6: all that it knows"
    street.say("0307", ADR, sf=7, snr=-2.0)
    assert street.disk.mac.mask == 0xFF


def test_rejected_block_of_several_answers_counts_as_one() -> None:
    street = Street()
    street.told(f_ctrl=ADR)
    street.say("03070305", ADR)
    assert street.disk.mac.link == Link(3)
    assert street.disk.mac.max_dr == 4


def test_lost_answer_is_seen_by_the_data_rate() -> None:
    street = Street()
    street.told(f_ctrl=ADR)
    got = street.say("", ADR, sf=7, snr=-2.0)
    assert got.session.mac.link == Link(5, 1, 1)


def test_channel_that_nobody_hears_is_switched_off() -> None:
    street = Street(Mac(channels=((3, HEARD[3]),), status_asked=0), heard=HEARD[1:4])
    told = street.told(f_ctrl=ADR, snr=-11.0)
    assert told.startswith("03")
    assert int.from_bytes(bytes.fromhex(told)[2:4], "little") == 0b1110


def test_adr_can_be_switched_off_for_a_device() -> None:
    street = Street(device=replace(ABP, adr=False))
    got = street.say(f_ctrl=ADR | ADR_ACK_REQ)
    heard = street.hears(got)
    assert (heard.f_ctrl & ADR, heard.commands) == (0, b"")
    assert "adr = false" in street.net.adr_reason(ABP_EUI)


def test_adr_says_why() -> None:
    street = Street()
    assert street.net.adr_reason(ABP_EUI) == ""
    street.say(f_ctrl=ADR)
    assert "best SNR of 1 uplink 8.5 dB" in street.net.adr_reason(ABP_EUI)


def test_battery_is_asked_once_a_day_and_comes_back() -> None:
    street = Street()
    hours = [street.told(at=Moment(hour * 3600.0)) for hour in range(1, 60)]
    assert [n for n, told in enumerate(hours) if told] == [24, 48]
    got = street.say("06fe20", at=Moment(61 * 3600.0))
    assert got.status is not None
    assert (got.status.battery_percent, got.status.margin) == (100.0, -32)
    assert (street.disk.mac.battery, street.disk.mac.margin) == (254, -32)


def test_battery_that_was_not_asked_for_says_nothing() -> None:
    got = Street().say("06fe20")
    assert (got.status, got.skipped_commands) == (None, 1)


def test_restart_does_not_ask_every_battery_again() -> None:
    street = Street(replace(SETTLED, status_asked=1))
    street.f_cnt = 2
    assert street.told(at=Moment(1.0), confirmed=True) == ""
    street.f_cnt = 24
    assert street.told(at=Moment(2.0), confirmed=True) == "06"


# --- strangers' bytes, replays, crashes ---


@settings(max_examples=300)
@given(st.binary(max_size=15), st.binary(max_size=40), st.sampled_from([0, 0x80, 0xC0, 0xE0]))
def test_any_commands_of_a_device_are_taken(f_opts: bytes, port_0: bytes, f_ctrl: int) -> None:
    street = Street(FACTORY)
    street.say(f_ctrl=ADR)
    street.say(f_opts.hex(), f_ctrl, confirmed=True)
    street.say("", f_ctrl, port_0=port_0.hex())
    street.restart()
    street.say(f_ctrl=ADR, confirmed=True)


@given(st.binary(max_size=15))
def test_answers_to_nothing_alter_nothing(f_opts: bytes) -> None:
    street = Street()
    street.say()
    mac = street.say(f_opts.hex()).session.mac
    assert (mac.rx, mac.channels, mac.mask, mac.refused) == (None, EXTRA, None, ())
    assert (mac.max_dr, mac.max_tx_power, mac.keeps_channels) == (None, None, False)


def test_unknown_and_cut_off_commands_are_counted() -> None:
    assert Street().say("ff").skipped_commands == 1
    assert Street().say("0307ff").skipped_commands == 2
    assert Street().say("06fe").skipped_commands == 1


def test_replayed_frame_with_a_beautiful_snr_moves_no_adr() -> None:
    net = network([ABP])
    frames = [packet(AIR.uplink(n, f_ctrl=ADR, confirmed=True)) for n in (1, 2)]
    for frame in frames:
        net.receive(replace(frame, snr=-12.5))
    before = net.adr_reason(ABP_EUI)
    assert reason(net.receive(replace(frames[0], snr=20.0))) is DropReason.REPLAY
    repeated = replace(frames[1], snr=20.0, counter_us=frames[1].counter_us + 5_000_000)
    assert uplink(net.receive(repeated)).retransmission
    assert net.adr_reason(ABP_EUI) == before
    assert "-12.5 dB" in before


def test_replayed_answer_does_not_settle_a_later_request() -> None:
    street = Street()
    street.told(f_ctrl=ADR)
    old = packet(AIR.uplink(street.f_cnt + 1, b"x", f_ctrl=ADR, f_opts=b"\x03\x07"))
    street.say("0306", ADR)
    assert reason(street.net.receive(old)) is DropReason.DUPLICATE
    assert street.disk.mac.keeps_channels


def test_ack_of_nothing_acknowledges_nothing() -> None:
    assert Street().say(f_ctrl=ACK).acknowledged is None


def test_ack_counts_once_and_only_in_the_next_uplink() -> None:
    street = Street(replace(SETTLED, awaits_ack=7))
    assert street.say(f_ctrl=ACK).acknowledged == 7
    assert street.say(f_ctrl=ACK).acknowledged is None
    street = Street(replace(SETTLED, awaits_ack=7))
    assert street.say().acknowledged is None
    assert street.say(f_ctrl=ACK).acknowledged is None


def test_crash_after_a_request_still_knows_the_answer() -> None:
    street = Street()
    street.told(f_ctrl=ADR)
    street.restart()
    street.say("0307", ADR, sf=7)
    assert street.disk.mac.link == Link(5, 1, 1)


# --- joins ---


def test_join_tells_channels_so_that_none_is_asked_for() -> None:
    net = network([otaa()])
    accept = joined(net.receive(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1))))
    assert accept.session.mac.channels == EXTRA
    air = hears_join_accept(APP_KEY, 1, accept.answer.phy_payload).air
    heard = air.hears(_answer(net, air, 0), 0)
    assert heard is not None
    assert heard.commands == b"\x06"


def _answer(net: Network, air: Air, f_cnt: int) -> bytes:
    got = uplink(net.receive(packet(air.uplink(f_cnt, confirmed=True))))
    assert got.answer is not None
    return got.answer.phy_payload


def test_fixed_plan_switches_off_what_is_not_heard_even_without_adr() -> None:
    region = REGIONS["US915"]
    heard = (*region.channels[8:16], region.channels[65])
    net = Network([ABP], KnownState(), region, counted(), heard=heard)
    frame = replace(packet(AIR.uplink(1)), frequency=heard[0], sf=8)
    got = uplink(net.receive(frame))
    assert got.answer is not None
    told = AIR.hears(got.answer.phy_payload, 0)
    assert told is not None
    assert told.commands == bytes.fromhex("060320020051"), "DevStatusReq; ChMaskCntl 5, block 1"
    settled = uplink(net.receive(replace(frame, payload=AIR.uplink(2, f_opts=b"\x03\x07"))))
    assert settled.answer is None
    assert settled.session.mac.mask == 0xFF << 8 | 1 << 65
