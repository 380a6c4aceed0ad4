"""LoRaWAN 1.1 in the network: joins, frames, ABP; the device is lorawan_1_1_device."""

from dataclasses import replace

import pytest
from lorawan_1_1_world import AIR, APP_KEY, DEVICE, NWK_KEY, REKEY_IND, World, answered
from lorawan_network import (
    DEV_EUI,
    EXTRA,
    HEARD,
    JOIN_EUI,
    joined,
    network,
    packet,
    reason,
    uplink,
)
from lorawan_oracle import join_request

from gateway.lorawan.adr import Link
from gateway.lorawan.device import Device
from gateway.lorawan.downlink import Application, compose
from gateway.lorawan.mac import commands_of
from gateway.lorawan.mac_state import FACTORY
from gateway.lorawan.outcome import Drop, DropReason
from gateway.lorawan.session import Session
from native import frames_1_1

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
