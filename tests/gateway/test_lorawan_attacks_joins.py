"""Attacks of the literature on joins and rejoins, and floods of them.

Their sources stand in tests/lorawan_attacker.py.
"""

import asyncio
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeGuard

import lorawan_1_1_device
import pytest
from lorawan_1_1_oracle import rejoin_request
from lorawan_attacker import (
    DEVICE_1_1,
    NWK_KEY,
    again,
    joined_1_1,
    joined_air,
    request,
)
from lorawan_device import hears_join_accept
from lorawan_network import (
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
from lorawan_oracle import data_frame
from store_tools import World
from uplinks_bench import GAUGE, Bench

from gateway.air import join_refusals
from gateway.lorawan import join
from gateway.lorawan.outcome import Drop, DropReason
from gateway.lorawan.session import Changes, Join, KnownState
from gateway.records import Event, Record
from native import join as join_frames

# --- joins ---


def test_join_request_is_good_once_also_after_a_crash() -> None:
    """Na 2017, Avoine 2018: replayed Join-Requests would move the network into keys that the
    device does not have.
    """
    net = network([otaa()])
    recorded = [request(n) for n in (7, 3, 12)]
    disk = tuple(one for r in recorded for one in joined(net.receive(r)).changes.joins)
    for twin in (net, network([otaa()], KnownState(joins=disk))):
        for one in recorded:
            assert reason(twin.receive(again(one))) is DropReason.DEV_NONCE_REUSED


async def test_join_that_was_answered_is_on_disk(tmp_path: Path) -> None:
    """Na 2017, Avoine 2018, against the gateway's own crash: DevNonce stays spent, JoinNonce goes
    on, the session lives.
    """
    world, first = World(tmp_path / "kogge.db"), request(9)
    async with world.buffer() as buffer:
        got = joined(network([otaa()]).receive(first))
        await buffer.keep([], got.changes)  # then, and only then, the answer leaves (D1a)
        ruin = world.after_power_cut()
    air = hears_join_accept(APP_KEY, 9, got.answer.phy_payload).air
    async with ruin.store() as store:
        net = network([otaa()], await store.load())
    assert reason(net.receive(again(first))) is DropReason.DEV_NONCE_REUSED
    assert uplink(net.receive(packet(air.uplink(0, b"x")))).frm_payload == b"x"
    second = joined(net.receive(request(10)))
    assert hears_join_accept(APP_KEY, 10, second.answer.phy_payload).join_nonce == 2


def test_replayed_join_request_of_a_pending_session_leaves_the_one_in_use() -> None:
    """Tomasin 2017: a join that the device has not finished is no way to shut it out."""
    net = network([otaa()])
    air = joined_air(net, 1)
    uplink(net.receive(packet(air.uplink(0))))
    lost = request(2)
    joined(net.receive(lost))  # its Join-Accept was jammed
    assert reason(net.receive(again(lost))) is DropReason.DEV_NONCE_REUSED
    assert uplink(net.receive(packet(air.uplink(1)))).f_cnt == 1


def test_strangers_spend_no_dev_nonce() -> None:
    """Tomasin 2017, van Es 2018: DevNonce exhaustion by forged and replayed Join-Requests."""
    net = network([otaa()])
    good = request(1)
    joined(net.receive(good))
    for n in range(2_000):
        assert reason(net.receive(request(n, b"?" * 16))) is DropReason.BAD_MIC
        assert reason(net.receive(again(good))) is DropReason.DEV_NONCE_REUSED
    assert net.dev_nonces(DEV_EUI) == 1


def test_device_that_has_spent_all_dev_nonces_is_told_so_and_others_join() -> None:
    """Tomasin 2017: 65 536 joins of one random DevNonce device are all that there are."""
    spent = tuple(Join(DEV_EUI, JOIN_EUI, n, n + 1) for n in range(65_536))
    net = network([otaa(), otaa(dev_eui=DEV_EUI + 9)], KnownState(joins=spent))
    assert net.dev_nonces(DEV_EUI) == 65_536
    drop = net.receive(request(4711))
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.is_join, "DevNonce" in drop.says) == (
        DropReason.DEV_NONCE_REUSED, True, True,
    )  # fmt: skip
    joined(net.receive(request(4711, dev_eui=DEV_EUI + 9)))


def test_join_accept_is_of_one_request_only() -> None:
    """Avoine 2018: a replayed Join-Accept. A device of 1.0.x that takes it has other keys than
    before, because its DevNonce is another; one of 1.1 does not even take it.
    """
    net = network([otaa()])
    old = joined(net.receive(request(1))).answer.phy_payload
    first, replayed = (hears_join_accept(APP_KEY, nonce, old).air for nonce in (1, 2))
    assert first.nwk_s_key != replayed.nwk_s_key
    assert reason(net.receive(packet(replayed.uplink(0)))) is DropReason.BAD_MIC
    got, _ = joined_1_1(network([DEVICE_1_1]), 1)
    with pytest.raises(AssertionError):
        lorawan_1_1_device.hears_join_accept(
            NWK_KEY, APP_KEY, DEV_EUI, JOIN_EUI, 2, got.answer.phy_payload
        )


def test_join_nonce_and_keys_never_come_twice() -> None:
    """Avoine 2018: sessions reused by reused nonces."""
    net, keys, nonces = network([otaa("1.0.2")]), set(), []
    for dev_nonce in Random(3).sample(range(65_536), 50):
        got = joined(net.receive(request(dev_nonce)))
        nonces.append(hears_join_accept(APP_KEY, dev_nonce, got.answer.phy_payload).join_nonce)
        keys |= {got.session.f_nwk_s_int_key, got.session.app_s_key}
    assert nonces == sorted(set(nonces))
    assert len(keys) == 100


# --- flood ---


class CountingFrames:
    """`native.join`, with its MICs counted."""

    def __init__(self) -> None:
        self.mics = 0

    def __getattr__(self, name: str) -> object:
        return getattr(join_frames, name)

    def join_request_mic_ok(self, phy_payload: bytes, key: bytes) -> bool:
        self.mics += 1
        fits: bool = join_frames.join_request_mic_ok(phy_payload, key)
        return fits


def test_strangers_join_costs_one_mic_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """van Es 2018: join flood. An unknown DevEUI costs no cryptography, one of ours a CMAC, however
    many devices there are.
    """
    counting = CountingFrames()
    monkeypatch.setattr(join, "frames", counting)
    net = network([otaa(dev_eui=DEV_EUI + 16 * n) for n in range(500)])
    for n in range(1_000):
        assert reason(net.receive(request(n, dev_eui=n + 1))) is DropReason.UNKNOWN_DEVICE
    assert counting.mics == 0
    for n in range(1_000):
        assert reason(net.receive(request(n, b"?" * 16))) is DropReason.BAD_MIC
    assert counting.mics == 1_000


def test_join_flood_leaves_nothing_in_the_network() -> None:
    """van Es 2018: join flood against memory."""
    net = network([otaa()])
    flood = [request(n % 65_536, b"?" * 16, DEV_EUI if n % 2 else n) for n in range(4_000)]
    for one in flood[:1_000]:
        net.receive(one)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for one in flood:
        net.receive(one)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 4_096


async def test_join_flood_tells_the_city_a_little_and_writes_no_session() -> None:
    """van Es 2018: join flood against the disk and the line to the city."""
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(tasks, GAUGE, tell_foreign_joins=True)
        await bench.hear(*(request(n, b"?" * 16, n) for n in range(1, 500)))
        await bench.hear(*(request(n, b"?" * 16) for n in range(500)))
        told = [one for one in bench.buffer.records if is_refusal(one)]
        assert len(told) == join_refusals.AT_MOST + 1, "of strangers, and of our device"
        assert told[-1].detail["cause"] == "bad_mic"
        assert bench.uplinks.counts["joins_refused"] == 999
        assert bench.uplinks.drops == Counter(unknown_device=499, bad_mic=500)
        assert (bench.answers, bench.buffer.touched) == ([], [])
        assert not [one for one in bench.done if isinstance(one, Changes)]


def is_refusal(record: Record) -> TypeGuard[Event]:
    return isinstance(record, Event) and record.type == "join_refused"


# --- 1.1 ---


def rejoin(kind: int, air: lorawan_1_1_device.Air, count: int) -> bytes:
    if kind == 1:
        key = lorawan_1_1_device.join_keys(NWK_KEY, DEV_EUI)[0]
        return rejoin_request(key, 1, JOIN_EUI, DEV_EUI, count)
    return rejoin_request(air.keys.s_nwk_s_int, kind, 0, DEV_EUI, count)


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_replayed_rejoin_opens_nothing(kind: int) -> None:
    """Dönmez 2018: replayed Rejoin-Requests, also after a crash and in another session."""
    net = network([DEVICE_1_1])
    before, air = joined_1_1(net, 1)
    recorded = packet(rejoin(kind, air, 4))
    got = joined(net.receive(recorded))
    disk = KnownState(
        tuple(replace(one) for one in got.changes.sessions) or (before.session,),
        before.changes.joins,
        rejoins=got.changes.rejoins,
    )
    for twin in (net, network([DEVICE_1_1], disk)):
        assert reason(twin.receive(again(recorded))) in (
            DropReason.RJ_COUNT_REUSED,
            DropReason.BAD_MIC,
        )
    assert uplink(net.receive(packet(air.uplink(1)))).f_cnt == 1, "the session in use is alive"


def test_stripped_opt_neg_is_found_out_by_the_device() -> None:
    """Dönmez 2018: downgrade. OptNeg stands under the Join-Accept's MIC and its encryption."""
    net = network([DEVICE_1_1])
    good = joined(net.receive(request(1, NWK_KEY))).answer.phy_payload
    args = NWK_KEY, APP_KEY, DEV_EUI, JOIN_EUI, 1
    assert lorawan_1_1_device.hears_join_accept(*args, good).dl_settings & 0x80
    for bit in range(8, 8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AssertionError):
            lorawan_1_1_device.hears_join_accept(*args, bytes(bad))


def test_device_of_1_1_is_not_heard_as_one_of_1_0() -> None:
    """Dönmez 2018: downgrade, the other way round: frames with the one MIC of 1.0."""
    net = network([DEVICE_1_1])
    _, air = joined_1_1(net, 1)
    keys = air.keys
    for nwk_s_key in (keys.f_nwk_s_int, keys.s_nwk_s_int, keys.nwk_s_enc):
        frame = data_frame(
            m_type=2, dev_addr=air.dev_addr, f_ctrl=0, f_cnt=1, f_opts=b"", f_port=1,
            frm_payload=b"x", nwk_s_key=nwk_s_key, app_s_key=keys.app_s,
        )  # fmt: skip
        assert reason(net.receive(packet(frame))) is DropReason.BAD_MIC
    assert reason(net.receive(request(2, APP_KEY))) is DropReason.BAD_MIC
    assert uplink(net.receive(packet(air.uplink(1)))).f_cnt == 1
