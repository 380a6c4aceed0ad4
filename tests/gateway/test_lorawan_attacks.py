"""Attacks of the literature on sessions, each against the real network, some with the real store.

Their sources stand in tests/lorawan_attacker.py; what no network server can see in docs/lorawan.md.
Joins: test_lorawan_attacks_joins.py.
"""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from lorawan_attacker import (
    DEVICE_1_1,
    again,
    answer_of,
    joined_1_1,
    joined_air,
    request,
)
from lorawan_device import Air
from lorawan_network import (
    ABP,
    ABP_EUI,
    AIR,
    DEV_EUI,
    copy_of,
    joined,
    network,
    otaa,
    packet,
    reason,
    uplink,
)
from store_tools import World, reading

from gateway.lorawan.order import Order
from gateway.lorawan.outcome import Drop, DropReason
from gateway.lorawan.uplink import MOST_REPEATS

ADR, ACK = 0x80, 0x20
REFUSED = (DropReason.REPLAY, DropReason.DUPLICATE)


# --- replay ---


def test_nothing_that_was_recorded_is_heard_again() -> None:
    """Yang 2018: replay."""
    net = network([ABP])
    recorded = [packet(AIR.uplink(n, b"x", confirmed=n % 5 == 0)) for n in range(40)]
    last = [uplink(net.receive(one)).session for one in recorded][-1]
    before = replace(last)
    outcomes = [net.receive(again(one)) for one in reversed(recorded)]
    assert {reason(one) for one in outcomes} == set(REFUSED)
    assert last == before


def test_frames_from_before_a_reset_stay_refused() -> None:
    """Yang 2018: replay after the counter of an ABP device was reset, to shut it out."""
    net = network([ABP])
    recorded = [packet(AIR.uplink(n, b"x")) for n in range(100)]
    for one in recorded:
        net.receive(one)
    for n in range(5):  # the device begins anew, and is refused: this network was not told to allow
        assert reason(net.receive(packet(AIR.uplink(n, b"new")))) is DropReason.REPLAY
    for one in recorded:
        assert reason(net.receive(again(one))) in REFUSED
    assert uplink(net.receive(packet(AIR.uplink(100, b"x")))).f_cnt == 100


def test_where_resets_are_allowed_a_replay_does_not_shut_the_device_out() -> None:
    """Yang 2018: the same, where devices.toml says reset_f_cnt: a frame of the counter's end is
    heard, but the device too, and it costs one of the 255 resets.
    """
    net = network([replace(ABP, reset_f_cnt=True)])
    end = packet(AIR.uplink(200, b"old"))
    net.receive(end)
    assert uplink(net.receive(packet(AIR.uplink(0, b"new")))).begun_anew
    assert uplink(net.receive(again(end))).f_cnt == 200
    heard = uplink(net.receive(packet(AIR.uplink(1, b"new"))))
    assert (heard.begun_anew, heard.session.id[4]) == (True, 2)


def test_frames_of_a_session_that_ended_are_refused() -> None:
    """Butun 2019: replay across a join; both counters begin at 0."""
    net = network([otaa()])
    old = joined_air(net, 1)
    recorded = [packet(old.uplink(n, b"x")) for n in range(10)]
    for one in recorded:
        uplink(net.receive(one))
    new = joined_air(net, 2)
    uplink(net.receive(packet(new.uplink(0))))
    for one in recorded:
        assert isinstance(net.receive(again(one)), Drop)


def test_frame_held_back_until_a_newer_one_was_heard_is_refused() -> None:
    """Yang 2018, Hessel 2020: jam and replay."""
    net = network([ABP])
    held_back = packet(AIR.uplink(7, b"jammed"))
    uplink(net.receive(packet(AIR.uplink(8, b"x"))))
    assert reason(net.receive(again(held_back))) is DropReason.REPLAY


async def test_replay_after_a_crash_has_the_same_id_or_is_no_reading(tmp_path: Path) -> None:
    """Yang 2018, against the gateway's own reset: within the window of D1b the disk does not know
    the counter yet. What is heard once more then has the id by which the city knows it (D2).
    """
    plain, confirmed = packet(AIR.uplink(5, b"x")), packet(AIR.uplink(6, b"y", confirmed=True))
    world = World(tmp_path / "kogge.db")
    async with world.store() as store:
        net = network([ABP], await store.load())
    async with world.buffer(window=3600.0) as buffer:
        answered = uplink(net.receive(replace(confirmed, payload=AIR.uplink(4, confirmed=True))))
        await buffer.keep([reading(4, id=answered.reading_id)], answered.changes)
        first = uplink(net.receive(plain))
        buffer.add(reading(5, id=first.reading_id))
        buffer.touch(first.session)
        ruin = world.after_power_cut()
    async with ruin.store() as store:
        net = network([ABP], await store.load())
    assert reason(net.receive(again(packet(AIR.uplink(3))))) is DropReason.REPLAY
    repeated = net.receive(again(replace(confirmed, payload=AIR.uplink(4, confirmed=True))))
    assert uplink(repeated).retransmission, "no second reading"
    replayed = uplink(net.receive(again(plain)))
    assert replayed.reading_id == first.reading_id


async def test_no_downlink_counter_comes_twice_though_the_gateway_crashes(tmp_path: Path) -> None:
    """Yang 2018: plaintext recovery. Two downlinks under one counter would share a key stream."""
    world, used = World(tmp_path / "kogge.db"), set[int]()
    for run in range(4):
        async with world.store() as store:
            net = network([ABP], await store.load())
        async with world.buffer() as buffer:
            for n in range(20):
                got = uplink(net.receive(packet(AIR.uplink(100 * run + n, confirmed=True))))
                phy_payload = answer_of(got)
                f_cnt = int.from_bytes(phy_payload[6:8], "little")
                assert AIR.hears(phy_payload, f_cnt) is not None
                assert f_cnt not in used
                used.add(f_cnt)
                await buffer.keep([], got.changes)
            world = world.after_power_cut()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_replayed_confirmed_uplink_costs_little_and_takes_no_downlink(version: str) -> None:
    """It is the one frame that is answered again: each answer is a commit and airtime, and what
    the city has sent would go out while the device sleeps.
    """
    net = network([ABP if version == "1.0" else DEVICE_1_1])
    air = AIR if version == "1.0" else joined_1_1(net, 1)[1]
    frame = packet(air.uplink(1, confirmed=True))
    taken = uplink(net.receive(frame)).session.f_cnt_down
    dev_eui = ABP_EUI if version == "1.0" else DEV_EUI
    net.downlinks.put(Order("valve", dev_eui, 10, b"open"), None)
    again_ = [net.receive(again(frame, 3.0 * n)) for n in range(1, 200)]
    answered = [one for one in again_ if not isinstance(one, Drop)]
    assert len(answered) == MOST_REPEATS
    assert uplink(answered[-1]).session.f_cnt_down == taken + MOST_REPEATS
    assert {uplink(one).changes.downlinks for one in answered} == {()}
    later = uplink(net.receive(packet(air.uplink(2, confirmed=True))))
    assert later.answer is not None
    assert later.answer.downlink == 1
    assert not isinstance(net.receive(packet(air.uplink(2, confirmed=True))), Drop)


# --- acknowledgements ---


def test_acknowledgement_of_another_frame_is_no_acknowledgement() -> None:
    """Yang 2018: ACK spoofing. Each ACK has a counter of its own: an old one is refused by it."""
    net = network([ABP])
    acks = [answer_of(net.receive(packet(AIR.uplink(n, confirmed=True)))) for n in range(3)]
    for expected, ack in enumerate(acks):
        heard = [AIR.hears(one, expected) is not None for one in acks]
        assert heard == [one is ack for one in acks]


def test_acknowledgement_of_1_1_names_its_frame() -> None:
    """Yang 2018: ACK spoofing with one that the device has never heard. Up to 1.0.4 nothing in it
    says for which frame it is; in 1.1 its MIC does.
    """
    net = network([DEVICE_1_1])
    _, air = joined_1_1(net, 1)
    held_back = answer_of(net.receive(packet(air.uplink(1, confirmed=True))))
    assert air.hears(held_back, 1, conf_f_cnt=1) is not None
    assert air.hears(held_back, 1, conf_f_cnt=2) is None


def test_replayed_acknowledgement_does_not_acknowledge_a_later_downlink() -> None:
    """Yang 2018: falsified delivery reports, in the other direction."""
    net = network([ABP])
    session = uplink(net.receive(packet(AIR.uplink(1, b"x")))).session
    session.mac = replace(session.mac, awaits_ack=7)
    ack = packet(AIR.uplink(2, f_ctrl=ACK))
    assert uplink(net.receive(ack)).acknowledged == 7
    session.mac = replace(session.mac, awaits_ack=8)
    assert reason(net.receive(again(ack))) in REFUSED
    assert session.mac.awaits_ack == 8
    assert uplink(net.receive(packet(AIR.uplink(3)))).acknowledged is None


# --- forgery ---


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_any_flipped_bit_is_refused_and_moves_nothing(version: str) -> None:
    """Lee 2017, Yang 2018: bit flips in FRMPayload (and everywhere else): the stream cipher lets
    them through, the MIC does not. Network and application server are one here: nobody in between.
    """
    if version == "1.1":
        net = network([DEVICE_1_1])
        _, air = joined_1_1(net, 1)
        frame = air.uplink(1, b"valve closed", f_opts=b"\x02")
    else:
        net = network([ABP])
        frame = AIR.uplink(1, b"valve closed", f_opts=b"\x02")
    for bit in range(8 * len(frame)):
        bad = bytearray(frame)
        bad[bit // 8] ^= 1 << bit % 8
        assert isinstance(net.receive(packet(bytes(bad))), Drop), bit
    got = uplink(net.receive(packet(frame)))
    assert (got.f_cnt, got.frm_payload) == (1, b"valve closed")


def test_guessed_mics_do_not_pass_and_cost_no_state() -> None:
    """Butun 2019: key and MIC guessing; each frame has a chance of 2^-32 a candidate."""
    net, random = network([ABP, otaa()]), Random(20)
    session = uplink(net.receive(packet(AIR.uplink(10, b"x")))).session
    before, frame = replace(session), AIR.uplink(11, b"x")
    for _ in range(5_000):
        bad = frame[:-4] + random.randbytes(4)
        assert reason(net.receive(packet(bad))) is DropReason.BAD_MIC
    assert session == before


def test_commands_of_a_device_with_other_keys_move_nothing() -> None:
    """Butun 2019: MAC commands injected in FOpts, which 1.0 leaves in the clear."""
    net = network([ABP])
    net.receive(packet(AIR.uplink(1, f_ctrl=ADR)))
    session = uplink(net.receive(packet(AIR.uplink(2, f_ctrl=ADR)))).session
    before = session.mac
    for f_opts in (b"\x03\x07", b"\x05\x07", b"\x06\xff\x20", b"\x02", b"\x0d"):
        forged = Air(AIR.dev_addr, b"?" * 16, AIR.app_s_key).uplink(3, b"x", f_opts=f_opts)
        assert reason(net.receive(packet(forged))) is DropReason.BAD_MIC
    assert session.mac == before


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_frame_with_commands_in_fopts_and_on_port_0_is_dropped(version: str) -> None:
    """TS001-1.0.4 §4.3 forbids it; whoever reads both places could be told two things at once."""
    net = network([DEVICE_1_1 if version == "1.1" else ABP])
    air = joined_1_1(net, 1)[1] if version == "1.1" else AIR
    both = packet(air.uplink(1, b"\x02", f_port=0, f_opts=b"\x0d"))
    assert reason(net.receive(both)) is DropReason.MALFORMED
    assert answer_of(net.receive(packet(air.uplink(1, b"\x02", f_port=0))))


def test_payload_that_looks_like_commands_is_a_payload() -> None:
    """Butun 2019: injection through the application."""
    got = uplink(network([ABP]).receive(packet(AIR.uplink(1, b"\x02\x0d\x03\x07", f_port=1))))
    assert (got.answer, got.skipped_commands, got.frm_payload) == (None, 0, b"\x02\x0d\x03\x07")


def test_downlinks_sent_back_are_no_uplinks() -> None:
    """Reflection: what this gateway has sent itself."""
    net = network([ABP, otaa()])
    ack = answer_of(net.receive(packet(AIR.uplink(1, confirmed=True))))
    accept = joined(net.receive(request(1))).answer.phy_payload
    for one in (ack, accept):
        assert reason(net.receive(packet(one))) is DropReason.NOT_AN_UPLINK
        as_uplink = bytes([one[0] & 0x1F | 0x40]) + one[1:]
        assert isinstance(net.receive(packet(as_uplink)), Drop)


# --- ADR ---


@pytest.mark.parametrize("confirmed", [False, True])
def test_louder_copies_do_not_make_a_far_device_faster(confirmed: bool) -> None:
    """Hessel 2020: ADR spoofing by replaying each frame near the gateway."""
    twins = network([ABP]), network([ABP])
    for n in range(1, 30):
        frame = packet(AIR.uplink(n, b"x", f_ctrl=ADR, confirmed=confirmed))
        far = replace(frame, sf=12, snr=-19.0, rssi=-125.0)
        answers = [uplink(net.receive(far)).answer for net in twins]
        assert (answers[0] is None) == (answers[1] is None)
        twins[1].receive(copy_of(replace(far, snr=12.0, rssi=-30.0)))
        twins[1].receive(again(far))
        assert twins[0].adr_reason(ABP_EUI) == twins[1].adr_reason(ABP_EUI)
    links = [net._activations.of(ABP)[0].session.mac.link for net in twins]
    assert links[0] == links[1]
