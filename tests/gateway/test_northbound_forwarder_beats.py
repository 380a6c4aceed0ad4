"""The forwarder's beats: signs of life as long as nothing hangs."""

import asyncio
from typing import Any

import pytest
from broker import Wire, fake_broker
from forwarder_bench import CONNACK, MemoryBuffer, running
from patience import until

from gateway.northbound import presence
from gateway.store.buffer import Batch

pytestmark = pytest.mark.usefixtures("short_goodbyes")


async def test_every_attempt_and_every_look_is_a_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr("gateway.northbound.backoff.FIRST_SECONDS", 0.01)
    counts: list[int] = []

    async def serve(wire: Wire) -> None:
        await wire.connect()
        counts.append(gateway.beats)
        if len(counts) <= 6:
            return  # at each of two connects twice with MQTT 5, then with 3.1.1
        wire.send(CONNACK)
        while True:
            wire.puback(await wire.published())

    async with fake_broker(serve) as port, running(port, MemoryBuffer()) as gateway:
        await gateway.words.wait("connected")
        connected = gateway.beats
        await until(lambda: gateway.beats >= connected + 5)
    assert counts == [1, 2, 3, 5, 6, 7, 9]


class Watched(MemoryBuffer):
    """Waits for looks: the status asks for the backlog at each. `stuck` hands out nothing,
    and nothing ever fills a batch up.
    """

    def __init__(self, records: int = 0, stuck: bool = False) -> None:
        super().__init__(records)
        self.stuck, self.looks = stuck, 0

    @property
    def backlog(self) -> int:
        self.looks += 1
        return super().backlog

    async def next_batch(self, limit: int, linger: float, **more: Any) -> Batch:
        if self.stuck or linger:
            await asyncio.Event().wait()
        return await super().next_batch(limit, linger, **more)

    async def looked(self, times: int) -> None:
        goal = self.looks + times
        await until(lambda: self.looks >= goal)


async def status_only(wire: Wire, answer: str) -> None:
    """A broker that takes the status, and answers a batch with `answer` ("": not at all)."""
    await wire.connect()
    wire.send(CONNACK)
    wire.puback(await wire.published())
    while True:
        mid = await wire.published()
        if answer:
            wire.puback(mid, answer)


async def test_sender_that_hangs_with_a_backlog_is_no_beat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)
    buffer = Watched(1, stuck=True)

    async with (
        fake_broker(lambda wire: status_only(wire, "")) as port,
        running(port, buffer) as gateway,
    ):
        await gateway.words.wait("connected")
        beats = gateway.beats
        await buffer.looked(10)
        assert gateway.beats == beats


@pytest.mark.parametrize(
    ("records", "answer"),
    [(0, ""), (1, ""), (1, "97"), (3, "00")],
    ids=["idle", "in flight", "held", "filling up"],
)
async def test_sender_that_has_no_reason_to_deliver_is_a_beat(
    monkeypatch: pytest.MonkeyPatch, records: int, answer: str
) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)
    buffer = Watched(records)
    async with (
        fake_broker(lambda wire: status_only(wire, answer)) as port,
        running(port, buffer, in_flight=4, batch_readings=1, batch_seconds=60) as gateway,
    ):
        await gateway.words.wait("refused" if answer == "97" else "connected")
        await buffer.until(lambda: answer != "00" or len(buffer.done) == 2)
        await buffer.looked(3)
        beats = gateway.beats
        await buffer.looked(10)
        assert gateway.beats >= beats + 3
