"""From a buffer to the broker: nothing delivered that was not acknowledged, nothing kept back."""

import asyncio
import json
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import MessagesIterator
from broker import Wire, fake_broker, mosquitto, subscriber
from messages import EUI, MOMENT, check, replaced

from gateway.config import Mqtt
from gateway.northbound import forwarder
from gateway.northbound.backoff import Backoff
from gateway.northbound.client import Client, Lost
from gateway.northbound.forwarder import Forwarder
from gateway.records import Event, Reading, Record
from gateway.store.buffer import Batch

CONNACK = "20 03 00 00 00"


@pytest.fixture(autouse=True)
def _short_goodbyes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted servers do not answer the last status."""
    monkeypatch.setattr(forwarder, "GOODBYE_SECONDS", 0.05)


class MemoryBuffer:
    """The contract of gateway.store.buffer: a record is `waiting`, `out` or `done`."""

    def __init__(self, records: int = 0) -> None:
        self.waiting: deque[Record] = deque(reading(n) for n in range(records))
        self.out: dict[int, Batch] = {}
        self.done: list[Record] = []
        self.asked: list[tuple[int, float]] = []
        self._changed = asyncio.Event()
        self._number = 0

    @property
    def backlog(self) -> int:
        return len(self.waiting) + sum(len(batch.records) for batch in self.out.values())

    async def next_batch(self, limit: int, linger: float) -> Batch:
        self.asked.append((limit, linger))
        await self.until(lambda: bool(self.waiting))
        kind = type(self.waiting[0])
        records: list[Record] = []
        while self.waiting and len(records) < limit and type(self.waiting[0]) is kind:
            records.append(self.waiting.popleft())
        self._number += 1
        batch = Batch(tuple(records), False, self._number)
        self.out[batch.number] = batch
        self._changed.set()
        return batch

    def delivered(self, batch: Batch) -> None:
        self.done.extend(self.out.pop(batch.number).records)
        self._changed.set()

    def returned(self, batch: Batch) -> None:
        self.waiting.extendleft(reversed(self.out.pop(batch.number).records))
        self._changed.set()

    def add(self, record: Record) -> None:
        self.waiting.append(record)
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()


class Words:
    """What was told, and a way to wait for the next word of a kind."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []
        self._news = asyncio.Event()

    def __call__(self, kind: str, text: str) -> None:
        self.all.append((kind, text))
        self._news.set()

    def of(self, kind: str) -> list[str]:
        return [text for said, text in self.all if said == kind]

    async def wait(self, kind: str, times: int = 1) -> str:
        while len(self.of(kind)) < times:
            self._news.clear()
            await self._news.wait()
        return self.of(kind)[times - 1]


class Gateway:
    """A forwarder under test, with the clock still and no jitter."""

    def __init__(self, port: int, buffer: MemoryBuffer, **settings: Any) -> None:
        self.buffer, self.words = buffer, Words()
        self.radio = ("receiving", "")
        self.beats = 0
        self.forwarder = Forwarder(
            Mqtt(url=f"mqtt://127.0.0.1:{port}", plain_is_ok=True, **settings),
            EUI,
            buffer,
            dated=lambda moment: moment,
            now=lambda: MOMENT,
            radio=lambda: self.radio,
            random=lambda: 0.9,
            told=self.words,
        )

    def beat(self) -> None:
        self.beats += 1


@asynccontextmanager
async def running(port: int, buffer: MemoryBuffer, **settings: Any) -> AsyncIterator[Gateway]:
    gateway = Gateway(port, buffer, **settings)
    task = asyncio.create_task(gateway.forwarder.run(gateway.beat))
    try:
        yield gateway
    finally:
        assert not task.done() or task.exception() is None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert buffer.out == {}, "a batch was neither delivered nor returned"


def reading(number: int) -> Reading:
    return replaced(id=f"{number:032x}", f_cnt=number)


def ids(messages: list[Any]) -> list[int]:
    return [int(r["id"], 16) for message in messages for r in message["readings"]]


async def received(messages: MessagesIterator, count: int) -> list[int]:
    """The readings of the next messages, until there are `count` different ones."""
    found: list[int] = []
    async for message in messages:
        found += ids([check("readings", str(message.payload, "utf-8"))])
        if len(set(found)) >= count:
            return found
    raise AssertionError("the subscription ended")


async def test_readings_and_events_arrive_and_are_delivered(tmp_path: Path) -> None:
    buffer = MemoryBuffer(250)
    buffer.add(Event("join", MOMENT, {"device": "70b3d57ed0000001"}))
    async with (
        mosquitto(tmp_path) as broker,
        subscriber(broker.port, f"kogge/{EUI}/readings") as readings,
        subscriber(broker.port, f"kogge/{EUI}/events") as events,
        running(broker.port, buffer) as gateway,
    ):
        assert await received(readings, 250) == list(range(250))
        check("events", str((await anext(aiter(events))).payload, "utf-8"))
        await buffer.until(lambda: len(buffer.done) == 251)
        state = gateway.forwarder.state
        assert (state.connected, state.protocol, state.published) == (True, "5", 4)
        assert (state.in_flight, state.refused, state.connections) == (0, 0, 1)


async def test_batches_fill_up_only_while_half_the_window_is_in_flight() -> None:
    buffer = MemoryBuffer(6)

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        await wire.reader.read()

    async with (
        fake_broker(serve) as port,
        running(port, buffer, in_flight=4, batch_readings=1, batch_seconds=3),
    ):
        await buffer.until(lambda: len(buffer.out) == 4)
    assert buffer.asked == [(1, 0.0), (1, 0.0), (1, 3.0), (1, 3.0)]  # and no more than four


async def test_refused_batch_is_returned_and_said(tmp_path: Path) -> None:
    buffer = MemoryBuffer(1)
    acl = f"topic write kogge/{EUI}/events\ntopic write kogge/{EUI}/status\n"
    async with mosquitto(tmp_path, acl=acl) as broker, running(broker.port, buffer) as gateway:
        text = await gateway.words.wait("refused")
        assert f"refused kogge/{EUI}/readings: Not authorized (0x87)" in text
        assert "Nothing is lost" in text
        assert (buffer.backlog, buffer.done) == (1, [])
        assert gateway.forwarder.state.refused == 1
        assert gateway.forwarder.state.connected


async def test_refusals_do_not_spin() -> None:
    buffer = MemoryBuffer(50)
    seen = 0

    async def serve(wire: Wire) -> None:
        nonlocal seen
        await wire.connect()
        wire.send(CONNACK)
        while True:
            mid = await wire.published()
            wire.send(f"40 03 {mid:04x} 97")  # quota exceeded
            seen += 1

    async with fake_broker(serve) as port, running(port, buffer, batch_readings=1) as gateway:
        await gateway.words.wait("refused", 2)  # the status, and the first batch
        await asyncio.sleep(0.3)
        assert seen <= 1 + 2 * 20  # what was in flight when the first refusal came, not hundreds
        assert buffer.done == []


async def test_refused_batch_arrives_once_the_broker_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buffer = MemoryBuffer(3)
    codes = iter(["00", "97", "00"])  # status, batch, the batch again
    monkeypatch.setattr("gateway.northbound.backoff.QUICK_SECONDS", 0.01)

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        while True:
            mid = await wire.published()
            wire.send(f"40 03 {mid:04x} {next(codes, '00')}")

    async with fake_broker(serve) as port, running(port, buffer):
        await buffer.until(lambda: len(buffer.done) == 3)
        assert [record.f_cnt for record in buffer.done if isinstance(record, Reading)] == [0, 1, 2]


async def test_batches_are_made_as_small_as_the_broker_wants_them(tmp_path: Path) -> None:
    buffer = MemoryBuffer(200)
    async with (
        mosquitto(tmp_path, settings=["max_packet_size 5000"]) as broker,
        subscriber(broker.port, f"kogge/{EUI}/readings") as readings,
        running(broker.port, buffer, batch_readings=50) as gateway,
    ):
        async with asyncio.timeout(5):
            assert sorted(set(await received(readings, 200))) == list(range(200))
            await buffer.until(lambda: len(buffer.done) == 200)
        assert gateway.forwarder.state.connections == 1
        assert gateway.words.of("refused") == []


async def test_record_that_is_too_large_for_the_broker_is_held_and_said(tmp_path: Path) -> None:
    buffer = MemoryBuffer(2)
    async with (
        mosquitto(tmp_path, settings=["max_packet_size 400"]) as broker,
        running(broker.port, buffer) as gateway,
    ):
        text = await gateway.words.wait("refused")
        assert re.search(r"readings: \d+ bytes, and the broker takes 400 \(0x95\)", text)
        assert "a smaller mqtt.batch_readings does not help" in text
        assert (buffer.backlog, buffer.done) == (2, [])
        assert gateway.forwarder.state.connected


async def test_cut_in_mid_flight_returns_every_batch_in_order() -> None:
    buffer = MemoryBuffer(100)
    cuts = 0

    async def serve(wire: Wire) -> None:
        nonlocal cuts
        await wire.connect()
        wire.send(CONNACK)
        acknowledged = 0
        while cuts == 3 or acknowledged < 5:
            wire.puback(await wire.published())
            acknowledged += 1
        await wire.writer.drain()
        cuts += 1

    async with (
        fake_broker(serve) as port,
        running(port, buffer, batch_readings=1, in_flight=8) as gateway,
    ):
        await buffer.until(lambda: len(buffer.done) == 100)
        assert gateway.forwarder.state.connections == 4
        assert gateway.words.of("disconnected") == ["the connection to the broker broke"] * 3
    assert sorted(map(id_of, buffer.done)) == list(range(100))


def id_of(record: Record) -> int:
    assert isinstance(record, Reading)
    return int(record.id, 16)


async def test_nothing_is_lost_and_work_resumes_when_the_broker_comes_back(tmp_path: Path) -> None:
    buffer = MemoryBuffer()
    async with mosquitto(tmp_path) as broker, running(broker.port, buffer) as gateway:
        await gateway.words.wait("connected")
        for round_ in range(3):
            await broker.kill()
            await gateway.words.wait("disconnected", 2 * round_ + 2)  # lost, then nobody there
            for n in range(10):
                buffer.add(reading(round_ * 10 + n))
            await broker.start()
            async with asyncio.timeout(1):
                await buffer.until(lambda n=round_: len(buffer.done) == 10 * n + 10)  # type: ignore[misc]
        assert gateway.forwarder.state.connections == 4
    assert [id_of(record) for record in buffer.done] == list(range(30))


async def test_status_is_retained_online_and_offline_at_a_stop(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        async with running(broker.port, MemoryBuffer()) as gateway:
            await gateway.words.wait("connected")
            online = await status_of(broker.port, "online")
        offline = await status_of(broker.port, "offline")
    assert online["radio"] == {"state": "receiving", "reason": ""}
    assert online["since"] == offline["since"] == "2026-05-01T12:00:00.123Z"


async def test_last_will_speaks_when_the_gateway_dies(tmp_path: Path) -> None:
    async with mosquitto(tmp_path) as broker:
        dying = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DYING, str(broker.port), EUI
        )
        await status_of(broker.port, "online")
        dying.kill()
        await dying.wait()
        will = await status_of(broker.port, "offline")
    assert will["since"] is None


_DYING = """
import asyncio, sys
from gateway.config import Mqtt
from gateway.northbound.client import Client, Lost
from gateway.northbound.forwarder import Forwarder
from gateway.records import Moment

class Empty:
    backlog = 0
    async def next_batch(self, limit, linger):
        await asyncio.Event().wait()

moment = Moment(0.0, "ntp", "b", 0.0)
asyncio.run(Forwarder(
    Mqtt(url="mqtt://127.0.0.1:" + sys.argv[1]), sys.argv[2], Empty(),
    dated=lambda m: m, now=lambda: moment, radio=lambda: ("receiving", ""), random=lambda: 0.5,
    told=lambda kind, text: None,
).run(lambda: None))
"""


async def status_of(port: int, state: str) -> dict[str, Any]:
    """Wait until the (retained) status is `state`."""
    async with subscriber(port, f"kogge/{EUI}/status") as messages:
        async for message in messages:
            status = check("status", str(message.payload, "utf-8"))
            if status["state"] == state:
                return status
    raise AssertionError("the subscription ended")


async def test_status_follows_the_radio_at_once_and_the_backlog_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarder, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(forwarder, "BACKLOG_SECONDS", 0.2)
    buffer = MemoryBuffer()
    async with (
        mosquitto(tmp_path, acl=f"topic read #\ntopic write kogge/{EUI}/status\n") as broker,
        subscriber(broker.port, f"kogge/{EUI}/status") as messages,
        running(broker.port, buffer) as gateway,
    ):
        statuses = aiter(messages)
        assert json.loads(bytes((await anext(statuses)).payload))["radio"]["state"] == "receiving"
        gateway.radio = ("lost", "the port is gone")
        radio = json.loads(bytes((await anext(statuses)).payload))["radio"]
        assert radio == {"state": "lost", "reason": "the port is gone"}
        buffer.add(reading(1))  # the ACL keeps it from being delivered
        assert json.loads(bytes((await anext(statuses)).payload))["backlog"] == 1


async def test_wrong_password_is_said_once_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.northbound.backoff.QUICK_SECONDS", 0.01)
    buffer, attempts = MemoryBuffer(1), 0

    async def serve(wire: Wire) -> None:
        nonlocal attempts
        await wire.connect()
        attempts += 1
        if attempts <= 3:
            wire.send("20 03 00 87 00")
            return
        wire.send(CONNACK)
        while True:
            wire.puback(await wire.published())

    async with fake_broker(serve) as port, running(port, buffer, username="gw") as gateway:
        assert "refuses user 'gw'" in await gateway.words.wait("disconnected")
        assert "refuses user 'gw'" in gateway.forwarder.state.reason
        await buffer.until(lambda: len(buffer.done) == 1)
        assert len(gateway.words.of("disconnected")) == 1
        assert gateway.forwarder.state.reason == ""


async def test_every_attempt_and_every_look_is_a_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "LOOK_SECONDS", 0.01)
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
        async with asyncio.timeout(2):
            while gateway.beats < connected + 5:
                await asyncio.sleep(0.01)
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

    async def next_batch(self, limit: int, linger: float) -> Batch:
        if self.stuck or linger:
            await asyncio.Event().wait()
        return await super().next_batch(limit, linger)

    async def looked(self, times: int) -> None:
        until = self.looks + times
        async with asyncio.timeout(5):
            while self.looks < until:
                await asyncio.sleep(0.01)


async def status_only(wire: Wire, answer: str) -> None:
    """A broker that takes the status, and answers a batch with `answer` ("": not at all)."""
    await wire.connect()
    wire.send(CONNACK)
    wire.puback(await wire.published())
    while True:
        mid = await wire.published()
        if answer:
            wire.send(f"40 03 {mid:04x} {answer}")


async def test_sender_that_hangs_with_a_backlog_is_no_beat(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forwarder, "LOOK_SECONDS", 0.01)
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
    monkeypatch.setattr(forwarder, "LOOK_SECONDS", 0.01)
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


@pytest.mark.parametrize(
    ("steady", "waits"), [(60.0, [0.1375, 0.275, 0.55, 0.55]), (0.0, [0.1375] * 4)]
)
async def test_back_off_grows_until_a_connection_has_held_for_a_while(
    monkeypatch: pytest.MonkeyPatch, steady: float, waits: list[float]
) -> None:
    """The broker takes the status, and then ends the connection."""
    monkeypatch.setattr(forwarder, "STEADY_SECONDS", steady)
    found: list[float] = []

    class Hurried(Backoff):
        def next(self, *, quick: bool = True) -> float:
            found.append(super().next(quick=quick))
            return 0.0

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        wire.puback(await wire.published())
        await wire.writer.drain()

    monkeypatch.setattr(forwarder, "Backoff", Hurried)
    async with fake_broker(serve) as port, running(port, MemoryBuffer()) as gateway:
        await gateway.words.wait("disconnected", 4)
    assert found[:4] == pytest.approx(waits)


async def test_gateway_that_is_pushed_out_by_another_says_so() -> None:
    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        wire.puback(await wire.published())
        wire.send("e0 02 8e 00")
        await wire.reader.read()

    async with fake_broker(serve) as port, running(port, MemoryBuffer()) as gateway:
        text = await gateway.words.wait("disconnected")
        assert text.endswith(f"Session taken over; is another gateway using the EUI {EUI}?")


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_batches_in_flight_come_back_when_it_is_stopped(protocol: str) -> None:
    buffer = MemoryBuffer(10)

    async def serve(wire: Wire) -> None:
        level = await wire.connect()
        wire.send(CONNACK if level == 5 else "20 02 00 00")
        await wire.reader.read()

    async with (
        asyncio.timeout(8),
        fake_broker(serve) as port,
        running(port, buffer, batch_readings=1, in_flight=3, protocol=protocol),
    ):
        await buffer.until(lambda: len(buffer.out) == 3)
    assert [id_of(record) for record in buffer.waiting] == list(range(10))


async def test_stop_that_meets_a_lost_connection_still_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A TaskGroup before Python 3.13 swallows the cancellation."""

    async def lost_while_being_stopped(_: Client) -> None:
        stopping.cancel()
        raise Lost("in the same moment")

    monkeypatch.setattr(Client, "lost", lost_while_being_stopped)

    async def serve(wire: Wire) -> None:
        await wire.connect()
        wire.send(CONNACK)
        await wire.reader.read()

    async with fake_broker(serve) as port:
        stopping = asyncio.create_task(Gateway(port, MemoryBuffer(1)).forwarder.run(lambda: None))
        done, _ = await asyncio.wait((stopping,), timeout=2)
        assert stopping in done
        assert stopping.cancelled()
