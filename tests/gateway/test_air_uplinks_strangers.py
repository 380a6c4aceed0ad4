"""Strangers' frames: counted drops with a reason, shown to onlookers, never an exception."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lorawan_device import Air, join_request
from lorawan_network import APP_KEY, DEV_EUI, JOIN_EUI, copy_of, packet
from uplinks_bench import GAUGE, Bench, data, listening

from drivers.concentrator import Crc, RxPacket
from gateway.diagnostics.watch import Onlooker


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with listening() as one:
        yield one


def spoiled(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


STRANGER = Air(0x0BADCAFE, b"s" * 16, b"s" * 16)
DROPS: list[tuple[str, Callable[[], RxPacket], set[str]]] = [
    ("bad_crc", lambda: replace(packet(data(9)), crc=Crc.BAD), set()),
    ("no_crc", lambda: replace(packet(data(9)), crc=Crc.NONE), set()),
    ("malformed", lambda: packet(data(9)[:11]), set()),
    ("malformed", lambda: packet(b""), set()),
    ("not_an_uplink", lambda: packet(b"\x60" + data(9)[1:]), set()),
    ("unknown_device", lambda: packet(b"\xc0" + bytes(18)), {"dev_eui"}),
    ("unknown_device", lambda: packet(STRANGER.uplink(1)), {"dev_addr"}),
    ("bad_mic", lambda: packet(spoiled(data(9))), {"dev_addr"}),
    ("bad_mic", lambda: packet(join_request(b"?" * 16, JOIN_EUI, DEV_EUI, 1)), {"dev_eui"}),
    ("replay", lambda: packet(data(3)), {"dev_addr", "dev_eui"}),
]


@pytest.mark.parametrize(("reason", "make", "known"), DROPS)
async def test_stranger_is_counted_by_reason_and_shown_to_onlookers(
    bench: Bench, reason: str, make: Callable[[], RxPacket], known: set[str]
) -> None:
    await bench.hear(packet(data(4)))
    with bench.watch.onlooker() as onlooker:
        await bench.hear(make())
        told = await onlooker.next()
    assert dict(bench.uplinks.drops) == {reason: 1}
    assert (told["event"], told["reason"]) == ("drop", reason)
    assert told.keys() >= {"rssi"} | known
    assert len(bench.readings) == 1


async def test_copy_of_another_demodulator_is_no_second_reading(bench: Bench) -> None:
    first = packet(data(4))
    await bench.hear(first, copy_of(first))
    assert dict(bench.uplinks.drops) == {"duplicate": 1}
    assert len(bench.readings) == 1


async def test_onlooker_sees_reading_and_join(bench: Bench) -> None:
    with bench.watch.onlooker() as onlooker:
        await bench.hear(packet(data(4)), packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 9)))
        reading, join = [await next_of(onlooker) for _ in range(2)]
    assert (reading["event"], reading["f_cnt"]) == ("reading", 4)
    assert reading["id"] == bench.readings[0].id
    assert (join["event"], join["device"]) == ("join", f"{DEV_EUI:016x}")


async def next_of(onlooker: Onlooker) -> dict[str, Any]:
    return dict(msgspec.json.decode(msgspec.json.encode(await onlooker.next())))


@given(st.binary(max_size=255))
def test_strangers_bytes_never_raise(payload: bytes) -> None:
    async def hear() -> int:
        async with asyncio.TaskGroup() as tasks:
            bench = Bench(tasks, GAUGE)
            await bench.hear(packet(payload))
            return bench.uplinks.drops.total()

    assert asyncio.run(hear()) == 1
