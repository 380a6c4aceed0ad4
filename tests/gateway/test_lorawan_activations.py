"""What devices.toml makes of the sessions that there are, at a start and when it changes."""

from dataclasses import replace
from typing import Any

import pytest
from lorawan_1_1_device import Air as Air11
from lorawan_1_1_oracle import Keys
from lorawan_device import Air, join_request
from lorawan_network import (
    ABP,
    ABP_ADDR,
    ABP_EUI,
    AIR,
    APP_KEY,
    DEV_EUI,
    JOIN_EUI,
    copy_of,
    network,
    otaa,
    packet,
    reason,
    uplink,
)
from lorawan_oracle import session_keys

from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop, DropReason, Joined
from gateway.lorawan.session import Changes, Join, KnownState, Session


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


def test_both_counters_of_1_1_go_on_where_their_reservations_ended() -> None:
    session = replace(stored(), version="1.1", a_f_cnt_down=5, a_f_cnt_down_reserved=37)
    session.skip_reserved()
    assert (session.next_f_cnt_down(0), session.next_f_cnt_down(1)) == (20, 37)


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


def test_counters_of_abp_stay_when_its_version_changes() -> None:
    """A session of the same id with counters of its own would be lost among those on disk."""
    keys = Keys(b"F" * 16, b"S" * 16, b"E" * 16, b"A" * 16)
    changed = replace(
        ABP,
        lorawan="1.1",
        f_nwk_s_int_key=keys.f_nwk_s_int,
        s_nwk_s_int_key=keys.s_nwk_s_int,
        nwk_s_enc_key=keys.nwk_s_enc,
    )
    net, air = network([changed], KnownState((stored(),))), Air11(ABP_ADDR, keys)
    assert reason(net.receive(packet(air.uplink(0)))) is DropReason.REPLAY
    got = uplink(net.receive(packet(air.uplink(100, confirmed=True))))
    assert (got.session.version, got.session_hex) == ("1.1", "01ab12cd00")
    assert got.answer is not None
    assert air.hears(got.answer.phy_payload, 20, conf_f_cnt=100) is not None
    assert got.session.next_f_cnt_down(1) == 20, "not 0: AppSKey may be the same"


def test_session_from_when_the_device_was_otaa_lends_no_counter() -> None:
    by_chance = replace(stored(), dev_addr=ABP_ADDR + 1)
    for session in (stored(session="0000010001"), by_chance):
        got = uplink(after_start(session).receive(packet(AIR.uplink(0))))
        assert got.session_hex == "01ab12cd00"


def test_device_that_left_devices_toml_is_unknown() -> None:
    net = network([otaa()], KnownState((stored(),)))
    assert reason(net.receive(packet(AIR.uplink(100)))) is DropReason.UNKNOWN_DEVICE


def joined(dev_nonce: int, join_nonce: int, **more: Any) -> tuple[Session, Air]:
    """What the store has of a join, and the device's side of it."""
    nwk_s_key, app_s_key = session_keys(APP_KEY, join_nonce, 0, dev_nonce)
    id_ = join_nonce.to_bytes(3, "big") + dev_nonce.to_bytes(2, "big")
    keys = (nwk_s_key, nwk_s_key, nwk_s_key, app_s_key)
    session = Session(DEV_EUI, id_, ABP_ADDR, *keys, **more)
    return session, Air(ABP_ADDR, nwk_s_key, app_s_key)


def test_joined_session_of_the_store_goes_on() -> None:
    session, air = joined(0x0102, 9, f_cnt_up=99)
    join = Join(DEV_EUI, JOIN_EUI, 0x0102, 9)
    net = network([otaa()], KnownState((session,), (join,)))
    assert uplink(net.receive(packet(air.uplink(100)))).session_hex == "0000090102"


def test_session_joined_with_another_root_key_is_not_used() -> None:
    session, air = joined(1, 1, f_cnt_up=99)
    net = network([replace(otaa(), app_key=b"?" * 16)], KnownState((session,)))
    assert reason(net.receive(packet(air.uplink(100)))) is DropReason.UNKNOWN_DEVICE


def test_session_is_back_when_a_mistyped_root_key_is_corrected() -> None:
    session, air = joined(1, 1, f_cnt_up=99)
    network([replace(otaa(), app_key=b"?" * 16)], KnownState((session,)))
    corrected = network([otaa()], KnownState((session,)))
    assert uplink(corrected.receive(packet(air.uplink(100)))).f_cnt == 100


def test_session_joined_under_another_net_id_goes_on() -> None:
    nwk_s_key, app_s_key = session_keys(APP_KEY, 1, 0x13, 1)
    keys = (nwk_s_key, nwk_s_key, nwk_s_key, app_s_key)
    session = Session(DEV_EUI, bytes.fromhex("0000010001"), ABP_ADDR, *keys, net_id=0x13)
    net = network([otaa()], KnownState((session,)))
    assert uplink(net.receive(packet(Air(ABP_ADDR, nwk_s_key, app_s_key).uplink(1)))).f_cnt == 1


def test_pending_session_survives_a_restart() -> None:
    joins = Join(DEV_EUI, JOIN_EUI, 1, 1), Join(DEV_EUI, JOIN_EUI, 2, 2)
    (in_use, old), (pending, new) = joined(1, 1), joined(2, 2, pending=True)
    net = network([otaa()], KnownState((in_use, pending), joins))
    assert uplink(net.receive(packet(old.uplink(100)))).session_hex == "0000010001"
    moved = uplink(net.receive(packet(new.uplink(0))))
    assert moved.session_hex == "0000020002"
    assert moved.changes.ended == ((DEV_EUI, bytes.fromhex("0000010001")),)


def test_session_of_a_device_that_used_to_be_abp_is_not_heard() -> None:
    net = network([otaa()], KnownState((stored(DEV_EUI),)))
    assert reason(net.receive(packet(AIR.uplink(100)))) is DropReason.UNKNOWN_DEVICE


# --- counters of ABP devices ---


def test_joined_session_counts_from_the_start() -> None:
    session, air = joined(1, 1)
    net = network([otaa()], KnownState((session,)))
    assert reason(net.receive(packet(air.uplink(65_536)))) is DropReason.BAD_MIC


@pytest.mark.parametrize("last", [300, 70_000, 200_000])
def test_abp_device_that_was_reset_is_refused_and_told_how_to_allow_it(last: int) -> None:
    net = network([ABP])
    net.receive(packet(AIR.uplink(last)))
    drop = net.receive(packet(AIR.uplink(0)))
    assert isinstance(drop, Drop)
    assert drop.reason is DropReason.REPLAY
    assert "reset_f_cnt = true" in drop.says


RESETS = replace(ABP, reset_f_cnt=True)


@pytest.mark.parametrize("last", [300, 70_000])
def test_allowed_reset_opens_a_session_of_its_own(last: int) -> None:
    net = network([RESETS])
    first = uplink(net.receive(packet(AIR.uplink(last, confirmed=True))))
    heard = packet(AIR.uplink(3, b"x", confirmed=True))
    begun = uplink(net.receive(heard))
    assert begun.begun_anew
    assert (begun.f_cnt, begun.session_hex) == (3, "01ab12cd01")
    assert begun.changes == Changes((begun.session,), ((ABP_EUI, first.session.id),))
    assert reason(net.receive(copy_of(heard))) is DropReason.DUPLICATE
    assert begun.answer is not None
    assert AIR.hears(begun.answer.phy_payload, 1) is not None, "downlinks go on counting"
    again = network([RESETS], KnownState((replace(begun.session),)))
    assert uplink(again.receive(packet(AIR.uplink(4)))).session_hex == "01ab12cd01"


def test_downlink_counter_that_a_reset_device_would_refuse_begins_anew() -> None:
    session = replace(stored(), f_cnt_down_reserved=20_000)
    begun = uplink(network([RESETS], KnownState((session,))).receive(packet(AIR.uplink(0))))
    assert (begun.session.f_cnt_down, begun.session.f_cnt_up) == (0, 0)


def test_downlink_counter_of_1_0_4_never_begins_anew() -> None:
    """TS001-1.0.4 knows no MAX_FCNT_GAP: the device takes any counter that is higher."""
    session = replace(stored(f_cnt_up=300), f_cnt_down_reserved=20_000)
    net = network([replace(RESETS, lorawan="1.0.4")], KnownState((session,)))
    answer = uplink(net.receive(packet(AIR.uplink(0, confirmed=True)))).answer
    assert answer is not None
    assert AIR.hears(answer.phy_payload, 20_000) is not None


def test_counter_too_high_for_a_reset_is_a_replay() -> None:
    net = network([RESETS])
    net.receive(packet(AIR.uplink(300)))
    assert reason(net.receive(packet(AIR.uplink(256)))) is DropReason.REPLAY


def test_resets_are_counted_to_their_end() -> None:
    net = network([RESETS], KnownState((stored(session="01ab12cdff"),)))
    drop = net.receive(packet(AIR.uplink(0)))
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.is_join) == (DropReason.RESETS_SPENT, True)
    assert "255 resets are spent" in drop.says


def test_device_described_in_a_running_gateway_is_heard_at_once() -> None:
    net = network([])
    assert reason(net.receive(packet(AIR.uplink(5)))) is DropReason.UNKNOWN_DEVICE
    net.describe([ABP, otaa()])
    assert uplink(net.receive(packet(AIR.uplink(5)))).f_cnt == 5
    asked = join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)
    assert isinstance(net.receive(packet(asked)), Joined)


def test_others_notice_nothing_of_a_new_description() -> None:
    """Not even the last frame is taken twice, nor a history begun anew."""
    net = network([ABP])
    uplink(net.receive(packet(AIR.uplink(5, f_ctrl=0x80))))
    (before,) = net.sessions(ABP_EUI)
    net.describe([otaa(), ABP])
    (after,) = net.sessions(ABP_EUI)
    assert after is before
    assert reason(net.receive(packet(AIR.uplink(5)))) is DropReason.DUPLICATE


def test_name_changes_within_a_session() -> None:
    net = network([ABP])
    uplink(net.receive(packet(AIR.uplink(5, f_ctrl=0x80))))
    history = net.sessions(ABP_EUI)[0].history
    net.describe([replace(ABP, name="post", place="Am Hafen")])
    assert net.sessions(ABP_EUI)[0].history == history != b""
    got = uplink(net.receive(packet(AIR.uplink(6))))
    assert (got.device.name, got.device.place) == ("post", "Am Hafen")


def test_removed_device_is_unknown_and_counts_on_when_it_is_back() -> None:
    net = network([ABP])
    uplink(net.receive(packet(AIR.uplink(5))))
    net.describe([])
    assert reason(net.receive(packet(AIR.uplink(6)))) is DropReason.UNKNOWN_DEVICE
    assert net.devices == {}
    net.describe([ABP])
    assert reason(net.receive(packet(AIR.uplink(5)))) is DropReason.DUPLICATE
    assert uplink(net.receive(packet(AIR.uplink(6)))).session_hex == "01ab12cd00"


def test_keys_of_abp_change_in_a_running_gateway_and_counters_stay() -> None:
    net = network([ABP])
    uplink(net.receive(packet(AIR.uplink(99))))
    net.describe([replace(ABP, nwk_s_key=b"M" * 16, app_s_key=b"B" * 16)])
    air = Air(ABP_ADDR, b"M" * 16, b"B" * 16)
    assert reason(net.receive(packet(AIR.uplink(100)))) is DropReason.BAD_MIC
    assert reason(net.receive(packet(air.uplink(5)))) is DropReason.REPLAY
    assert uplink(net.receive(packet(air.uplink(100, b"x")))).frm_payload == b"x"


def test_dev_addr_changes_in_a_running_gateway_and_back() -> None:
    net = network([ABP])
    uplink(net.receive(packet(AIR.uplink(99))))
    net.describe([replace(ABP, dev_addr=ABP_ADDR + 1)])
    moved = replace(AIR, dev_addr=ABP_ADDR + 1)
    assert reason(net.receive(packet(AIR.uplink(100)))) is DropReason.UNKNOWN_DEVICE
    assert uplink(net.receive(packet(moved.uplink(0)))).session_hex == "01ab12ce00"
    net.describe([ABP])
    assert reason(net.receive(packet(AIR.uplink(99)))) is DropReason.DUPLICATE
    assert uplink(net.receive(packet(AIR.uplink(100)))).session_hex == "01ab12cd00"


def test_mistyped_root_key_costs_no_session_in_a_running_gateway() -> None:
    session, air = joined(1, 1, f_cnt_up=99)
    net = network([replace(otaa(), app_key=b"?" * 16)], KnownState((session,)))
    assert [one.id for one in net.unused_sessions(DEV_EUI)] == [session.id]
    net.describe([otaa()])
    assert uplink(net.receive(packet(air.uplink(100)))).session_hex == session.id.hex()
    net.describe([replace(otaa(), app_key=b"?" * 16)])
    assert reason(net.receive(packet(air.uplink(101)))) is DropReason.UNKNOWN_DEVICE
    net.describe([otaa()])
    assert uplink(net.receive(packet(air.uplink(101)))).f_cnt == 101


def test_session_that_the_device_has_left_does_not_come_back() -> None:
    old, air = joined(1, 1, f_cnt_up=99)
    new, _ = joined(2, 2, f_cnt_up=0)
    net = network([otaa()], KnownState((old, new)))
    assert reason(net.receive(packet(air.uplink(100)))) is not None
    assert [one.session.id for one in net.sessions(DEV_EUI)] == [new.id]


def test_spent_nonces_stay_spent_while_a_device_is_away() -> None:
    net = network([otaa()])
    asked = join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)
    first = net.receive(packet(asked))
    assert isinstance(first, Joined)
    net.describe([])
    net.describe([otaa()])
    assert reason(net.receive(packet(asked))) is DropReason.DEV_NONCE_REUSED
    second = net.receive(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 2)))
    assert isinstance(second, Joined)
    assert second.session.id > first.session.id
