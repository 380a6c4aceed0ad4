"""Downlinks on their way: on disk before anything is done, and each result told."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from lorawan_network import ABP, AIR, network, packet
from messages import EUI, check
from patience import HUNG, until

from drivers.concentrator import RxPacket, TxStatus
from gateway.air import downlinks
from gateway.air.downlinks import Downlinks, lorawan_moment
from gateway.clock import Clock
from gateway.diagnostics.log import LogLevel
from gateway.diagnostics.watch import Watch
from gateway.errors import DiskFault
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import Answer
from gateway.lorawan.order import Order, Queued, State
from gateway.lorawan.session import Changes, KnownState
from gateway.northbound.formats import json as wire
from gateway.records import Event, Record

LAMP = replace(ABP, device_class="C")
WALL = 1_790_000_000.0


def order(name: str = "a", **changes: object) -> Order:
    return replace(Order(name, ABP.dev_eui, 1, b"on"), **changes)  # type: ignore[arg-type]


class Bench:
    """No radio and no disk: what was committed and sent, in order."""

    def __init__(self, tasks: asyncio.TaskGroup, *known: Queued) -> None:
        self.done: list[str] = []
        self.events: list[Event] = []
        self.disk = asyncio.Event()
        self.disk.set()
        self.news = asyncio.Event()
        self.failing, self.receiving = False, True
        self.seconds, self.rounds = 100.0, 0
        self.says: list[TxStatus | None] = []
        self.crossing: RxPacket | None = None
        self.clock = Clock(lambda: "ntp", "boot", lambda: WALL + self.seconds, lambda: self.seconds)
        self.network = network([LAMP], KnownState(downlinks=known))
        self.downlinks = Downlinks(
            self.network,
            [LAMP.dev_eui],
            self,
            self.clock,
            Watch(),
            tasks.create_task,
        )

    async def keep(self, records: Sequence[Record], changes: Changes) -> bool:
        await self.disk.wait()
        self.done += [row.state for row in changes.downlinks]
        for record in records:
            assert isinstance(record, Event)
            check("events", wire.events(EUI, [record], lambda moment: moment))
            self.events.append(record)
        self.news.set()
        return not self.failing

    async def send_now(self, answer: Answer) -> None:
        self.done.append("sent")
        assert self.downlinks.stands(answer)
        if self.crossing is not None:
            self.network.receive(self.crossing, lorawan_moment(self.clock.now()))
            self.crossing = None
            assert not self.downlinks.stands(answer)
        self.news.set()
        self.downlinks.told(answer, self.says.pop(0) if self.says else TxStatus.OK, 42_501)

    async def until(self, *done: str) -> None:
        async with asyncio.timeout(HUNG):
            while len(self.done) < len(done):
                self.news.clear()
                await self.news.wait()
        assert self.done == list(done)

    def beat(self) -> None:
        self.rounds += 1
        self.news.set()

    async def goes_round(self, times: int = 2) -> None:
        goal = self.rounds + times
        async with asyncio.timeout(HUNG):
            while self.rounds < goal:
                self.news.clear()
                await self.news.wait()

    @property
    def statuses(self) -> list[object]:
        return [event.detail["status"] for event in self.events]


@asynccontextmanager
async def running(*known: Queued) -> AsyncIterator[Bench]:
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(tasks, *known)
        await bench.downlinks.open()
        task = tasks.create_task(bench.downlinks.run(bench, lambda: bench.receiving, bench.beat))
        yield bench
        task.cancel()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downlinks, "LOOK_SECONDS", 0.005)
    monkeypatch.setattr(downlinks, "IDLE_SECONDS", 0.005)


async def test_everything_is_on_disk_before_it_is_acted_on() -> None:
    async with running() as bench:
        await bench.downlinks.order(order())
        await bench.until("waiting", "handed_over", "sent", "done")
        assert bench.statuses == ["OK"]
        assert bench.events[0].moment.at == WALL + 100.042501, "when it was on the air"
        assert bench.downlinks.waiting == 0


async def test_order_is_not_taken_before_it_is_on_disk() -> None:
    async with running() as bench:
        bench.disk.clear()
        ordering = asyncio.create_task(bench.downlinks.order(order()))
        await asyncio.wait({ordering}, timeout=0.05)
        assert not ordering.done()
        bench.disk.set()
        await ordering
        await bench.until("waiting", "handed_over", "sent", "done")


async def test_refused_transmission_is_tried_again_after_a_while() -> None:
    async with running() as bench:
        bench.says = [TxStatus.DUTY_CYCLE_OVERFLOW]
        await bench.downlinks.order(order())
        first = ("waiting", "handed_over", "sent", "waiting")
        await bench.until(*first)
        bench.seconds += downlinks.RETRY_SECONDS
        await bench.until(*first, "handed_over", "sent", "done")
        assert bench.statuses == ["DUTY_CYCLE_OVERFLOW", "OK"]


async def test_downlink_waits_for_a_radio_that_does_not_receive_and_may_expire_meanwhile() -> None:
    async with running() as bench:
        bench.receiving = False
        await bench.downlinks.order(order())
        await bench.downlinks.order(order("stale", expires_at=WALL + 200))
        bench.seconds = 200.0
        await bench.until("waiting", "waiting", "done")
        await bench.goes_round()
        assert bench.statuses == ["EXPIRED"]
        bench.receiving = True
        await bench.until("waiting", "waiting", "done", "handed_over", "sent", "done")
        assert bench.statuses == ["EXPIRED", "OK"]


async def test_downlink_does_not_stand_once_its_device_was_heard() -> None:
    async with running() as bench:
        bench.crossing, bench.says = packet(AIR.uplink(0)), [TxStatus.COLLISION_PACKET]
        await bench.downlinks.order(order())
        first = ("waiting", "handed_over", "sent", "waiting")
        await bench.until(*first)
        bench.seconds += downlinks.RETRY_SECONDS
        await bench.until(*first, "handed_over", "sent", "done")
        assert bench.statuses == ["COLLISION_PACKET", "OK"]


async def test_timed_downlink_goes_at_its_moment() -> None:
    async with running() as bench:
        await bench.downlinks.order(order(at=WALL + 200))
        await bench.until("waiting")
        bench.seconds = 199.9
        await bench.goes_round()
        assert bench.done == ["waiting"]
        bench.seconds = 200.0
        await bench.until("waiting", "handed_over", "sent", "done")


async def test_transmission_that_nobody_knows_of_is_not_tried_again() -> None:
    async with running() as bench:
        bench.says = [None]
        await bench.downlinks.order(order())
        await bench.until("waiting", "handed_over", "sent", "done")
        assert bench.statuses == ["NOT_ACKED"]


async def test_transmission_ends_when_its_last_symbol_has_left() -> None:
    """13 + 2 bytes at SF12 in RX2, 42.501 ms after it was told of."""
    async with running() as bench:
        await bench.downlinks.order(order(confirmed=True))
        await bench.until("waiting", "handed_over", "sent", "awaits_ack")
        ends_at = bench.network.downlinks.ends_at(LAMP.dev_eui)
        expected = 100.042501 + airtime_us(15, 12) / 1e6
        assert ends_at == pytest.approx(expected - downlinks.CLOCKS_APART)


async def test_what_expires_is_told_without_an_uplink() -> None:
    async with running() as bench:
        asleep = order(expires_at=WALL + 200, dev_eui=5)
        await bench.downlinks.order(asleep)
        await bench.until("waiting")
        bench.seconds = 200.0
        await bench.until("waiting", "done")
        assert bench.statuses == ["EXPIRED"]


async def test_what_an_earlier_run_left_in_doubt_ends_first() -> None:
    doubtful = Queued(1, order(), State.HANDED_OVER, 0, b"\1", 7)
    async with running(doubtful) as bench:
        assert bench.done == ["done"]
        assert bench.events[0].detail["f_cnt"] == 7
        assert bench.statuses == ["NOT_ACKED"]


async def test_answer_without_a_downlink_is_nobodys_result() -> None:
    async with running() as bench:
        assert bench.downlinks.stands(Answer(b"\x60", ()))
        bench.downlinks.told(Answer(b"\x60", ()), TxStatus.OK, 0)
        assert (bench.done, bench.events) == ([], [])


async def test_log_level_changes_for_a_while() -> None:
    root = logging.getLogger()
    usual = root.level
    level = LogLevel()
    try:
        level.change("debug", 10)
        assert root.level == logging.DEBUG
        level.change("error", 0)
        assert root.level == logging.ERROR
        await until(lambda: root.level != logging.ERROR)
        assert root.level == usual
    finally:
        root.setLevel(usual)


async def test_repeated_order_is_taken_in_only_when_its_first_copy_is_on_disk() -> None:
    async with asyncio.TaskGroup() as tasks:
        bench = Bench(tasks)
        bench.disk.clear()
        copies = [asyncio.create_task(bench.downlinks.order(order())) for _ in range(2)]
        await asyncio.wait(copies, timeout=0.01)
        assert not any(copy.done() for copy in copies)
        bench.disk.set()
        await asyncio.gather(*copies)
        assert bench.done == ["waiting"]


async def test_d1c_orders_are_refused_and_what_waits_goes_on_waiting() -> None:
    async with running() as bench:
        bench.network.downlinks.disk_fails = True
        await bench.downlinks.order(order("a"))
        bench.failing = True
        with pytest.raises(DiskFault, match="order it again"):
            await bench.downlinks.order(order("b"))
        await bench.downlinks.order(order("a"))  # known: it is on disk
        assert bench.downlinks.waiting == 1
        assert bench.done == ["waiting"]
        bench.failing = bench.network.downlinks.disk_fails = False
        await bench.until("waiting", "handed_over", "sent", "done")


async def test_d1c_an_order_that_found_the_disk_dead_is_withdrawn() -> None:
    async with running() as bench:
        bench.disk.clear()
        bench.network.downlinks.disk_fails = True
        ordering = asyncio.create_task(bench.downlinks.order(order()))
        await asyncio.sleep(0)
        bench.failing = True
        bench.disk.set()
        with pytest.raises(DiskFault):
            await ordering
        assert (bench.downlinks.waiting, bench.done) == (0, ["waiting", "done"])
        assert bench.events == []
