"""Data uplinks by name of their rule; frames come from tests/lorawan_device.py."""

import hashlib
from dataclasses import replace

import pytest
from lorawan_device import Air
from lorawan_network import (
    ABP,
    ABP_ADDR,
    ABP_EUI,
    AIR,
    EXTRA,
    copy_of,
    network,
    packet,
    reason,
    uplink,
)

from drivers.concentrator import RxPacket
from gateway.lorawan.downlink import Window
from gateway.lorawan.mac_state import Mac
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop, DropReason
from gateway.lorawan.session import Changes, KnownState, Session


def quiet() -> Network:
    """A network that wants nothing of its device: no channels, no ADR, no battery."""
    mac = Mac(channels=EXTRA, status_asked=0)
    keys = (b"N" * 16, b"N" * 16, b"N" * 16, b"A" * 16)
    session = Session(ABP_EUI, bytes.fromhex("01ab12cd00"), ABP_ADDR, *keys, mac=mac)
    return network([replace(ABP, adr=False)], KnownState((session,)))


def test_uplink_is_decrypted_and_needs_no_commit() -> None:
    got = uplink(network([ABP]).receive(packet(AIR.uplink(7, b"27 degrees", 42))))
    assert (got.device, got.f_cnt, got.f_port, got.confirmed) == (ABP, 7, 42, False)
    assert got.frm_payload == b"27 degrees"
    assert (got.retransmission, got.answer, got.changes) == (False, None, Changes())
    assert got.session.f_cnt_up == 7


def test_id_is_d2s() -> None:
    got = uplink(network([ABP]).receive(packet(AIR.uplink(258))))
    session = bytes.fromhex("01ab12cd" + "00")
    identity = bytes.fromhex("70b3d57ed0000002") + session + bytes([0, 0, 1, 2])
    assert got.session_hex == session.hex()
    assert got.reading_id == hashlib.sha256(identity).hexdigest()[:32]


def test_frame_without_port_is_an_uplink_without_port() -> None:
    got = uplink(network([ABP]).receive(packet(AIR.uplink(1, f_port=None))))
    assert (got.f_port, got.frm_payload) == (None, b"")


def test_confirmed_uplink_is_acknowledged_and_committed_first() -> None:
    got = uplink(quiet().receive(packet(AIR.uplink(1, b"x", confirmed=True))))
    assert got.confirmed
    assert got.answer is not None
    ack = AIR.hears(got.answer.phy_payload, 0)
    assert ack is not None
    assert (ack.f_ctrl, ack.body) == (0x20, b"")
    assert got.changes == Changes((got.session,))
    assert got.session.f_cnt_down == 1 < got.session.f_cnt_down_reserved


def test_answer_has_both_receive_windows() -> None:
    heard = replace(packet(AIR.uplink(1, confirmed=True)), frequency=867_500_000, sf=8)
    answer = uplink(network([ABP]).receive(heard)).answer
    assert answer is not None
    assert answer.windows == (
        Window(1, 1_000_000, 867_500_000, 8, 125_000, 16, 250),
        Window(2, 2_000_000, 869_525_000, 12, 125_000, 29, 59),
    )


@pytest.mark.parametrize("change", [{"sf": 0}, {"bandwidth": 500_000}, {"frequency": 868_650_000}])
def test_rx1_that_cannot_be_served_is_left_out(change: dict[str, int]) -> None:
    heard = packet(AIR.uplink(1, confirmed=True))
    unusual: RxPacket = replace(heard, **change)  # type: ignore[arg-type]
    answer = uplink(network([ABP]).receive(unusual)).answer
    assert answer is not None
    assert [window.number for window in answer.windows] == [2]


def test_adr_ack_req_is_answered_without_ack() -> None:
    got = uplink(quiet().receive(packet(AIR.uplink(1, f_ctrl=0xC0))))
    assert not got.confirmed
    assert got.answer is not None
    downlink = AIR.hears(got.answer.phy_payload, 0)
    assert downlink is not None
    assert (downlink.f_ctrl, downlink.body) == (0, b"")
    assert got.changes == Changes((got.session,))


def test_downlink_counter_rises_and_stays_inside_what_is_reserved() -> None:
    net = network([ABP])
    for f_cnt in range(40):
        got = uplink(net.receive(packet(AIR.uplink(f_cnt, confirmed=True))))
        assert got.answer is not None
        assert AIR.hears(got.answer.phy_payload, f_cnt) is not None
        assert f_cnt < got.session.f_cnt_down_reserved


def test_older_counter_is_a_replay() -> None:
    net = network([ABP])
    old, new = (packet(AIR.uplink(f_cnt, confirmed=True)) for f_cnt in (5, 6))
    net.receive(old)
    net.receive(new)
    assert net.receive(old) == Drop(DropReason.REPLAY, ABP_ADDR, ABP_EUI)


@pytest.mark.parametrize("confirmed", [False, True])
def test_second_demodulators_copy_is_a_duplicate(confirmed: bool) -> None:
    net = network([ABP])
    heard = packet(AIR.uplink(5, confirmed=confirmed), counter_us=2**32 - 200)
    net.receive(heard)
    assert net.receive(copy_of(heard)) == Drop(DropReason.DUPLICATE, ABP_ADDR, ABP_EUI)


@pytest.mark.parametrize(("apart", "copied"), [(200_000, True), (200_001, False)])
def test_copies_end_within_200_ms(apart: int, copied: bool) -> None:
    for first, second in ((0, apart), (apart, 0)):
        net = network([ABP])
        net.receive(packet(AIR.uplink(5, confirmed=True), counter_us=first))
        again = net.receive(packet(AIR.uplink(5, confirmed=True), counter_us=second))
        assert isinstance(again, Drop) is copied


def test_copy_that_ended_a_little_earlier_is_a_duplicate() -> None:
    net = network([ABP])
    heard = packet(AIR.uplink(5, confirmed=True), counter_us=100)
    net.receive(copy_of(heard))
    assert reason(net.receive(heard)) is DropReason.DUPLICATE


def test_repeated_unconfirmed_uplink_is_a_duplicate() -> None:
    net = network([ABP])
    frame = AIR.uplink(5)
    net.receive(packet(frame))
    assert reason(net.receive(packet(frame))) is DropReason.DUPLICATE


def test_confirmed_retransmission_is_answered_again_with_the_same_id() -> None:
    net = network([ABP])
    frame = AIR.uplink(5, b"x", confirmed=True)
    first, again = (uplink(net.receive(packet(frame))) for _ in range(2))
    assert (first.retransmission, again.retransmission) == (False, True)
    assert first.reading_id == again.reading_id
    assert again.answer is not None
    assert AIR.hears(again.answer.phy_payload, 1) is not None
    assert again.changes == Changes((again.session,))


def test_retransmission_to_a_restarted_chip_is_no_duplicate() -> None:
    net = network([ABP])
    heard = packet(AIR.uplink(5, confirmed=True))
    net.receive(heard)
    assert uplink(net.receive(replace(heard, chip_session=2))).retransmission


@pytest.mark.parametrize("confirmed", [False, True])
def test_reused_counter_is_not_acknowledged_and_said(confirmed: bool) -> None:
    net = network([ABP])
    first = AIR.uplink(300, b"kept", confirmed=True)
    net.receive(packet(first))
    other = net.receive(packet(AIR.uplink(300, b"lost", confirmed=confirmed)))
    assert isinstance(other, Drop)
    assert other.reason is DropReason.REPLAY
    assert other.says.startswith("FCnt 300 comes again with another payload")
    assert uplink(net.receive(packet(first))).retransmission
    assert uplink(net.receive(packet(AIR.uplink(301, b"next")))).frm_payload == b"next"


@pytest.mark.parametrize(("f_port", "payload"), [(None, b""), (0, b"\x02"), (2, b"lost")])
def test_payload_under_the_counter_of_a_frame_that_had_none_of_it_is_not_acknowledged(
    f_port: int | None, payload: bytes
) -> None:
    net = network([ABP])
    first = AIR.uplink(300, payload, f_port, confirmed=True)
    net.receive(packet(first))
    assert reason(net.receive(packet(AIR.uplink(300, b"lost", 1, confirmed=True)))) is (
        DropReason.REPLAY
    )
    assert uplink(net.receive(packet(first))).retransmission


def test_repetition_that_brings_mac_commands_alone_is_a_retransmission() -> None:
    net = network([ABP])
    net.receive(packet(AIR.uplink(5, b"x", confirmed=True)))
    again = net.receive(packet(AIR.uplink(5, f_port=None, confirmed=True)))
    assert uplink(again).retransmission


def test_device_that_begins_anew_with_each_frame_is_heard_where_that_is_allowed() -> None:
    net = network([replace(ABP, reset_f_cnt=True)])
    heard = [uplink(net.receive(packet(AIR.uplink(0, bytes([n]))))) for n in range(3)]
    assert [one.frm_payload for one in heard] == [b"\0", b"\1", b"\2"]
    assert len({one.reading_id for one in heard}) == 3
    assert [one.begun_anew for one in heard] == [False, True, True]


def test_counter_rolls_over_sixteen_bits() -> None:
    net = network([ABP])
    for f_cnt in (0xFFFE, 0xFFFF, 0x10000, 0x10001, 0x1FFFF, 0x2FFFE):
        assert uplink(net.receive(packet(AIR.uplink(f_cnt, b"x")))).f_cnt == f_cnt
    assert reason(net.receive(packet(AIR.uplink(0x20001, b"x")))) is DropReason.REPLAY
    assert reason(net.receive(packet(AIR.uplink(0x10001, b"x")))) is DropReason.BAD_MIC


def test_long_outage_does_not_end_a_session() -> None:
    net = network([ABP])
    net.receive(packet(AIR.uplink(10)))
    assert uplink(net.receive(packet(AIR.uplink(0x1000A - 1)))).f_cnt == 0x10009


def test_devices_of_one_dev_addr_are_told_apart_by_mic() -> None:
    twin = replace(ABP, dev_eui=ABP_EUI + 1, nwk_s_key=b"M" * 16, app_s_key=b"B" * 16)
    net = network([ABP, twin])
    air = Air(ABP_ADDR, b"M" * 16, b"B" * 16)
    assert uplink(net.receive(packet(AIR.uplink(9, b"one")))).frm_payload == b"one"
    other = uplink(net.receive(packet(air.uplink(3, b"two"))))
    assert (other.device, other.frm_payload, other.f_cnt) == (twin, b"two", 3)


def test_wrong_key_is_a_bad_mic_only_for_an_address_of_ours() -> None:
    net = network([ABP])
    forged = Air(ABP_ADDR, b"?" * 16, b"A" * 16).uplink(1)
    assert net.receive(packet(forged)) == Drop(DropReason.BAD_MIC, ABP_ADDR)
    neighbour = Air(0x26011234, b"N" * 16, b"A" * 16).uplink(1)
    assert net.receive(packet(neighbour)) == Drop(DropReason.UNKNOWN_DEVICE, 0x26011234)


def test_flipped_bit_of_the_payload_is_a_bad_mic() -> None:
    frame = bytearray(AIR.uplink(1, b"payload"))
    frame[10] ^= 1
    assert reason(network([ABP]).receive(packet(bytes(frame)))) is DropReason.BAD_MIC


def test_forged_frame_moves_no_counter() -> None:
    net = network([ABP])
    net.receive(packet(Air(ABP_ADDR, b"?" * 16, b"A" * 16).uplink(60_000)))
    assert uplink(net.receive(packet(AIR.uplink(0)))).f_cnt == 0
