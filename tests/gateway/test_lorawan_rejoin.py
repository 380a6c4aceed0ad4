"""LoRaWAN 1.1 in the network: joins, sessions, rejoins; the device is lorawan_1_1_device."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lorawan_1_1_device import Accepted, Air, Downlink, hears_join_accept, join_keys
from lorawan_1_1_oracle import Keys, rejoin_request
from lorawan_network import (
    DEV_EUI,
    EXTRA,
    HEARD,
    JOIN_EUI,
    copy_of,
    counted,
    joined,
    network,
    packet,
    reason,
    uplink,
)
from lorawan_oracle import join_request

from drivers.concentrator import RxPacket
from gateway.lorawan.activations import MOST_PENDING
from gateway.lorawan.adr import Link
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Application, compose
from gateway.lorawan.mac import commands_of
from gateway.lorawan.mac_state import FACTORY
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop, DropReason, Joined, Uplink
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import Changes, Join, KnownState, Rejoin, Session
from native import frames_1_1

NWK_KEY, APP_KEY = b"n" * 16, b"a" * 16
DEVICE = Device(
    DEV_EUI, "meter", lorawan="1.1", join_eui=JOIN_EUI, app_key=APP_KEY, nwk_key=NWK_KEY
)
ABP_ADDR = 0x01AB12CD
ABP_KEYS = Keys(b"f" * 16, b"s" * 16, b"e" * 16, b"a" * 16)
ABP = Device(
    DEV_EUI + 1,
    "pump",
    lorawan="1.1",
    dev_addr=ABP_ADDR,
    f_nwk_s_int_key=ABP_KEYS.f_nwk_s_int,
    s_nwk_s_int_key=ABP_KEYS.s_nwk_s_int,
    nwk_s_enc_key=ABP_KEYS.nwk_s_enc,
    app_s_key=ABP_KEYS.app_s,
)
AIR = Air(ABP_ADDR, ABP_KEYS)
REKEY_IND = b"\x0b\x01"


class World:
    """A network and its disk, which knows what was committed, no more."""

    def __init__(self) -> None:
        self.sessions: dict[bytes, Session] = {}
        self.joins: tuple[Join, ...] = ()
        self.rejoins: dict[tuple[int, int], Rejoin] = {}
        self.restart()

    def restart(self) -> None:
        sessions = tuple(replace(one) for one in self.sessions.values())
        known = KnownState(sessions, self.joins, rejoins=tuple(self.rejoins.values()))
        self.net = network([DEVICE, ABP], known)

    def receive(self, payload: bytes | RxPacket) -> Joined | Uplink | Drop:
        heard = packet(payload) if isinstance(payload, bytes) else payload
        outcome = self.net.receive(heard)
        if not isinstance(outcome, Drop):
            for _, ended in outcome.changes.ended:
                del self.sessions[ended]
            self.sessions |= {one.id: replace(one) for one in outcome.changes.sessions}
            self.joins += outcome.changes.joins
            self.rejoins |= {(one.dev_eui, one.join_eui): one for one in outcome.changes.rejoins}
        return outcome

    def join(self, dev_nonce: int) -> Accepted:
        request = join_request(NWK_KEY, JOIN_EUI, DEV_EUI, dev_nonce)
        return accepted(joined(self.receive(request)), dev_nonce)

    def settled(self, dev_nonce: int) -> Accepted:
        accept = self.join(dev_nonce)
        uplink(self.receive(accept.air.uplink(0, f_opts=REKEY_IND)))
        return accept


def accepted(got: Joined, nonce: int, kind: int = 0xFF) -> Accepted:
    return hears_join_accept(
        NWK_KEY, APP_KEY, DEV_EUI, JOIN_EUI, nonce, got.answer.phy_payload, kind
    )


def answered(air: Air, outcome: object, f_cnt: int, conf_f_cnt: int = 0) -> Downlink:
    got = uplink(outcome)
    assert got.answer is not None
    heard = air.hears(got.answer.phy_payload, f_cnt, conf_f_cnt)
    assert heard is not None
    return heard


def rejoin(kind: int, air: Air, count: int, net_id: int = 0) -> bytes:
    if kind == 1:
        return rejoin_request(join_keys(NWK_KEY, DEV_EUI)[0], 1, JOIN_EUI, DEV_EUI, count)
    return rejoin_request(air.keys.s_nwk_s_int, kind, net_id, DEV_EUI, count)


# --- joins ---


def test_join_accept_has_opt_neg_and_the_keys_of_1_1() -> None:
    world = World()
    accept = world.join(5)
    assert (accept.join_nonce, accept.net_id, accept.dl_settings, accept.rx_delay) == (
        1,
        0,
        0x80,
        1,
    )
    (session,) = world.sessions.values()
    keys = accept.air.keys
    assert (session.f_nwk_s_int_key, session.s_nwk_s_int_key) == (
        keys.f_nwk_s_int,
        keys.s_nwk_s_int,
    )
    assert (session.nwk_s_enc_key, session.app_s_key) == (keys.nwk_s_enc, keys.app_s)
    assert (session.version, session.pending) == ("1.1", True)


@pytest.mark.parametrize(
    ("said", "abp", "kept"),
    [
        ("0b01", False, 1),
        ("0b02", False, 1),
        ("0b00", False, 0),
        ("0b01", True, 0),
        ("0101", True, 1),
        ("0100", True, 0),
        ("0101", False, 0),
    ],
)
def test_version_is_told_to_whom_it_may_be_told(said: str, abp: bool, kept: int) -> None:
    """RekeyInd is for OTAA, ResetInd for ABP; a conf says 1.1, which is no later than they are."""
    parsed = commands_of(bytes.fromhex(said), 1, b"", "1.1", abp=abp)
    assert (len(parsed.commands), parsed.misplaced) == (kept, 1 - kept)


def test_rekey_ind_is_confirmed_until_it_ends_and_settles_the_session() -> None:
    world = World()
    air = world.join(5).air
    for f_cnt in range(3):
        got = uplink(world.receive(air.uplink(f_cnt, f_opts=REKEY_IND)))
        assert not got.session.pending
        assert answered(air, got, f_cnt).commands[:2] == b"\x0b\x01"
    assert uplink(world.receive(air.uplink(3))).answer is None


def test_dev_nonce_of_1_1_rises() -> None:
    world = World()
    world.join(5)
    for dev_nonce in (5, 4):
        request = join_request(NWK_KEY, JOIN_EUI, DEV_EUI, dev_nonce)
        assert reason(world.receive(request)) is DropReason.DEV_NONCE_REUSED
    assert world.join(6).join_nonce == 2


def test_join_request_signed_with_app_key_is_a_bad_mic() -> None:
    drop = World().receive(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1))
    assert isinstance(drop, Drop)
    assert (drop.reason, "NwkKey differs" in drop.says) == (DropReason.BAD_MIC, True)


def test_1_0_device_beside_it_is_as_before() -> None:
    old = Device(9, "old", join_eui=JOIN_EUI, app_key=APP_KEY)
    got = joined(network([old, DEVICE]).receive(packet(join_request(APP_KEY, JOIN_EUI, 9, 1))))
    assert got.session.version == "1.0"
    assert got.session.f_nwk_s_int_key == got.session.nwk_s_enc_key


# --- frames ---


def test_mic_covers_the_channels_number_and_the_data_rate() -> None:
    world = World()
    air = world.settled(5).air
    assert HEARD.index(867_300_000) == EXTRA[1][0] == 4
    frame = replace(packet(air.uplink(1, tx_ch=4)), frequency=867_300_000)
    assert uplink(world.receive(frame)).f_cnt == 1
    assert reason(world.receive(air.uplink(2, tx_ch=4))) is DropReason.BAD_MIC
    assert reason(world.receive(air.uplink(2, tx_dr=4))) is DropReason.BAD_MIC
    slower = replace(packet(air.uplink(2, tx_dr=0)), sf=12)
    assert uplink(world.receive(slower)).f_cnt == 2


def test_ack_names_the_uplink_that_it_acknowledges() -> None:
    world = World()
    air = world.settled(5).air
    got = world.receive(air.uplink(9, confirmed=True))
    assert answered(air, got, 1, conf_f_cnt=9).f_ctrl & 0x20
    assert air.hears(uplink(got).answer.phy_payload, 1, conf_f_cnt=8) is None  # type: ignore[union-attr]


def test_two_downlink_counters_and_an_ack_that_names_its_downlink() -> None:
    world = World()
    air = world.settled(5).air
    (session,) = world.sessions.values()
    keys = frames_1_1.SessionKeys(session.dev_addr, *vars_of(session))
    for n in range(3):
        down = compose(
            session, keys, ack=None, adr=True, commands=(), room=59,
            application=Application(7, b"open", confirmed=True),
        )  # fmt: skip
        assert down.f_cnt == n
        heard = air.hears(down.phy_payload, n)
        assert heard is not None
        assert (heard.f_port, heard.frm_payload, heard.confirmed) == (7, b"open", True)
    assert (session.f_cnt_down, session.a_f_cnt_down) == (1, 3)
    assert session.a_f_cnt_down < session.a_f_cnt_down_reserved
    assert session.mac.awaits_ack == 2
    world.restart()
    forged = air.uplink(1, f_ctrl=0x20, conf_f_cnt=0)
    assert reason(world.receive(forged)) is DropReason.BAD_MIC
    assert uplink(world.receive(air.uplink(1, f_ctrl=0x20, conf_f_cnt=2))).acknowledged == 2


def vars_of(session: Session) -> tuple[bytes, bytes, bytes, bytes]:
    return (
        session.f_nwk_s_int_key,
        session.s_nwk_s_int_key,
        session.nwk_s_enc_key,
        session.app_s_key,
    )


def test_abp_device_of_1_1_resets_its_mac_state_and_is_told_so() -> None:
    world = World()
    got = uplink(world.receive(AIR.uplink(1, confirmed=True)))
    assert got.session.mac.tries == 1
    heard = answered(AIR, world.receive(AIR.uplink(2, f_opts=b"\x01\x01")), 1)
    assert heard.commands[:2] == b"\x01\x01"
    assert world.sessions[got.session.id].mac.link == Link(3)
    assert world.sessions[got.session.id].mac.channels == FACTORY.channels


def test_otaa_device_of_1_1_cannot_reset_its_mac_state() -> None:
    world = World()
    air = world.settled(5).air
    got = uplink(world.receive(air.uplink(1, f_opts=b"\x01\x01\x02", confirmed=True)))
    assert got.skipped_commands == 1
    assert got.session.mac.channels == EXTRA[:5]
    assert answered(air, got, 1, 1).commands[:1] == b"\x02", "LinkCheckReq alone is answered"


def test_abp_device_of_1_1_made_with_our_channels_is_heard_on_them() -> None:
    frame = replace(packet(AIR.uplink(1, tx_ch=7)), frequency=867_900_000)
    assert uplink(World().receive(frame)).f_cnt == 1


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


def test_changed_root_key_ends_the_session_at_load() -> None:
    world = World()
    air = world.settled(5).air
    for changed in (replace(DEVICE, nwk_key=b"x" * 16), replace(DEVICE, app_key=b"x" * 16)):
        known = KnownState(tuple(map(replace, world.sessions.values())), world.joins)
        net = Network([changed], known, EU868, counted(), heard=HEARD)
        assert reason(net.receive(packet(air.uplink(1)))) is DropReason.UNKNOWN_DEVICE
    world.restart()
    assert uplink(world.receive(air.uplink(1))).changes == Changes()
