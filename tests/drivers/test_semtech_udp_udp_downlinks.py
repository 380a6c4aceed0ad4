"""Downlinks over a packet forwarder: in time or refused, and its word on each."""

import asyncio

import pytest
from semtech_bench import SECOND, after_uplink, heard_once, running
from semtech_forwarder import EUI

from drivers.concentrator import (
    LinkLost,
    TxPacket,
    TxStatus,
)
from drivers.semtech_udp import udp


async def test_downlink_goes_out_at_its_tmst() -> None:
    async with running() as (chip, far):
        packet = await after_uplink(chip, far, 300_000)
        assert await chip.send(packet) is TxStatus.OK
        (sent,) = await far.has_sent(1)
        assert sent.payload == b"down"
        assert sent.txpk["tmst"] == packet.counter_us
        assert 42_500 < sent.ahead_us <= 300_000


async def test_downlink_far_ahead_is_held_until_500_ms() -> None:
    async with running() as (chip, far):
        packet = await after_uplink(chip, far, 700_000)
        assert await chip.send(packet) is TxStatus.OK
        assert 400_000 < far.sent[0].ahead_us <= 505_000


async def test_immediate_downlink_needs_no_counter() -> None:
    async with running() as (chip, far):
        session = chip.status().chip_session
        packet = TxPacket(b"class C", None, session, 869_525_000, 12)
        assert await chip.send(packet) is TxStatus.OK
        assert far.sent[0].txpk["imme"] is True


@pytest.mark.parametrize(
    ("ahead_us", "status"),
    [(-SECOND, TxStatus.TOO_LATE), (42_500, TxStatus.TOO_LATE), (130 * SECOND, TxStatus.TOO_EARLY)],
)
async def test_downlink_that_cannot_be_in_time_is_refused_here(
    ahead_us: int, status: TxStatus
) -> None:
    async with running() as (chip, far):
        assert await chip.send(await after_uplink(chip, far, ahead_us)) is status
        assert far.sent == []


async def test_word_of_the_forwarder_is_the_status() -> None:
    words = [b'{"txpk_ack":{"error":"COLLISION_PACKET"}}', b'{"txpk_ack":{"warn":"TX_POWER"}}']
    async with running(answer=lambda _: words.pop(0)) as (chip, far):
        packet = await after_uplink(chip, far, 400_000)
        assert await chip.send(packet) is TxStatus.COLLISION_PACKET
        assert await chip.send(packet) is TxStatus.OK
        assert chip.status().drops == {"tx_power_lowered": 1}


async def test_silence_after_a_downlink_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "ANSWER", 0.05)
    async with running(answer=lambda _: None) as (chip, far):
        assert await chip.send(await after_uplink(chip, far, 400_000)) is TxStatus.TOO_LATE
        assert chip.status().drops == {"unanswered": 1}
        token = far.sent[0].token
        far.down.sendto(b"\x02" + token + b"\x05" + EUI)  # late, and for nobody
        await heard_once(chip, far)
        assert chip.status().drops == {"unanswered": 1, "unknown_token": 1}


async def test_version_1_is_answered_as_such_and_knows_no_tx_ack() -> None:
    async with running(version=1) as (chip, far):
        assert await chip.send(await after_uplink(chip, far, 400_000)) is TxStatus.OK
        await far.has_sent(1)
        assert chip.status().firmware.startswith("protocol version 1")


async def test_downlinks_at_once_have_tokens_of_their_own() -> None:
    async with running() as (chip, far):
        packet = await after_uplink(chip, far, 400_000)
        assert await asyncio.gather(*(chip.send(packet) for _ in range(8))) == [TxStatus.OK] * 8
        assert len({sent.token for sent in far.sent}) == 8


async def test_second_tx_ack_is_counted() -> None:
    async with running() as (chip, far):
        await chip.send(await after_uplink(chip, far, 400_000))
        far.down.sendto(b"\x02" + far.sent[0].token + b"\x05" + EUI)
        await heard_once(chip, far)
        assert chip.status().drops == {"unknown_token": 1}


async def test_without_a_way_down_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (chip, far):
        packet = await after_uplink(chip, far, 400_000)
        chip._way_down = None
        assert await chip.send(packet) is TxStatus.TOO_LATE
        assert chip.status().drops == {"no_pull_data": 1}


async def test_stop_fails_a_downlink_that_waits_for_its_tx_ack() -> None:
    async with running(answer=lambda _: None) as (chip, far):
        sending = asyncio.create_task(chip.send(await after_uplink(chip, far, 400_000)))
        await far.has_sent(1)
        await chip.stop()
        with pytest.raises(LinkLost):
            await sending
