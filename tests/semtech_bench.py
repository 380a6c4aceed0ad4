"""A packet forwarder as a concentrator, and what a test asks of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from patience import HUNG
from semtech_forwarder import PacketForwarder, forwarder, free_udp_port

from drivers.concentrator import (
    Concentrator,
    RxPacket,
    TxPacket,
)
from drivers.semtech_udp.address import Address
from drivers.semtech_udp.udp import SemtechUdp

SECOND = 1_000_000


@asynccontextmanager
async def running(only: bytes | None = None, **how: Any) -> AsyncIterator[
    tuple[SemtechUdp, PacketForwarder]
]:  # fmt: skip
    port = free_udp_port()
    eui = int.from_bytes(only) if only else None
    chip = SemtechUdp(Address("127.0.0.1", port, eui))
    async with forwarder(port, **how) as far:
        await chip.start()
        try:
            yield chip, far
        finally:
            await chip.stop()


async def heard(chip: Concentrator, count: int = 1) -> list[RxPacket]:
    packets: list[RxPacket] = []
    async with asyncio.timeout(HUNG):
        while len(packets) < count:
            packets += await chip.receive()
    return packets


async def after_uplink(chip: SemtechUdp, far: PacketForwarder, ahead_us: int) -> TxPacket:
    """A downlink so far after an uplink that was just heard."""
    far.uplink(b"uplink")
    (packet,) = await heard(chip)
    at = (packet.counter_us + ahead_us) % 2**32
    return TxPacket(b"down", at, packet.chip_session, 868_100_000, 7)


async def heard_once(chip: SemtechUdp, far: PacketForwarder) -> RxPacket:
    far.uplink(b"once")
    (packet,) = await heard(chip)
    return packet
