"""D1c: what is answered while the disk refuses."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from lorawan_device import join_request
from lorawan_network import APP_KEY, DEV_EUI, JOIN_EUI, packet
from patience import until
from uplinks_bench import GAUGE, Bench, data, idle

from gateway.air import uplinks
from gateway.lorawan.device import Device
from gateway.lorawan.session import RESERVED_AHEAD


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with asyncio.TaskGroup() as tasks:
        yield await dead(Bench(tasks, GAUGE))


async def dead(bench: Bench) -> Bench:
    """One answer has been committed, and the disk dies after it."""
    await bench.hear(packet(data(0, confirmed=True)))
    bench.answers.clear()
    bench.buffer.dead = True
    bench.network.disk_fails(True)
    return bench


async def test_d1c_an_ack_leaves_only_when_the_broker_has_the_reading(bench: Bench) -> None:
    await bench.hear(packet(data(1, confirmed=True)))
    assert (len(bench.readings), bench.answers, bench.withheld) == (2, [], [])
    bench.buffer.broker.set()
    await idle()
    assert (len(bench.answers), bench.withheld) == (1, [])


async def test_d1c_no_ack_leaves_when_the_broker_does_not_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uplinks, "ANSWER_SECONDS", 0.01)
    await bench.hear(packet(data(1, confirmed=True)))
    await until(lambda: bench.withheld)
    assert bench.answers == []


async def test_d1c_no_ack_leaves_beyond_the_counters_that_are_reserved_on_disk(
    bench: Bench,
) -> None:
    bench.buffer.broker.set()
    for f_cnt in range(1, 2 * RESERVED_AHEAD + 5):
        await bench.hear(packet(data(f_cnt, confirmed=True)))
    assert len(bench.answers) == RESERVED_AHEAD
    assert len(bench.withheld) == RESERVED_AHEAD + 4
    assert len(bench.readings) == 2 * RESERVED_AHEAD + 5
    bench.buffer.dead = False
    await bench.hear(packet(data(2000, confirmed=True)))
    assert len(bench.answers) == RESERVED_AHEAD + 1


async def test_d1c_nobody_joins(bench: Bench) -> None:
    for nonce in (1, 2):
        await bench.hear(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, nonce)))
    assert bench.uplinks.drops == {"disk_fails": 2}
    assert bench.uplinks.counts["joins_refused"] == 2
    assert bench.answers == []
    bench.buffer.dead = False
    bench.network.disk_fails(False)
    await bench.hear(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)))
    assert len(bench.answers) == 1, "the DevNonce was not spent by the refusal"


async def test_d1c_a_join_that_found_the_disk_dead_is_not_answered() -> None:
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(tasks, GAUGE)
        bench.buffer.dead = True
        await bench.hear(packet(join_request(APP_KEY, JOIN_EUI, DEV_EUI, 1)))
        assert (bench.answers, len(bench.withheld)) == ([], 1)


async def test_d1c_no_abp_device_begins_anew() -> None:
    device: Device = replace(GAUGE, reset_f_cnt=True)
    async with asyncio.TaskGroup() as tasks:
        bench = await dead(Bench(tasks, device))
        await bench.hear(packet(data(900)), packet(data(3)))
        assert bench.uplinks.drops == {"disk_fails": 1}
        bench.buffer.dead = False
        bench.network.disk_fails(False)
        await bench.hear(packet(data(3)))
        assert [reading.f_cnt for reading in bench.readings] == [0, 900, 3]
