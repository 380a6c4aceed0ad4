"""What a start makes of the store's sessions and of devices.toml."""

from dataclasses import replace

from lorawan_device import Air
from lorawan_network import (
    ABP,
    ABP_ADDR,
    ABP_EUI,
    AIR,
    DEV_EUI,
    JOIN_EUI,
    network,
    otaa,
    packet,
    reason,
    uplink,
)

from gateway.lorawan.network import Network
from gateway.lorawan.outcome import DropReason
from gateway.lorawan.session import Join, KnownState, Session


def stored(dev_eui: int = ABP_EUI, session: str = "01ab12cd00", f_cnt_up: int = 99) -> Session:
    keys = (b"N" * 16, b"N" * 16, b"N" * 16, b"A" * 16)
    return Session(dev_eui, bytes.fromhex(session), ABP_ADDR, *keys, f_cnt_up, 3, 20)


def after_start(*sessions: Session) -> Network:
    return network([ABP, otaa()], KnownState(sessions))


def test_stored_counters_of_abp_go_on() -> None:
    net = after_start(stored())
    assert reason(net.receive(packet(AIR.uplink(98)))) is DropReason.REPLAY
    assert uplink(net.receive(packet(AIR.uplink(100)))).f_cnt == 100


def test_downlink_counter_goes_on_where_the_reservation_ended() -> None:
    got = uplink(after_start(stored()).receive(packet(AIR.uplink(100, confirmed=True))))
    assert got.answer is not None
    assert AIR.hears(got.answer.phy_payload, 20) is not None


def test_unused_reservation_is_not_skipped_twice() -> None:
    session = stored()
    for _ in range(3):
        after_start(session)
    assert (session.f_cnt_down, session.f_cnt_down_reserved) == (20, 20)


def test_retransmission_across_a_restart_is_no_new_reading() -> None:
    got = uplink(after_start(stored()).receive(packet(AIR.uplink(99, confirmed=True))))
    assert got.retransmission
    assert got.answer is not None


def test_reset_counter_of_the_store_is_kept_and_the_highest_counts() -> None:
    net = after_start(stored(session="01ab12cd02", f_cnt_up=4), stored(session="01ab12cd01"))
    assert uplink(net.receive(packet(AIR.uplink(5)))).session_hex == "01ab12cd02"


def test_new_abp_keys_win_and_counters_stay() -> None:
    rekeyed = replace(ABP, nwk_s_key=b"M" * 16, app_s_key=b"B" * 16)
    net = network([rekeyed], KnownState((stored(),)))
    air = Air(ABP_ADDR, b"M" * 16, b"B" * 16)
    assert reason(net.receive(packet(AIR.uplink(100)))) is DropReason.BAD_MIC
    assert reason(net.receive(packet(air.uplink(5)))) is DropReason.REPLAY
    assert uplink(net.receive(packet(air.uplink(100, b"x")))).frm_payload == b"x"


def test_new_dev_addr_starts_new_counters() -> None:
    moved = replace(ABP, dev_addr=ABP_ADDR + 1)
    net = network([moved], KnownState((stored(),)))
    got = uplink(net.receive(packet(replace(AIR, dev_addr=ABP_ADDR + 1).uplink(0))))
    assert (got.f_cnt, got.session_hex) == (0, "01ab12ce00")
    assert reason(net.receive(packet(AIR.uplink(100)))) is DropReason.UNKNOWN_DEVICE


def test_session_from_when_the_device_was_otaa_lends_no_counter() -> None:
    by_chance = replace(stored(), dev_addr=ABP_ADDR + 1)
    for session in (stored(session="0000010001"), by_chance):
        got = uplink(after_start(session).receive(packet(AIR.uplink(0))))
        assert got.session_hex == "01ab12cd00"


def test_device_that_left_devices_toml_is_unknown() -> None:
    net = network([otaa()], KnownState((stored(),)))
    assert reason(net.receive(packet(AIR.uplink(100)))) is DropReason.UNKNOWN_DEVICE


def test_joined_session_of_the_store_goes_on() -> None:
    join = Join(DEV_EUI, JOIN_EUI, 0x0102, 9)
    net = network([otaa()], KnownState((stored(DEV_EUI, "0000090102"),), (join,)))
    assert uplink(net.receive(packet(AIR.uplink(100)))).session_hex == "0000090102"


def test_pending_session_survives_a_restart() -> None:
    joins = Join(DEV_EUI, JOIN_EUI, 1, 1), Join(DEV_EUI, JOIN_EUI, 2, 2)
    pending = replace(stored(DEV_EUI, "0000020002", f_cnt_up=-1), pending=True)
    pending.f_nwk_s_int_key = b"P" * 16
    net = network([otaa()], KnownState((stored(DEV_EUI, "0000010001"), pending), joins))
    assert uplink(net.receive(packet(AIR.uplink(100)))).session_hex == "0000010001"
    moved = uplink(net.receive(packet(replace(AIR, nwk_s_key=b"P" * 16).uplink(0))))
    assert moved.session_hex == "0000020002"
    assert moved.changes.ended == ((DEV_EUI, bytes.fromhex("0000010001")),)


def test_session_of_a_device_that_used_to_be_abp_is_not_heard() -> None:
    net = network([otaa()], KnownState((stored(DEV_EUI),)))
    assert reason(net.receive(packet(AIR.uplink(100)))) is DropReason.UNKNOWN_DEVICE
