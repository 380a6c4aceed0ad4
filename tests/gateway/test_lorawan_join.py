"""Over-the-air activation by name of its rule; the device's side is tests/lorawan_device.py."""

import hashlib
from dataclasses import replace

import pytest
from lorawan_device import Accepted, Air, hears_join_accept, join_request
from lorawan_network import (
    ABP,
    ABP_EUI,
    APP_KEY,
    DEV_EUI,
    JOIN_EUI,
    copy_of,
    counted,
    joined,
    network,
    otaa,
    packet,
    reason,
    uplink,
)

from gateway.lorawan.activations import MOST_PENDING
from gateway.lorawan.downlink import Window
from gateway.lorawan.join import dev_addr_prefix, free_dev_addr
from gateway.lorawan.join_control import JoinControl
from gateway.lorawan.moment import Moment
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop, DropReason, Joined
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import Join, KnownState


def request(dev_nonce: int, key: bytes = APP_KEY, join_eui: int = JOIN_EUI) -> bytes:
    return join_request(key, join_eui, DEV_EUI, dev_nonce)


def accepted(outcome: Joined, dev_nonce: int) -> Accepted:
    return hears_join_accept(APP_KEY, dev_nonce, outcome.answer.phy_payload)


def join(net: Network, dev_nonce: int) -> Air:
    return accepted(joined(net.receive(packet(request(dev_nonce)))), dev_nonce).air


def test_join_accept_says_what_the_device_needs() -> None:
    got = joined(network([otaa()]).receive(packet(request(0x1234))))
    accept = accepted(got, 0x1234)
    assert (accept.join_nonce, accept.net_id) == (1, 0)
    assert (accept.dl_settings, accept.rx_delay) == (0, 1)
    # 8 671 000 = 0x844f18 in units of 100 Hz, least significant byte first; type 0
    assert accept.cf_list.hex() == "184f84" + "e85684" + "b85e84" + "886684" + "586e84" + "00"
    assert accept.air.dev_addr == got.session.dev_addr
    assert accept.air.nwk_s_key == got.session.f_nwk_s_int_key
    assert accept.air.app_s_key == got.session.app_s_key


def test_join_leaves_its_nonces_and_a_pending_session() -> None:
    got = joined(network([otaa()]).receive(packet(request(0x1234))))
    assert got.changes.joins == (Join(DEV_EUI, JOIN_EUI, 0x1234, 1),)
    assert got.changes.sessions == (got.session,)
    assert got.changes.ended == ()
    assert got.session.pending


def test_join_is_answered_after_five_or_six_seconds() -> None:
    got = joined(network([otaa()]).receive(packet(request(1))))
    assert got.answer.dev_eui == DEV_EUI
    assert got.answer.windows == (
        Window(1, 5_000_000, 868_300_000, 9, 125_000, 16, 123),
        Window(2, 6_000_000, 869_525_000, 12, 125_000, 29, 59),
    )


def test_uplink_of_a_joined_session_has_d2s_id() -> None:
    net = network([otaa()])
    join(net, 7)
    got = uplink(net.receive(packet(join(net, 0x1234).uplink(3, b"full"))))
    session = bytes.fromhex("000002" + "1234")
    identity = bytes.fromhex("70b3d57ed0000001") + session + bytes([0, 0, 0, 3])
    assert (got.frm_payload, got.session_hex) == (b"full", session.hex())
    assert got.reading_id == hashlib.sha256(identity).hexdigest()[:32]


def test_first_uplink_is_committed_and_ends_the_session_before() -> None:
    net = network([otaa()])
    old_air = join(net, 1)
    first = uplink(net.receive(packet(old_air.uplink(0))))
    assert (first.changes.sessions, first.changes.ended) == ((first.session,), ())
    new_air = join(net, 2)
    moved = uplink(net.receive(packet(new_air.uplink(0))))
    assert moved.answer is None
    assert not moved.session.pending
    assert moved.changes.sessions == (moved.session,)
    assert moved.changes.ended == ((DEV_EUI, first.session.id),)
    assert reason(net.receive(packet(old_air.uplink(1)))) is DropReason.UNKNOWN_DEVICE
    assert uplink(net.receive(packet(new_air.uplink(1)))).changes.sessions == ()


def test_lost_join_accept_leaves_the_old_session_alive() -> None:
    net = network([otaa()])
    air = join(net, 1)
    net.receive(packet(air.uplink(0)))
    join(net, 2)  # never heard
    assert uplink(net.receive(packet(air.uplink(1)))).f_cnt == 1
    later = join(net, 3)
    assert uplink(net.receive(packet(air.uplink(2)))).f_cnt == 2
    assert uplink(net.receive(packet(later.uplink(0)))).f_cnt == 0


def test_second_join_leaves_a_session_that_was_not_used_yet() -> None:
    """Its Join-Request may be an old one that somebody held back."""
    net = network([otaa()])
    first = joined(net.receive(packet(request(1))))
    second = joined(net.receive(packet(request(2))))
    assert second.changes.ended == ()
    air = accepted(first, 1).air
    assert uplink(net.receive(packet(air.uplink(0)))).changes.ended == ()
    later = uplink(net.receive(packet(accepted(second, 2).air.uplink(0))))
    assert later.changes.ended == ((DEV_EUI, first.session.id),)


def test_oldest_of_too_many_pending_sessions_ends_and_the_one_in_use_stays() -> None:
    net = network([otaa()])
    in_use = join(net, 1)
    uplink(net.receive(packet(in_use.uplink(0))))
    pending = [joined(net.receive(packet(request(2 + n)))) for n in range(MOST_PENDING + 2)]
    ended = [one.changes.ended for one in pending]
    assert ended[:MOST_PENDING] == [()] * MOST_PENDING
    assert ended[MOST_PENDING:] == [((DEV_EUI, one.session.id),) for one in pending[:2]]
    assert uplink(net.receive(packet(in_use.uplink(1)))).f_cnt == 1
    gone, kept = accepted(pending[1], 3).air, accepted(pending[2], 4).air
    assert reason(net.receive(packet(gone.uplink(0)))) is DropReason.UNKNOWN_DEVICE
    assert uplink(net.receive(packet(kept.uplink(0)))).f_cnt == 0


def test_second_demodulators_join_request_is_a_duplicate() -> None:
    net = network([otaa()])
    heard = packet(request(1))
    net.receive(heard)
    assert net.receive(copy_of(heard)) == Drop(DropReason.DUPLICATE, dev_eui=DEV_EUI)


def test_replay_in_the_moment_of_another_join_is_no_duplicate() -> None:
    net = network([otaa()])
    net.receive(packet(request(1)))
    heard = packet(request(2))
    net.receive(heard)
    replayed = replace(copy_of(heard), payload=request(1))
    assert reason(net.receive(replayed)) is DropReason.DEV_NONCE_REUSED


@pytest.mark.parametrize("version", ["1.0.2", "1.0.3", "1.0.4"])
def test_dev_nonce_is_accepted_once(version: str) -> None:
    net = network([otaa(version)])  # type: ignore[arg-type]
    for dev_nonce in (5, 9):
        joined(net.receive(packet(request(dev_nonce))))
    for dev_nonce in (5, 9):
        dropped = net.receive(packet(request(dev_nonce)))
        assert dropped == Drop(DropReason.DEV_NONCE_REUSED, dev_eui=DEV_EUI)


def test_dev_nonce_is_random_before_1_0_4_and_rises_from_then_on() -> None:
    for version, lower_is_taken in (("1.0.2", True), ("1.0.3", True), ("1.0.4", False)):
        net = network([otaa(version)])  # type: ignore[arg-type]
        net.receive(packet(request(500)))
        assert isinstance(net.receive(packet(request(499))), Joined) is lower_is_taken
        joined(net.receive(packet(request(501))))


def test_nonces_are_remembered_across_restarts() -> None:
    known = KnownState(joins=(Join(DEV_EUI, JOIN_EUI, 8, 41), Join(DEV_EUI, JOIN_EUI, 5, 40)))
    net = network([otaa()], known)
    assert reason(net.receive(packet(request(5)))) is DropReason.DEV_NONCE_REUSED
    assert accepted(joined(net.receive(packet(request(6)))), 6).join_nonce == 42


def test_dev_nonces_are_spent_per_join_eui_and_join_nonces_per_device() -> None:
    net = network([otaa()], KnownState(joins=(Join(DEV_EUI, JOIN_EUI + 1, 5, 40),)))
    assert accepted(joined(net.receive(packet(request(5)))), 5).join_nonce == 41


def test_refused_join_spends_nothing() -> None:
    net = network([otaa()])
    refused = packet(request(1, key=b"?" * 16))
    assert net.receive(refused) == Drop(DropReason.BAD_MIC, dev_eui=DEV_EUI)
    assert accepted(joined(net.receive(packet(request(1)))), 1).join_nonce == 1


def test_foreign_join_requests_are_named() -> None:
    net = network([otaa(), ABP])
    other_join_eui = net.receive(packet(request(1, join_eui=JOIN_EUI + 1)))
    assert other_join_eui == Drop(DropReason.UNKNOWN_JOIN_EUI, dev_eui=DEV_EUI)
    stranger = join_request(APP_KEY, JOIN_EUI, 0xDEAD, 1)
    assert net.receive(packet(stranger)) == Drop(DropReason.UNKNOWN_DEVICE, dev_eui=0xDEAD)
    of_abp = join_request(APP_KEY, JOIN_EUI, ABP_EUI, 1)
    assert net.receive(packet(of_abp)) == Drop(DropReason.NOT_OTAA, dev_eui=ABP_EUI)
    assert reason(net.receive(packet(request(1)[:-1]))) is DropReason.MALFORMED


@pytest.mark.parametrize(
    ("net_id", "first", "last"),
    [
        (0x000000, 0x00000000, 0x01FFFFFF),
        (0x000001, 0x02000000, 0x03FFFFFF),
        (0x000013, 0x26000000, 0x27FFFFFF),
        (0x20000A, 0x8A000000, 0x8AFFFFFF),
        (0x400003, 0xC0300000, 0xC03FFFFF),
        (0x600001, 0xE0020000, 0xE003FFFF),
        (0x801801, 0xF4008000, 0xF400FFFF),  # of the NetID's 21 bits twelve fit
        (0xA00001, 0xF8002000, 0xF8003FFF),
        (0xC00035, 0xFC00D400, 0xFC00D7FF),
        (0xE00001, 0xFE000080, 0xFE0000FF),
    ],
)
def test_dev_addr_lies_in_the_block_of_the_net_id(net_id: int, first: int, last: int) -> None:
    prefix, bits = dev_addr_prefix(net_id)
    assert (prefix, prefix + (1 << bits) - 1) == (first, last)
    assert free_dev_addr(net_id, b"\0" * 4, lambda _: False) == first
    assert free_dev_addr(net_id, b"\xff" * 4, lambda _: False) == last


def test_taken_dev_addr_is_not_given_again_while_one_is_free() -> None:
    block = range(0xFE000080, 0xFE000100)
    assert free_dev_addr(0xE00001, b"\x7f", {0xFE0000FF}.__contains__) == 0xFE000080
    all_but_one = set(block) - {0xFE000085}
    assert free_dev_addr(0xE00001, b"\x00", all_but_one.__contains__) == 0xFE000085
    assert free_dev_addr(0xE00001, b"\x03", set(block).__contains__) == 0xFE000083


def test_two_joins_never_share_a_dev_addr_by_chance() -> None:
    devices = [otaa(dev_eui=n) for n in range(2)]
    net = Network(devices, KnownState(), EU868, lambda size: b"\x55" * size, net_id=1)
    got = [joined(net.receive(packet(join_request(APP_KEY, JOIN_EUI, n, 1)))) for n in range(2)]
    assert [one.session.dev_addr for one in got] == [0x03555555, 0x03555556]


def test_ended_session_frees_its_dev_addr() -> None:
    net = Network([otaa()], KnownState(), EU868, bytes)
    joins = MOST_PENDING + 2
    assert [join(net, n).dev_addr for n in range(joins)] == [*range(MOST_PENDING), 0, 1]


def test_random_bytes_decide_the_dev_addr() -> None:
    net = Network([otaa()], KnownState(), EU868, counted())
    assert [join(net, n).dev_addr for n in range(3)] == [0, 1, 2]


def controlled(control: JoinControl, net_id: int = 0) -> Network:
    return Network([otaa()], KnownState(), EU868, counted(), net_id, join_control=control)


def test_refused_by_control_says_so_and_leaves_the_dev_nonce_unspent() -> None:
    control = JoinControl(is_open=False)
    net, asked = controlled(control), request(1)
    drop = net.receive(packet(asked))
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.dev_eui) == (DropReason.JOIN_CLOSED, DEV_EUI)
    assert drop.is_join
    assert "kogge join open" in drop.says
    control.open_until(60)
    assert reason(net.receive(packet(asked), Moment(60))) is DropReason.JOIN_CLOSED
    assert isinstance(net.receive(packet(asked), Moment(59)), Joined)


def test_strangers_requests_use_no_join_up() -> None:
    net = controlled(JoinControl(joins_per_minute=1))
    for nonce in range(10):
        assert reason(net.receive(packet(request(nonce, b"x" * 16)))) is DropReason.BAD_MIC
    assert isinstance(net.receive(packet(request(1))), Joined)
    assert reason(net.receive(packet(request(2)))) is DropReason.JOIN_RATE
    assert isinstance(net.receive(packet(request(2)), Moment(61)), Joined)
