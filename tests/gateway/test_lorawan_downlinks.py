"""The city's downlinks through the network server, heard by the demo's independent device.

In the answer to an uplink for class A, at once for class C.
"""

from dataclasses import dataclass, field, replace

import lorawan_1_1_device
import lorawan_1_1_oracle
import pytest
from lorawan_device import hears_join_accept, join_request
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
    reason,
    uplink,
)

from drivers.concentrator import Crc, RxPacket, TxStatus
from gateway.demo import device as far
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Answer, largest_payload
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import DropReason, Immediate, Uplink
from gateway.lorawan.queue import Order, Verdict
from gateway.lorawan.regions import REGIONS
from gateway.lorawan.regions.america import US915
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import Changes, KnownState

KEYS = far.Keys(ABP.dev_eui, dev_addr=ABP.dev_addr or 0, nwk_s_key=b"N" * 16, app_s_key=b"A" * 16)
KEYS_1_1 = replace(
    KEYS, lorawan="1.1", s_nwk_s_int_key=b"S" * 16, nwk_s_enc_key=b"E" * 16, nwk_s_key=b"F" * 16
)
ABP_1_1 = replace(
    ABP,
    lorawan="1.1",
    nwk_s_key=None,
    f_nwk_s_int_key=b"F" * 16,
    s_nwk_s_int_key=b"S" * 16,
    nwk_s_enc_key=b"E" * 16,
)
SECOND = 1_000_000
UNIX_S = 1_790_000_000
BOTH = pytest.mark.parametrize(("keys", "entry"), [(KEYS, ABP), (KEYS_1_1, ABP_1_1)])


@dataclass
class Street:
    """One device and its network; `now` in seconds."""

    keys: far.Keys = field(default_factory=lambda: KEYS)
    entry: Device = ABP
    now: float = 100.0

    def __post_init__(self) -> None:
        self.network: Network = network([self.entry])
        self.device = far.Device(self.keys, device_class=self.entry.device_class)

    @property
    def moment(self) -> Moment:
        return Moment(self.now, round((UNIX_S + self.now) * 1e9))

    def order(self, name: str = "a", **changes: object) -> None:
        order = replace(Order(name, ABP.dev_eui, 10, b"open"), **changes)  # type: ignore[arg-type]
        assert self.network.downlinks.put(order, None).results == ()

    def speaks(self, *, confirmed: bool = False, sf: int = 7) -> Uplink:
        self.device.settings.dr = 12 - sf
        sent = self.device.uplink(2, b"level", confirmed)
        self.device.sent(self.counter)
        heard = RxPacket(
            sent.phy_payload, self.counter, 1, sent.frequency, 125_000, sf, 1, -99.0, 5.0, Crc.OK
        )
        return uplink(self.network.receive(heard, self.moment))

    @property
    def counter(self) -> int:
        return round(self.now * SECOND) % 2**32

    def hears(self, answer: Answer | None, window: int = 0) -> far.Heard:
        """In one of the answer's windows."""
        assert answer is not None
        into = answer.windows[window]
        at = (self.counter + into.delay_us) % 2**32
        heard = self.device.hear(
            far.Downlink(answer.phy_payload, at, 0, into.frequency, into.sf, inverted=True)
        )
        assert self.device.violations == []
        return heard

    def sent(self, answer: Answer | None, status: TxStatus = TxStatus.OK) -> list[str]:
        assert answer is not None
        assert answer.downlink is not None
        step = self.network.downlinks.sent(answer.downlink, status)
        return [result.status for result in step.results]

    def listens(self) -> Answer | None:
        return self.network.downlink_now(ABP.dev_eui, self.moment).answer


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
    assert outcome.answer.downlink == 2


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


def test_downlink_that_was_told_of_stands_no_more() -> None:
    street = Street(entry=CLASS_C)
    street.order()
    answer = street.listens()
    assert answer is not None
    street.sent(answer)
    assert not street.network.stands(1, street.moment)


def test_nothing_waits_and_nothing_changes() -> None:
    found = Street(entry=CLASS_C).network.downlink_now(ABP.dev_eui, Moment(100.0))
    assert (found.answer, found.changes, found.results) == (None, Changes(), ())
