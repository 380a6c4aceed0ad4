"""A downlink's way, from the city's order to its result (docs/architecture.md §6).

Everything is on disk before it is acted on: the order before it is acknowledged, that it is handed
over before it is programmed, the result with the event that tells it. What expires, and what
devices of class C can have at once, is looked at by `run`.

With the disk dead (D1c) orders are refused, and that is told before they are acknowledged; what
waits goes on waiting. So it does while the radio does not receive: for class C too that is no
attempt, as nothing is tried with class A then either.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from drivers.concentrator import TxStatus
from gateway.clock import Clock
from gateway.diagnostics import telling
from gateway.diagnostics.watch import Watch
from gateway.errors import DiskFault
from gateway.lorawan import moment as lorawan
from gateway.lorawan.airtime import airtime_us
from gateway.lorawan.downlink import Answer
from gateway.lorawan.network import Network
from gateway.lorawan.order import Order, Result, Step
from gateway.lorawan.session import Changes
from gateway.records import Event, Moment, Record

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]

LOOK_SECONDS = 1.0  # while something waits: for its expiry, or for a class C device to listen
IDLE_SECONDS = 10.0
CLOCKS_APART = 0.05
"""Seconds by which the times of a transmission and of an uplink may err against each other."""
NOT_KEPT = "the gateway's disk refuses: order it again later, under another correlation"
RETRY_SECONDS = 10.0  # after a transmission to a class C device was refused


class Buffer(Protocol):
    """What a downlink asks of gateway.store.buffer."""

    @property
    def failing(self) -> bool: ...

    async def keep(self, records: Sequence[Record], changes: Changes) -> bool: ...


class Transmitter(Protocol):
    """What a downlink asks of gateway.air.transmitter."""

    async def send_now(self, answer: Answer) -> None: ...


class Downlinks:
    """`spawn` starts what may take a while, in the daemon's task group; `devices` are DevEUIs;
    `results` counts what was told to the city, by status.
    """

    def __init__(
        self,
        network: Network,
        devices: Iterable[int],
        buffer: Buffer,
        clock: Clock,
        watch: Watch,
        spawn: Spawn,
    ) -> None:
        self._network, self._devices, self._buffer = network, frozenset(devices), buffer
        self._clock, self._watch, self._spawn = clock, watch, spawn
        self._retry_at: dict[int, float] = {}  # by DevEUI, monotonic
        self._sent: dict[int, int] = {}  # DevEUIs of those handed over without an uplink, by number
        self._news = asyncio.Event()
        self.results: Counter[str] = Counter()

    @property
    def waiting(self) -> int:
        """How many orders have no final result yet."""
        return len(self._network.downlinks)

    async def open(self) -> None:
        """What an earlier run left in doubt ends, before anything else happens."""
        await self._keep(self._network.downlinks.recover(self._devices), self._clock.now())

    async def order(self, order: Order) -> None:
        """Take an order in; on disk when this returns. Raises DiskFault: it is not taken in."""
        now = self._clock.now()
        if self._buffer.failing and not self._network.downlinks.knows(order.correlation):
            raise DiskFault(NOT_KEPT)
        step = self._network.downlinks.put(order, now.at)
        # a repeated order brings nothing, but its first copy's commit may be under way
        kept = await self._buffer.keep(
            self.events(step.results, now), Changes(downlinks=step.downlinks)
        )
        if not kept and not step.results and step.downlinks:
            await self._keep(replace(self._network.downlinks.withdraw(order, ""), results=()), now)
            raise DiskFault(NOT_KEPT)
        self._news.set()

    def events(self, results: Iterable[Result], moment: Moment) -> list[Event]:
        """What the city is told."""
        found = [result_event(result, moment) for result in results]
        for event in found:
            self.results[str(event.detail["status"])] += 1
            telling.downlink(event)
            self._watch.tell("downlink", **event.detail)
        return found

    def stands(self, answer: Answer) -> bool:
        """Whether an answer may still be sent: what was handed over without an uplink goes only
        as long as its device was not heard since.
        """
        number = answer.downlink
        if number is None or number not in self._sent:
            return True
        return self._network.stands(number, lorawan_moment(self._clock.now()))

    def told(self, answer: Answer, status: TxStatus | None, ahead_us: int) -> None:
        """The transmitter's word: what became of an answer, and when it is on the air."""
        if answer.downlink is None:
            return
        now = self._clock.now()
        dev_eui = self._sent.pop(answer.downlink, None)
        if dev_eui is not None and status is not TxStatus.OK:
            self._retry_at[dev_eui] = now.monotonic_s + RETRY_SECONDS
        self._news.set()  # the next one may go
        on_air = _later(now, ahead_us / 1e6)
        ends_at = on_air.monotonic_s + _airtime(answer) - CLOCKS_APART
        step = self._network.downlinks.sent(answer.downlink, status, ends_at)
        self._spawn(self._keep(step, on_air))

    async def run(
        self, transmitter: Transmitter, receiving: Callable[[], bool], beat: Callable[[], None]
    ) -> None:
        """`receiving` tells whether the radio does."""
        while True:
            beat()
            self._news.clear()
            if not self._buffer.failing:
                await self._expire()
                if receiving():
                    await self._look(transmitter)
            pause = LOOK_SECONDS if self._network.downlinks.waiting() else IDLE_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()

    async def _expire(self) -> None:
        now = self._clock.now()
        await self._keep(self._network.downlinks.expire(now.at), now)

    async def _look(self, transmitter: Transmitter) -> None:
        for dev_eui in self._network.downlinks.waiting():
            await self._send_now(dev_eui, transmitter)

    async def _send_now(self, dev_eui: int, transmitter: Transmitter) -> None:
        now = self._clock.now()
        if now.monotonic_s < self._retry_at.get(dev_eui, 0.0):
            return
        self._retry_at.pop(dev_eui, None)
        found = self._network.downlink_now(dev_eui, lorawan_moment(now))
        kept = True
        if found.changes != Changes():
            kept = await self._buffer.keep(self.events(found.results, now), found.changes)
        if found.answer is not None and not kept:
            self.told(found.answer, TxStatus.TOO_LATE, 0)
        elif found.answer is not None and found.answer.downlink is not None:
            self._sent[found.answer.downlink] = dev_eui
            await transmitter.send_now(found.answer)

    async def _keep(self, step: Step, moment: Moment) -> None:
        if step.downlinks:
            changes = Changes(downlinks=step.downlinks)
            await self._buffer.keep(self.events(step.results, moment), changes)


def lorawan_moment(moment: Moment) -> lorawan.Moment:
    """As the network server takes it."""
    unix_ns = None if moment.at is None else round(moment.at * 1e9)
    return lorawan.Moment(moment.monotonic_s, unix_ns)


def _airtime(answer: Answer) -> float:
    """Seconds that it is on the air at least; 0 where it has no window."""
    size = len(answer.phy_payload)
    times = (airtime_us(size, window.sf, window.bandwidth) for window in answer.windows)
    return min(times, default=0) / 1e6


def _later(moment: Moment, seconds: float) -> Moment:
    at = None if moment.at is None else moment.at + seconds
    return Moment(at, moment.time_quality, moment.boot_id, moment.monotonic_s + seconds)


def result_event(result: Result, moment: Moment) -> Event:
    """What the city is told: `final` means that nothing more comes."""
    order = result.order
    return downlink_event(
        moment,
        correlation=order.correlation,
        device=f"{order.dev_eui:016x}",
        status=result.status,
        f_cnt=result.f_cnt,
        reason=result.reason,
        final=result.final,
    )


def downlink_event(
    moment: Moment,
    *,
    correlation: str | None,
    device: str,
    status: str,
    f_cnt: int | None = None,
    reason: str | None = None,
    final: bool = True,
) -> Event:
    detail = {"correlation": correlation, "device": device, "status": str(status)}
    return Event("downlink", moment, {**detail, "f_cnt": f_cnt, "reason": reason, "final": final})
