"""A packet forwarder as a concentrator: real sockets, and one that the protocol's text has made."""

import asyncio
import socket

import pytest
from patience import HUNG
from semtech_bench import SECOND, after_uplink, heard, heard_once, running
from semtech_forwarder import EUI, PacketForwarder, forwarder, free_udp_port, rxpk

from drivers.concentrator import (
    CounterUnknown,
    LinkLost,
    TxStatus,
)
from drivers.semtech_udp import udp
from drivers.semtech_udp.address import Address
from drivers.semtech_udp.count import until
from drivers.semtech_udp.udp import SemtechUdp

STRANGER = bytes.fromhex("aa55aa55aa55aa55")


async def test_first_sign_of_the_forwarder_is_the_start() -> None:
    async with running() as (chip, far):
        status = chip.status()
        assert (status.eui, status.chip_session) == (int.from_bytes(EUI), 1)
        assert status.model == "Semtech packet forwarder"
        await far.acknowledged(far.pull())
        assert chip.lead_us == 500_000


async def test_packets_of_one_datagram_come_in_order_with_their_tmst() -> None:
    async with running() as (chip, far):
        now = far.counter
        token = far.push(*(rxpk(bytes([n]), now + n) for n in range(5)))
        packets = await heard(chip, 5)
        assert [packet.payload for packet in packets] == [bytes([n]) for n in range(5)]
        assert [packet.counter_us for packet in packets] == [now + n for n in range(5)]
        assert {packet.chip_session for packet in packets} == {1}
        await far.acknowledged(token)


async def test_packet_that_waited_in_the_forwarder_is_dated_by_its_end() -> None:
    async with running() as (chip, far):
        far.uplink(b"in time")
        (prompt,) = await heard(chip)
        far.push(rxpk(b"late", (prompt.counter_us - 60_000) % 2**32))
        (late,) = await heard(chip)
        assert prompt.ended_at is not None
        assert late.ended_at == pytest.approx(prompt.ended_at - 0.06, abs=1e-6)


async def test_packet_that_is_the_first_sign_is_not_lost() -> None:
    async with running(every=60) as (chip, far):
        pass
    chip = SemtechUdp(Address("127.0.0.1", far.port))
    async with forwarder(far.port, every=60) as far:
        starting = asyncio.create_task(chip.start())
        while chip._port is None:
            await asyncio.sleep(0)
        far.uplink(b"first")
        await starting
        assert [packet.payload for packet in await heard(chip)] == [b"first"]
        await chip.stop()


async def test_receive_says_so_when_nothing_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "QUIET", 0.05)
    async with running(every=60) as (chip, _):
        assert await chip.receive() == []


async def test_repeated_datagram_is_acknowledged_and_delivered_once() -> None:
    async with running() as (chip, far):
        packet = rxpk(b"twice", far.counter)
        token = far.push(packet)
        await far.acknowledged(token)
        far.push(packet, token=token)
        far.push(rxpk(b"next", far.counter))
        assert [each.payload for each in await heard(chip, 2)] == [b"twice", b"next"]
        assert far.push_acks.count(token) == 2
        assert chip.status().drops == {"repeated_datagram": 1}


async def test_same_token_with_other_content_is_no_repetition() -> None:
    async with running() as (chip, far):
        for payload in (b"one", b"two"):
            far.push(rxpk(payload, far.counter), token=b"\x12\x34")
        assert [each.payload for each in await heard(chip, 2)] == [b"one", b"two"]


async def test_garbage_and_strangers_are_counted_and_nothing_else() -> None:
    async with running() as (chip, far):
        foreign = PacketForwarder(far.port, eui=STRANGER)
        await foreign.open()
        for datagram in (b"\x02", b"\xff" * 40, b"\x02ab\x00" + EUI + b"{", b"\x02ab\x01"):
            far.up.sendto(datagram)
        foreign.pull()
        foreign.uplink(b"stranger")
        foreign.close()
        await asyncio.sleep(0)
        far.uplink(b"ours")
        assert [packet.payload for packet in await heard(chip)] == [b"ours"]
        assert chip.status().drops == {
            "short_datagram": 1, "unknown_version": 1, "bad_json": 1, "unknown_kind": 1,
            "other_gateway": 2,
        }  # fmt: skip
        assert (foreign.push_acks, foreign.pull_acks) == ([], [])


async def test_only_the_configured_gateway_is_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "FIRST_SIGN", 0.1)
    chip = SemtechUdp(Address("127.0.0.1", free_udp_port(), int.from_bytes(STRANGER)))
    async with forwarder(chip._address.port):
        while "other_gateway" not in chip.status().drops:
            with pytest.raises(LinkLost, match="packet forwarder aa55aa55aa55aa55 does not speak"):
                await chip.start()
    monkeypatch.undo()
    async with running(only=EUI):
        pass


async def test_first_gateway_stays_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (chip, far):
        pass
    monkeypatch.setattr(udp, "FIRST_SIGN", 0.1)
    async with forwarder(far.port, eui=STRANGER):
        with pytest.raises(LinkLost, match="packet forwarder 0016c001f0000001 does not speak"):
            await chip.start()


async def test_silent_port_is_a_fault_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "FIRST_SIGN", 0.05)
    port = free_udp_port()
    chip = SemtechUdp(Address("127.0.0.1", port))
    with pytest.raises(LinkLost) as fault:
        await chip.start()
    assert str(fault.value) == (
        f"no packet forwarder speaks to udp://127.0.0.1:{port}: see that it runs, and point its"
        " server_address, serv_port_up and serv_port_down there"
    )
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", port))  # it was given back


async def test_forwarder_that_falls_silent_is_a_lost_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "QUIET", 0.02)
    async with running(every=60) as (chip, _):
        assert await chip.receive() == []
        monkeypatch.setattr(udp, "SILENCE", 0.01)
        with pytest.raises(LinkLost, match="silent for"):
            await chip.receive()


async def test_port_in_use_is_named() -> None:
    async with running() as (chip, _):
        with pytest.raises(LinkLost, match="is in use by another program"):
            await SemtechUdp(chip._address).start()


@pytest.mark.parametrize(
    ("host", "words"),
    [("203.0.113.1", "is no address of this machine"), ("no-such-host.invalid", "no host of this")],
)
async def test_address_that_is_not_ours_is_named(host: str, words: str) -> None:
    with pytest.raises(LinkLost, match=words):
        await SemtechUdp(Address(host, 1700)).start()


async def test_stop_fails_who_waits_and_may_come_twice() -> None:
    async with running(every=60) as (chip, _):
        waiting = asyncio.create_task(chip.receive())
        await asyncio.sleep(0)
        await chip.stop()
        await chip.stop()
        with pytest.raises(LinkLost):
            await waiting
        for verb in (chip.receive, chip.counter):
            with pytest.raises(LinkLost):
                await verb()


async def test_new_start_is_a_new_chip_session() -> None:
    async with running() as (chip, far):
        await heard_once(chip, far)
        await chip.start()
        assert chip.status().chip_session == 2
        with pytest.raises(CounterUnknown):
            await chip.counter()


async def test_counter_is_unknown_until_a_packet_tells_it() -> None:
    async with running(begin_us=2**32 - 1000) as (chip, far):
        with pytest.raises(CounterUnknown):
            await chip.counter()
        packet = await heard_once(chip, far)
        now = await chip.counter()
        assert now.chip_session == packet.chip_session
        assert abs(until(far.counter, now.us)) < 200_000, "through the wrap"


async def test_count_that_jumps_opens_a_chip_session() -> None:
    """The chip started anew behind the forwarder's back: its sockets are the same."""
    async with running(begin_us=3000 * SECOND) as (chip, far):
        packet = await after_uplink(chip, far, 400_000)
        far.begin_us = 0
        again = await heard_once(chip, far)
        assert (packet.chip_session, again.chip_session) == (1, 2)
        assert await chip.send(packet) is TxStatus.TOO_LATE
        assert (await chip.counter()).chip_session == 2
        assert far.sent == []


async def test_late_and_disordered_packets_open_none() -> None:
    async with running() as (chip, far):
        now = far.counter + 4 * SECOND
        for late in (0, 2 * SECOND, 300_000, 3 * SECOND):
            far.push(rxpk(b"late", now - late))
        assert {packet.chip_session for packet in await heard(chip, 4)} == {1}


async def test_forwarder_that_starts_anew_opens_a_chip_session_before_any_packet() -> None:
    async with running() as (chip, far):
        packet = await after_uplink(chip, far, 400_000)
        await far.restart()
        async with asyncio.timeout(HUNG):
            while chip.status().chip_session == 1:
                await chip.receive()
        assert await chip.send(packet) is TxStatus.TOO_LATE
        with pytest.raises(CounterUnknown):
            await chip.counter()
        assert (await heard_once(chip, far)).chip_session == 2


async def test_forwarder_that_starts_anew_opens_one_session_also_if_its_packet_comes_first() -> (
    None
):
    async with running(every=60, begin_us=3000 * SECOND) as (chip, far):
        await heard_once(chip, far)
        await far.acknowledged(far.pull())
        await far.restart()
        packet = await after_uplink(chip, far, 600_000)
        await far.acknowledged(far.pull())
        assert await chip.send(packet) is TxStatus.OK
        assert chip.status().chip_session == 2


async def test_statistics_of_the_forwarder_are_in_the_status() -> None:
    async with running() as (chip, far):
        far.push(stat={"rxnb": 4, "rxok": 3, "ackr": 99.5, "temp": 31.4})
        await heard_once(chip, far)
        status = chip.status()
        assert status.temperature == 31.4
        assert status.firmware == "protocol version 2 (rxnb 4, rxok 3, ackr 99.5)"


async def test_what_nobody_fetches_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "PACKETS_KEPT", 3)
    async with running() as (chip, far):
        now = far.counter
        token = far.push(*(rxpk(b"x", now + n) for n in range(5)))
        await far.acknowledged(token)
        assert len(await heard(chip)) == 3
        assert chip.status().drops == {"overrun": 2}


async def test_memory_of_repetitions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "REPEATS_KEPT", 2)
    async with running() as (chip, far):
        for n in range(5):
            far.uplink(bytes([n]))
        await heard(chip, 5)
        assert len(chip._repeats) == 2
