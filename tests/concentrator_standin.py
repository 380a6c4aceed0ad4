"""A concentrator as `drivers.concentrator` draws it, made of lists: each verb does what is set."""

import asyncio
from dataclasses import dataclass, field

from patience import HUNG

from drivers.concentrator import (
    ConcentratorStatus,
    Counter,
    CounterUnknown,
    DriverError,
    LinkLost,
    RxPacket,
    TxPacket,
    TxStatus,
)


@dataclass
class FakeConcentrator:
    """`starts` and `heard` are taken from the front: an error is raised, the rest is returned.

    When a list is empty `start` succeeds and `receive` waits. `done` is what was asked, in order.
    """

    starts: list[DriverError] = field(default_factory=list)
    heard: list[list[RxPacket] | DriverError] = field(default_factory=list)
    sends: list[TxStatus | DriverError] = field(default_factory=list)
    now_us: int = 0
    chip_session: int = 1
    lead_us: int = 40_000
    gone: bool = False
    counter_unknown: bool = False
    done: list[str] = field(default_factory=list)
    sent: list[TxPacket] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self._note("start")
        if self.starts:
            raise self.starts.pop(0)

    async def receive(self) -> list[RxPacket]:
        self._note("receive")
        if not self.heard:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        match self.heard.pop(0):
            case DriverError() as error:
                raise error
            case packets:
                return packets

    async def send(self, packet: TxPacket) -> TxStatus:
        self.sent.append(packet)
        self._note("send")
        await asyncio.sleep(0)
        match self.sends.pop(0) if self.sends else TxStatus.OK:
            case DriverError() as error:
                raise error
            case status:
                return status

    async def counter(self) -> Counter:
        await asyncio.sleep(0)
        if self.gone:
            raise LinkLost("unplugged")
        if self.counter_unknown:
            raise CounterUnknown("no packet yet")
        self._note("counter")
        return Counter(self.now_us, self.chip_session)

    def status(self) -> ConcentratorStatus:
        return ConcentratorStatus(chip_session=self.chip_session)

    async def stop(self) -> None:
        self._note("stop")

    async def until(self, what: str, times: int = 1) -> None:
        """Wait until it was asked for `what` so many times."""
        async with asyncio.timeout(HUNG):
            while self.done.count(what) < times:
                self.news.clear()
                await self.news.wait()

    def _note(self, what: str) -> None:
        self.done.append(what)
        self.news.set()
