"""The city's downlinks to devices of class C: at once, in the order of their counters."""

from dataclasses import replace

import pytest
from lorawan_device import hears_join_accept, join_request
from lorawan_lane import ABP_1_1, BOTH, KEYS_1_1, SECOND, Street
from lorawan_network import (
    ABP,
    AIR,
    APP_KEY,
    DEV_EUI,
    JOIN_EUI,
    joined,
    network,
    otaa,
    packet,
    uplink,
)

from drivers.concentrator import TxStatus
from gateway.demo import device as far
from gateway.lorawan.device import Device
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.order import Order, Verdict
from gateway.lorawan.outcome import Immediate, Uplink
from gateway.lorawan.regions import REGIONS
from gateway.lorawan.session import Changes, KnownState

ACK = 0x20
CLASS_C = replace(ABP, device_class="C")


def test_class_c_is_sent_to_at_once_in_rx2() -> None:
    street = Street(entry=CLASS_C)
    for name in "ab":
        street.order(name)
    for more in (True, False):
        answer = street.listens()
        assert street.hears(answer) is far.Heard.ACCEPTED
        assert answer is not None
        (window,) = answer.windows
        assert (window.delay_us, window.frequency, window.sf) == (0, 869_525_000, 12)
        assert answer.dev_eui == CLASS_C.dev_eui
        assert street.device.more_waits == more
        assert street.sent(answer) == ["OK"]
    assert street.listens() is None


@pytest.mark.parametrize("entry", [ABP, CLASS_C])
def test_downlink_ends_at_once_where_listen_before_talk_is_the_law(entry: Device) -> None:
    street = Street(entry=entry)
    korea = REGIONS["KR920"]
    street.network = Network([entry], KnownState(), korea, bytes, heard=korea.channels)
    street.order()
    if entry is CLASS_C:
        found: Immediate | Uplink = street.network.downlink_now(ABP.dev_eui, street.moment)
    else:
        heard = replace(packet(AIR.uplink(0)), frequency=korea.channels[0])
        found = uplink(street.network.receive(heard, street.moment))
    assert found.answer is None
    (result,) = found.results
    assert (result.status, result.final, result.reason) == (TxStatus.TX_FREQ, True, korea.silence)
    assert [row.state for row in found.changes.downlinks] == ["done"]


def test_class_a_is_not_sent_to_without_an_uplink() -> None:
    street = Street()
    street.order()
    assert street.listens() is None


def test_windows_of_an_uplink_come_first() -> None:
    street = Street(entry=CLASS_C)
    street.speaks()
    street.order()
    street.now += 1.9
    assert street.listens() is None
    street.now += 0.2
    assert street.listens() is not None


def test_class_c_keeps_order_of_counters() -> None:
    street = Street(entry=CLASS_C)
    street.order("a", confirmed=True)
    street.order("b", confirmed=True)
    answer = street.listens()
    assert street.hears(answer) is far.Heard.ACCEPTED
    assert street.sent(answer) == ["OK"]
    assert street.listens() is None, "the ACK would be for either"
    outcome = street.speaks()
    assert [result.status for result in outcome.results] == [Verdict.ACKED]
    assert outcome.answer is not None
    assert (outcome.answer.downlink, outcome.answer.dev_eui) == (2, CLASS_C.dev_eui)


@pytest.mark.parametrize("confirmed", [True, False])
def test_nothing_takes_the_ack_of_a_confirmed_downlink_away(confirmed: bool) -> None:
    street = Street(entry=CLASS_C)
    street.order("a", confirmed=True)
    street.order("b", confirmed=confirmed)
    street.order("c")
    answer = street.listens()
    assert answer is not None
    ends_at = street.now + 1.5
    street.network.downlinks.sent(1, TxStatus.OK, ends_at)
    street.now = ends_at + 7.9
    assert street.listens() is None
    street.now = ends_at + 8.1
    later = street.listens()
    assert later is not None
    # where it has not answered by then two that are confirmed still need an ACK each
    assert later.downlink == (3 if confirmed else 2)


def test_what_waits_behind_a_confirmed_downlink_goes_once_that_is_acknowledged() -> None:
    street = Street(entry=CLASS_C)
    street.order("a", confirmed=True)
    answer = street.listens()
    assert street.hears(answer) is far.Heard.ACCEPTED
    street.network.downlinks.sent(1, TxStatus.OK, street.now + 1.5)
    street.now += 2
    assert [result.status for result in street.speaks().results] == [Verdict.ACKED]
    street.order("b")
    street.now += 2.1  # its windows come first
    assert street.listens() is not None


@pytest.mark.parametrize("told_first", [True, False])
def test_uplink_that_was_on_the_air_already_says_nothing_of_a_confirmed_downlink(
    told_first: bool,
) -> None:
    street = Street(entry=CLASS_C)
    street.order(confirmed=True)
    answer = street.listens()
    assert answer is not None
    ends_at = street.now + 1.5
    for f_cnt, ended_at in enumerate((street.now + 0.05, ends_at + 0.1)):
        if told_first or f_cnt:
            street.network.downlinks.sent(1, TxStatus.OK, ends_at)
        moment = Moment(ended_at)
        crossing = uplink(street.network.receive(packet(AIR.uplink(f_cnt)), moment))
        assert (crossing.results, crossing.acknowledged) == ((), None)
    assert street.hears(answer) is far.Heard.ACCEPTED
    acks = uplink(street.network.receive(packet(AIR.uplink(2, f_ctrl=ACK)), Moment(ends_at + 1)))
    assert [result.status for result in acks.results] == [Verdict.ACKED]


def test_device_of_1_1_is_class_c_once_it_says_so() -> None:
    street = Street(KEYS_1_1, replace(ABP_1_1, device_class="C"))
    street.order()
    assert street.listens() is None
    answer = street.speaks().answer
    assert answer is not None
    assert street.hears(answer) is far.Heard.ACCEPTED
    assert street.device.commands.class_c, "DeviceModeConf came with the answer"
    street.sent(answer)
    street.now += 60
    street.order("b")
    assert street.hears(street.listens()) is far.Heard.ACCEPTED


def test_device_of_1_1_that_devices_toml_calls_class_a_stays_so() -> None:
    street = Street(KEYS_1_1, ABP_1_1)
    street.device.device_class = "C"
    answer = street.speaks().answer
    assert street.hears(answer) is far.Heard.ACCEPTED
    assert not street.device.commands.class_c
    street.order()
    street.now += 60
    assert street.listens() is None


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("heard_anew", [False, True])
def test_class_c_that_joins_again_is_sent_to_where_it_is_heard_next(
    heard_anew: bool, restarted: bool
) -> None:
    """It may have left its session, or not have heard the Join-Accept: nobody knows."""
    entry = replace(otaa(), device_class="C")
    net = network([entry])
    sessions, airs = [], []
    for dev_nonce in (1, 2):
        got = joined(net.receive(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, dev_nonce))))
        sessions.append(got.session)
        airs.append(hears_join_accept(APP_KEY, dev_nonce, got.answer.phy_payload).air)
        if dev_nonce == 1:
            uplink(net.receive(packet(airs[0].uplink(0))))
    if restarted:
        net = network([entry], KnownState(tuple(sessions)))
    net.downlinks.put(Order("a", DEV_EUI, 10, b"open"), None)
    assert net.downlink_now(DEV_EUI, Moment(1e6)).answer is None
    air = airs[heard_anew]
    refused = uplink(net.receive(packet(air.uplink(1)))).answer
    assert refused is not None
    assert refused.downlink is not None
    net.downlinks.sent(refused.downlink, TxStatus.TOO_LATE)
    answer = net.downlink_now(DEV_EUI, Moment(2e6)).answer
    assert answer is not None
    assert air.hears(answer.phy_payload, 1) is not None


@BOTH
def test_immediate_downlink_stands_until_its_device_is_heard(keys: far.Keys, entry: Device) -> None:
    """Its windows come first; and an answer has the next counter, in 1.1 of another kind."""
    street = Street(keys, replace(entry, device_class="C"))
    street.hears(street.speaks(confirmed=True).answer)
    street.now += 60
    street.order()
    street.order("b")
    answer = street.listens()
    assert answer is not None
    assert answer.downlink is not None
    assert street.network.stands(answer.downlink, street.moment)
    street.now += 1
    later = street.speaks(confirmed=True).answer
    assert not street.network.stands(answer.downlink, street.moment)
    street.now += 5
    assert street.network.stands(answer.downlink, street.moment) is (entry is ABP_1_1)
    assert later is not None
    assert later.downlink is None, "it does not change places with what waits behind it"
    assert street.sent(answer, TxStatus.COLLISION_PACKET) == [TxStatus.COLLISION_PACKET]
    again = street.listens()
    assert again is not None
    assert again.downlink == answer.downlink
    street.hears(again)
    assert street.device.received[-1] == (10, b"open")


def test_downlink_that_was_told_of_stands_no_more() -> None:
    street = Street(entry=CLASS_C)
    street.order()
    answer = street.listens()
    assert answer is not None
    street.sent(answer)
    assert not street.network.stands(1, street.moment)


def test_old_frame_that_is_repeated_does_not_say_where_a_device_is_that_joined_again() -> None:
    net = network([replace(otaa(), device_class="C")])
    request = packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1))
    air = hears_join_accept(APP_KEY, 1, joined(net.receive(request)).answer.phy_payload).air
    spoken = packet(air.uplink(0, confirmed=True))
    uplink(net.receive(spoken))
    joined(net.receive(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 2))))
    later = replace(spoken, counter_us=spoken.counter_us + 30 * SECOND)
    assert uplink(net.receive(later, Moment(30.0))).retransmission
    net.downlinks.put(Order("a", DEV_EUI, 10, b"open"), None)
    assert net.downlink_now(DEV_EUI, Moment(1e6)).answer is None


def test_nothing_waits_and_nothing_changes() -> None:
    found = Street(entry=CLASS_C).network.downlink_now(ABP.dev_eui, Moment(100.0))
    assert (found.answer, found.changes, found.results) == (None, Changes(), ())
