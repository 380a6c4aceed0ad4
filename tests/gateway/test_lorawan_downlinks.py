"""The city's downlinks through the network server, heard by the demo's independent device.

In the answer to an uplink for class A, at once for class C.
"""

import lorawan_1_1_device
import lorawan_1_1_oracle
import pytest
from lorawan_lane import ABP_1_1, BOTH, Street
from lorawan_network import (
    ABP,
    network,
    packet,
    reason,
    uplink,
)

from drivers.concentrator import TxStatus
from gateway.demo import device as far
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import largest_payload
from gateway.lorawan.network import Network
from gateway.lorawan.order import Order, Verdict
from gateway.lorawan.outcome import DropReason
from gateway.lorawan.regions.america import US915
from gateway.lorawan.regions.europe import EU868


@BOTH
def test_downlink_is_worth_an_answer_of_its_own(keys: far.Keys, entry: Device) -> None:
    street = Street(keys, entry)
    street.order()
    outcome = street.speaks()
    assert street.hears(outcome.answer) is far.Heard.ACCEPTED
    assert street.device.received == [(10, b"open")]
    (queued,) = outcome.changes.downlinks
    assert outcome.answer is not None
    assert (queued.number, queued.state) == (outcome.answer.downlink, "handed_over")
    assert outcome.changes.sessions == (outcome.session,)
    assert street.sent(outcome.answer) == ["OK"]


@BOTH
@pytest.mark.parametrize("hears", [True, False])
def test_confirmed_downlink_is_acked_by_the_next_uplink(
    keys: far.Keys, entry: Device, hears: bool
) -> None:
    street = Street(keys, entry)
    street.order(confirmed=True)
    answer = street.speaks().answer
    if hears:
        assert street.hears(answer) is far.Heard.ACCEPTED
    assert street.sent(answer) == ["OK"]
    street.now += 60
    outcome = street.speaks()
    (result,) = outcome.results
    assert result.status == (Verdict.ACKED if hears else Verdict.NOT_ACKED)
    assert [row.state for row in outcome.changes.downlinks] == ["done"]


AIR_1_1 = lorawan_1_1_device.Air(
    ABP.dev_addr or 0, lorawan_1_1_oracle.Keys(b"F" * 16, b"S" * 16, b"E" * 16, b"A" * 16)
)
ACK = 0x20


def sent_confirmed_to_1_1() -> tuple[Network, int]:
    """The network of a 1.1 device that was just sent a confirmed downlink, and its FCnt, not 0."""
    net = network([ABP_1_1])
    session = uplink(net.receive(packet(AIR_1_1.uplink(0)))).session
    session.a_f_cnt_down = session.a_f_cnt_down_reserved = 7
    net.downlinks.put(Order("a", ABP.dev_eui, 10, b"open", confirmed=True), None)
    answer = uplink(net.receive(packet(AIR_1_1.uplink(1)))).answer
    assert answer is not None
    assert answer.downlink is not None
    net.downlinks.sent(answer.downlink, TxStatus.OK)
    return net, 7


@pytest.mark.parametrize("confirmed", [False, True])
def test_ack_of_1_1_that_is_repeated_is_the_frame_that_it_was(confirmed: bool) -> None:
    """The MIC of an uplink that acknowledges covers the FCnt that it acknowledges."""
    net, f_cnt = sent_confirmed_to_1_1()
    ack = AIR_1_1.uplink(2, confirmed=confirmed, f_ctrl=ACK, conf_f_cnt=f_cnt)
    assert uplink(net.receive(packet(ack))).acknowledged == f_cnt
    repeated = net.receive(packet(ack))
    if confirmed:
        assert uplink(repeated).retransmission
    else:
        assert reason(repeated) is DropReason.DUPLICATE


@pytest.mark.parametrize("confirmed", [False, True])
def test_ack_of_1_1_that_was_answered_with_the_next_confirmed_downlink_is_heard_again(
    confirmed: bool,
) -> None:
    net, f_cnt = sent_confirmed_to_1_1()
    net.downlinks.put(Order("b", ABP.dev_eui, 10, b"shut", confirmed=True), None)
    ack = AIR_1_1.uplink(2, confirmed=confirmed, f_ctrl=ACK, conf_f_cnt=f_cnt)
    got = uplink(net.receive(packet(ack)))
    assert got.acknowledged == f_cnt
    assert got.session.mac.confirmed == f_cnt + 1
    repeated = net.receive(packet(ack))
    if confirmed:
        assert uplink(repeated).retransmission
    else:
        assert reason(repeated) is DropReason.DUPLICATE


def test_ack_of_1_1_for_the_downlink_before_is_none_for_the_last() -> None:
    net, f_cnt = sent_confirmed_to_1_1()
    net.downlinks.put(Order("b", ABP.dev_eui, 10, b"shut", confirmed=True), None)
    answer = uplink(net.receive(packet(AIR_1_1.uplink(2)))).answer
    assert answer is not None
    assert answer.downlink is not None
    net.downlinks.sent(answer.downlink, TxStatus.OK)
    late = AIR_1_1.uplink(3, b"level", f_ctrl=ACK, conf_f_cnt=f_cnt)
    got = uplink(net.receive(packet(late)))
    assert (got.frm_payload, got.acknowledged) == (b"level", None)
    assert [one.status for one in got.results] == [Verdict.NOT_ACKED]


def test_ack_of_1_1_that_comes_too_late_is_still_a_reading() -> None:
    """A class C device may have been speaking while the downlink came."""
    net, f_cnt = sent_confirmed_to_1_1()
    (missed,) = uplink(net.receive(packet(AIR_1_1.uplink(2)))).results
    assert missed.status is Verdict.NOT_ACKED
    late = AIR_1_1.uplink(3, b"level", f_ctrl=ACK, conf_f_cnt=f_cnt)
    got = uplink(net.receive(packet(late)))
    assert (got.frm_payload, got.acknowledged) == (b"level", None)


def test_pending_says_that_more_waits() -> None:
    street = Street()
    street.speaks(confirmed=True)  # the settings that the network has for it
    for name in "ab":
        street.order(name)
    street.now += 60
    first = street.speaks(confirmed=True).answer
    assert street.hears(first) is far.Heard.ACCEPTED
    assert (street.device.more_waits, street.device.acked) == (True, True)


def test_downlink_that_fits_rx1_alone_goes_there() -> None:
    street = Street()
    street.order(payload=bytes(100))
    answer = street.speaks(sf=7).answer
    assert answer is not None
    assert [window.number for window in answer.windows] == [1]
    assert street.hears(answer) is far.Heard.ACCEPTED


def test_downlink_that_fits_no_window_is_refused() -> None:
    street = Street()
    street.order(payload=bytes(100))
    outcome = street.speaks(sf=12)
    (result,) = outcome.results
    assert result.reason == "100 bytes, and 51 fit at the device's data rate"
    assert [row.state for row in outcome.changes.downlinks] == ["done"]
    assert outcome.answer is None or outcome.answer.downlink is None


def test_refused_transmission_goes_with_the_next_uplink() -> None:
    street = Street()
    street.order()
    assert street.sent(street.speaks().answer, TxStatus.TOO_LATE) == ["TOO_LATE"]
    street.now += 60
    assert street.hears(street.speaks().answer) is far.Heard.ACCEPTED
    assert street.device.received == [(10, b"open")]


def test_largest_payload_is_that_of_the_best_data_rate() -> None:
    assert (largest_payload(EU868), largest_payload(US915)) == (242, 242)
