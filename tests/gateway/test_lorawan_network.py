"""The network as a whole: what is dropped at the door, strangers' bytes, and a plain model."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from lorawan_device import Air, hears_join_accept, join_request
from lorawan_network import (
    ABP,
    AIR,
    APP_KEY,
    DEV_EUI,
    JOIN_EUI,
    copy_of,
    joined,
    network,
    otaa,
    packet,
    reason,
    uplink,
)

from drivers.concentrator import Crc
from gateway.lorawan.activations import MOST_PENDING
from gateway.lorawan.outcome import Drop, DropReason, Joined
from gateway.lorawan.session import Join, KnownState, Session


@pytest.mark.parametrize(
    ("crc", "expected"), [(Crc.BAD, DropReason.BAD_CRC), (Crc.NONE, DropReason.NO_CRC)]
)
def test_packet_without_a_good_crc_is_dropped_first(crc: Crc, expected: DropReason) -> None:
    net = network([ABP])
    heard = packet(AIR.uplink(0))
    assert net.receive(replace(heard, crc=crc)) == Drop(expected)
    assert uplink(net.receive(heard)).f_cnt == 0


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("", DropReason.MALFORMED),
        ("00", DropReason.MALFORMED),
        ("40", DropReason.MALFORMED),
        ("80cd12ab010001000000", DropReason.MALFORMED),  # one byte short
        ("40cd12ab010f010000000000", DropReason.MALFORMED),  # FOptsLen beyond the end
        ("41cd12ab0100010000000000", DropReason.MALFORMED),  # another Major
        ("20" + "00" * 16, DropReason.NOT_AN_UPLINK),  # Join-Accept
        ("60cd12ab0100010000000000", DropReason.NOT_AN_UPLINK),
        ("a0cd12ab0100010000000000", DropReason.NOT_AN_UPLINK),
        ("e0cd12ab0100010000000000", DropReason.NOT_AN_UPLINK),
        ("c000" + "00" * 16, DropReason.MALFORMED),  # Rejoin-Request, one byte short
    ],
)
def test_what_is_no_uplink_is_named(payload: str, expected: DropReason) -> None:
    assert network([ABP]).receive(packet(bytes.fromhex(payload))) == Drop(expected)


heads = st.sampled_from([b"", b"\x00", b"\x40", b"\x80", AIR.uplink(1)[:5], AIR.uplink(1)[:-2]])
requests = st.just(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)[:-4])


@settings(max_examples=500)
@given(head=heads | requests, tail=st.binary(max_size=260))
def test_strangers_bytes_never_raise_and_never_pass(head: bytes, tail: bytes) -> None:
    assert isinstance(network([ABP, otaa()]).receive(packet(head + tail)), Drop)


@given(st.data())
def test_damaged_frames_never_pass(data: st.DataObject) -> None:
    good = data.draw(
        st.sampled_from(
            [AIR.uplink(1, b"payload", f_opts=b"\x02"), join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)]
        )
    )
    bad = bytearray(good)
    bad[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    assert isinstance(network([ABP, otaa()]).receive(packet(bytes(bad))), Drop)


class OneDevice(RuleBasedStateMachine):
    """One OTAA device against a plain model: what it may send, and what must become of it.

    The store here keeps exactly what was to be committed, plus, as D1b allows, the last state of
    unanswered sessions or an older one; a restart begins from it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.disk: dict[bytes, Session] = {}
        self.joins: tuple[Join, ...] = ()
        self.net = network([otaa()])
        self.air: dict[bytes, Air] = {}  # by session id; joined and not ended
        self.in_use: bytes | None = None
        self.pending: list[bytes] = []  # the oldest first
        self.last: dict[bytes, int] = {}
        self.downlinks: set[tuple[bytes, int]] = set()
        self.ids: dict[tuple[bytes, int], str] = {}  # of every reading ever accepted
        self.accepted: set[str] = set()  # since the last start
        self.dev_nonces: set[int] = set()

    @rule(dev_nonce=st.integers(0, 12))
    def ask_to_join(self, dev_nonce: int) -> None:
        outcome = self.net.receive(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, dev_nonce)))
        if dev_nonce in self.dev_nonces:
            assert reason(outcome) is DropReason.DEV_NONCE_REUSED
            return
        self.dev_nonces.add(dev_nonce)
        got = joined(outcome)
        self.commit(got)
        accept = hears_join_accept(APP_KEY, dev_nonce, got.answer.phy_payload)
        assert accept.join_nonce == len(self.dev_nonces)
        if len(self.pending) == MOST_PENDING:
            self.end(self.pending.pop(0))
        self.pending.append(got.session.id)
        self.air[got.session.id], self.last[got.session.id] = accept.air, -1

    @precondition(lambda self: self.air)
    @rule(
        which=st.integers(0, MOST_PENDING),
        ahead=st.sampled_from([1, 1, 2, 300, 0xFFFF]),
        confirmed=st.booleans(),
        stored=st.booleans(),
    )
    def speak(self, which: int, ahead: int, confirmed: bool, stored: bool) -> None:
        session = sorted(self.air)[which % len(self.air)]
        f_cnt = 0 if self.last[session] < 0 else self.last[session] + ahead
        heard = packet(self.air[session].uplink(f_cnt, b"x", confirmed=confirmed))
        got = uplink(self.net.receive(heard))
        assert (got.f_cnt, got.session.id, got.retransmission) == (f_cnt, session, False)
        assert (got.answer is not None) is confirmed
        assert got.reading_id not in self.accepted
        self.accepted.add(got.reading_id)
        assert self.ids.setdefault((session, f_cnt), got.reading_id) == got.reading_id
        self.last[session] = f_cnt
        if session != self.in_use:
            for older in [one for one in self.air if one < session]:
                self.end(older)
            self.in_use, self.pending = session, [one for one in self.pending if one > session]
        self.commit(got)
        if stored:
            self.disk[session] = replace(got.session)
        self.check_ack(got)
        assert reason(self.net.receive(copy_of(heard))) is DropReason.DUPLICATE

    @precondition(lambda self: self.in_use is not None and self.last[self.in_use] >= 0)
    @rule(back=st.integers(0, 5), confirmed=st.booleans())
    def repeat(self, back: int, confirmed: bool) -> None:
        assert self.in_use is not None
        f_cnt = max(0, self.last[self.in_use] - back)
        frame = self.air[self.in_use].uplink(f_cnt, b"x", confirmed=confirmed)
        outcome = self.net.receive(packet(frame))
        if f_cnt < self.last[self.in_use]:
            known = f_cnt >> 16 == self.last[self.in_use] >> 16
            assert reason(outcome) is (DropReason.REPLAY if known else DropReason.BAD_MIC)
        elif confirmed:
            got = uplink(outcome)
            assert got.retransmission
            assert got.reading_id == self.ids[self.in_use, f_cnt]
            self.commit(got)
            self.check_ack(got)
        else:
            assert reason(outcome) is DropReason.DUPLICATE

    @rule()
    def restart(self) -> None:
        sessions = tuple(replace(session) for session in self.disk.values())
        self.net = network([otaa()], KnownState(sessions, self.joins))
        self.last = {session: self.disk[session].f_cnt_up for session in self.air}
        # D1b: what was heard after the last write may be heard again, under the same id
        self.accepted = set()

    @invariant()
    def no_two_readings_share_an_id(self) -> None:
        assert len(set(self.ids.values())) == len(self.ids)

    @invariant()
    def disk_knows_every_session(self) -> None:
        assert set(self.disk) == set(self.air)
        pending = {session.id for session in self.disk.values() if session.pending}
        assert pending == set(self.pending)

    def end(self, session: bytes) -> None:
        del self.air[session], self.last[session]

    def commit(self, got: object) -> None:
        changes = got.changes  # type: ignore[attr-defined]
        for _, session in changes.ended:
            del self.disk[session]
        self.disk |= {session.id: replace(session) for session in changes.sessions}
        self.joins += changes.joins
        answered = isinstance(got, Joined) or got.answer is not None  # type: ignore[attr-defined]
        assert bool(changes.sessions) or not answered

    def check_ack(self, got: object) -> None:
        """An answer's counter is on disk before it is used, and was never used before."""
        outcome = uplink(got)
        if outcome.answer is None:
            return
        on_disk = self.disk[outcome.session.id]
        f_cnt = on_disk.f_cnt_down - 1
        heard = self.air[on_disk.id].hears(outcome.answer.phy_payload, f_cnt)
        assert heard is not None
        assert heard.f_ctrl & 0xF0 == 0xA0, "ADR and ACK"
        assert f_cnt < on_disk.f_cnt_down_reserved
        assert (on_disk.id, f_cnt) not in self.downlinks
        self.downlinks.add((on_disk.id, f_cnt))


OneDevice.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestOneDevice = OneDevice.TestCase
