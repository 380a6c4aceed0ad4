"""Rejoins of LoRaWAN 1.1, and its sessions; the device is lorawan_1_1_device."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lorawan_1_1_device import join_keys
from lorawan_1_1_oracle import rejoin_request
from lorawan_1_1_world import ABP, DEVICE, NWK_KEY, REKEY_IND, World, accepted, rejoin
from lorawan_network import (
    DEV_EUI,
    HEARD,
    JOIN_EUI,
    copy_of,
    counted,
    joined,
    packet,
    reason,
    uplink,
)

from gateway.lorawan.activations import MOST_PENDING
from gateway.lorawan.adr import Link
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop, DropReason, Joined
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import Changes, KnownState, Rejoin

# --- rejoins ---


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_rejoin_opens_a_pending_session_beside_the_one_in_use(kind: int) -> None:
    world = World()
    old = world.settled(5).air
    got = joined(world.receive(rejoin(kind, old, 0)))
    accept = accepted(got, 0, kind)
    assert accept.join_nonce == 2
    assert got.session.id == bytes.fromhex("0000020000")
    assert got.session.pending
    assert len(world.sessions) == 2
    assert [window.delay_us for window in got.answer.windows] == [5_000_000, 6_000_000]
    assert uplink(world.receive(old.uplink(1))).f_cnt == 1, "it may not have heard the answer"
    moved = uplink(world.receive(accept.air.uplink(0, f_opts=REKEY_IND)))
    assert moved.session_hex == "0000020000"
    assert list(world.sessions) == [got.session.id]
    assert reason(world.receive(old.uplink(2))) is DropReason.UNKNOWN_DEVICE


def test_rejoin_2_keeps_the_radio_and_0_sets_it_anew() -> None:
    for kind, link in ((2, Link(5, 1)), (0, None)):
        world = World()
        air = world.settled(5).air
        world.receive(air.uplink(1, f_ctrl=0x80))
        fast = replace(packet(air.uplink(2, tx_dr=5, f_opts=b"\x03\x07")), sf=7, snr=-2.0)
        before = uplink(world.receive(fast)).session.mac
        assert (before.link, before.status_asked) == (Link(5, 1), 0)
        got = joined(world.receive(rejoin(kind, air, 0)))
        assert got.session.mac.status_asked is None, "its counter begins anew"
        assert got.session.mac.link == link
        assert got.session.mac.requested == ()
        assert len(got.answer.phy_payload) == (17 if kind == 2 else 33), "CFList"


@pytest.mark.parametrize("kind", [0, 2])
def test_rj_count_0_rises_within_its_session_across_restarts(kind: int) -> None:
    world = World()
    air = world.settled(5).air
    joined(world.receive(rejoin(kind, air, 3)))
    world.restart()
    for count in (3, 2):
        assert reason(world.receive(rejoin(kind, air, count))) is DropReason.RJ_COUNT_REUSED
    again = accepted(joined(world.receive(rejoin(2 - kind, air, 4))), 4, 2 - kind)
    uplink(world.receive(again.air.uplink(0, f_opts=REKEY_IND)))
    joined(world.receive(rejoin(kind, again.air, 0)))


def test_rj_count_1_rises_for_ever() -> None:
    world = World()
    air = world.settled(5).air
    joined(world.receive(rejoin(1, air, 3)))
    world.restart()
    assert reason(world.receive(rejoin(1, air, 3))) is DropReason.RJ_COUNT_REUSED
    world.settled(6)
    assert reason(world.receive(rejoin(1, air, 3))) is DropReason.RJ_COUNT_REUSED
    assert accepted(joined(world.receive(rejoin(1, air, 4))), 4, 1).join_nonce == 4


def test_rj_counts_are_apart() -> None:
    world = World()
    air = world.settled(5).air
    joined(world.receive(rejoin(1, air, 7)))
    joined(world.receive(rejoin(0, air, 0)))
    joined(world.receive(rejoin(1, air, 8)))
    assert world.rejoins[DEV_EUI, JOIN_EUI] == Rejoin(DEV_EUI, JOIN_EUI, 8, 4)


def test_join_nonce_goes_on_after_rejoins_and_a_restart() -> None:
    world = World()
    air = world.settled(5).air
    joined(world.receive(rejoin(0, air, 0)))
    world.restart()
    assert world.join(6).join_nonce == 3


def test_rejoin_1_finds_back_without_any_session() -> None:
    world = World()
    air = world.settled(5).air
    world.sessions.clear()
    world.restart()
    assert reason(world.receive(rejoin(0, air, 0))) is DropReason.BAD_MIC
    got = joined(world.receive(rejoin(1, air, 0)))
    assert uplink(world.receive(accepted(got, 0, 1).air.uplink(0))).f_cnt == 0


def test_rejoin_out_of_a_pending_session_settles_it() -> None:
    world = World()
    old = world.settled(5).air
    pending = world.join(6).air  # heard, but it rejoins before its first uplink
    got = joined(world.receive(rejoin(0, pending, 0)))
    assert reason(world.receive(old.uplink(1))) is DropReason.UNKNOWN_DEVICE
    world.restart()
    assert uplink(world.receive(pending.uplink(0))).f_cnt == 0, "it has not heard the answer"
    new = accepted(got, 0, 0).air
    assert uplink(world.receive(new.uplink(0))).session.id == got.session.id


def test_rejoin_1_out_of_a_session_that_was_not_heard_yet_does_not_lose_it() -> None:
    """The device has moved into the pending session; its type 1 does not say so."""
    world = World()
    old = world.settled(5).air
    moved = accepted(joined(world.receive(rejoin(0, old, 0))), 0, 0).air
    for count in range(MOST_PENDING - 1):
        joined(world.receive(rejoin(1, moved, count)))  # no answer is heard
        world.restart()
    assert uplink(world.receive(moved.uplink(0))).f_cnt == 0
    assert reason(world.receive(old.uplink(1))) is DropReason.UNKNOWN_DEVICE


@pytest.mark.parametrize("heard_in", range(4))
def test_device_is_heard_in_whichever_session_it_is_and_older_ones_end(heard_in: int) -> None:
    world = World()
    airs = [world.settled(5).air]
    for count in range(3):
        got = joined(world.receive(rejoin(1, airs[0], count)))
        airs.append(accepted(got, count, 1).air)
    uplink(world.receive(airs[heard_in].uplink(1)))
    world.restart()
    for air in airs[:heard_in]:
        assert reason(world.receive(air.uplink(2))) is DropReason.UNKNOWN_DEVICE
    for air in airs[heard_in:]:
        assert uplink(world.receive(air.uplink(2))).f_cnt == 2
    assert len(world.sessions) == 1


def test_uplink_that_was_held_back_does_not_end_the_session_since() -> None:
    world = World()
    first = accepted(joined(world.receive(rejoin(1, world.settled(5).air, 0))), 0, 1).air
    second = accepted(joined(world.receive(rejoin(1, first, 1))), 1, 1).air
    uplink(world.receive(first.uplink(0)))
    assert uplink(world.receive(second.uplink(0))).f_cnt == 0


@pytest.mark.parametrize("kind", [0, 2])
def test_rejoin_in_a_session_ends_the_older_ones_alone(kind: int) -> None:
    world = World()
    old = world.settled(5).air
    first = accepted(joined(world.receive(rejoin(1, old, 0))), 0, 1).air
    second = accepted(joined(world.receive(rejoin(1, old, 1))), 1, 1).air
    third = accepted(joined(world.receive(rejoin(kind, first, 0))), 0, kind).air
    world.restart()
    assert reason(world.receive(old.uplink(1))) is DropReason.UNKNOWN_DEVICE
    for air in (first, second, third):
        assert uplink(world.receive(air.uplink(0))).f_cnt == 0
    assert len(world.sessions) == 1


def test_sessions_of_one_device_are_bounded_on_disk_and_in_memory() -> None:
    world = World()
    air = world.settled(5).air
    for count in range(20):
        joined(world.receive(rejoin(count % 3, air, count)))
    assert len(world.sessions) == 1 + MOST_PENDING
    assert uplink(world.receive(air.uplink(1))).f_cnt == 1


def test_second_demodulators_rejoin_is_a_duplicate() -> None:
    world = World()
    heard = packet(rejoin(0, world.settled(5).air, 0))
    joined(world.receive(heard))
    assert reason(world.receive(copy_of(heard))) is DropReason.DUPLICATE


def test_foreign_rejoins_are_named() -> None:
    world = World()
    air = world.settled(5).air
    other_net = world.receive(rejoin(0, air, 0, net_id=0x13))
    assert reason(other_net) is DropReason.UNSUPPORTED
    js_int_key, _ = join_keys(NWK_KEY, DEV_EUI)
    other_join_eui = rejoin_request(js_int_key, 1, JOIN_EUI + 1, DEV_EUI, 0)
    assert reason(world.receive(other_join_eui)) is DropReason.UNKNOWN_JOIN_EUI
    stranger = rejoin_request(b"?" * 16, 0, 0, 0xDEAD, 0)
    assert reason(world.receive(stranger)) is DropReason.UNKNOWN_DEVICE
    of_abp = rejoin_request(b"?" * 16, 0, 0, ABP.dev_eui, 0)
    assert reason(world.receive(of_abp)) is DropReason.NOT_OTAA
    joined(world.receive(rejoin(0, air, 0)))


@given(st.sampled_from([0, 1, 2]), st.integers(0, 23), st.integers(1, 255))
def test_damaged_rejoin_never_passes(kind: int, at: int, flip: int) -> None:
    world = World()
    frame = bytearray(rejoin(kind, world.settled(5).air, 0))
    frame[at % len(frame)] ^= flip
    assert isinstance(world.receive(bytes(frame)), Drop | Joined)
    if frame[0] >> 5 == 6:
        assert isinstance(world.net.receive(packet(bytes(frame))), Drop)


# --- keys ---


def test_session_joined_with_other_root_keys_is_not_used() -> None:
    world = World()
    air = world.settled(5).air
    for changed in (replace(DEVICE, nwk_key=b"x" * 16), replace(DEVICE, app_key=b"x" * 16)):
        known = KnownState(tuple(map(replace, world.sessions.values())), world.joins)
        net = Network([changed], known, EU868, counted(), heard=HEARD)
        assert reason(net.receive(packet(air.uplink(1)))) is DropReason.UNKNOWN_DEVICE
    world.restart()
    assert uplink(world.receive(air.uplink(1))).changes == Changes()
