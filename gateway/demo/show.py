"""The demo from curtain to verdict: reads like a recipe.

A shortened day: the gateway starts, devices join and send; at 45 % of the time the line to the
city is cut, at 70 % it comes back; `DRAIN_S` before the end the devices fall silent, and then
everything that was heard must arrive.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from drivers import emulator
from gateway.cli.language import _
from gateway.demo import broker, cabinet, display, proxy
from gateway.demo.air import Antenna, antenna
from gateway.demo.cabinet import Daemon
from gateway.demo.display import Style
from gateway.demo.judge import LATE_S, Arrival, Verdict, identity, judge, readings
from gateway.demo.life import Diary, Life
from gateway.demo.proxy import Proxy
from gateway.demo.street import Resident, residents
from gateway.demo.subscriber import Subscriber
from gateway.errors import GatewayError

START_S = 20.0
CUT_AT, BACK_AT = 0.45, 0.70
DRAIN_S = 4.0
WAKE_S = 0.15  # apart, so that not all Join-Accepts are due at once
SETTLE_S = 30.0
SEED = 17
ENOUGH_JOINED = 4


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the demo appears: `say` a line for good, `status` one that the next replaces."""

    say: Callable[[str], None]
    status: Callable[[str], None]
    style: Style


@dataclass(frozen=True, slots=True)
class Outcome:
    verdict: Verdict
    joined: int
    seconds: float

    @property
    def good(self) -> bool:
        """Nothing lost, nothing twice, and it was no empty stage."""
        counted = self.verdict
        nothing_wrong = counted.lost == 0 and counted.duplicates == 0
        return nothing_wrong and counted.received > 0 and self.joined >= ENOUGH_JOINED


class Show:
    """What is on stage, and what has been seen so far."""

    def __init__(self, screen: Screen, seconds: float, outage: bool) -> None:
        self._screen, self._seconds, self._outage = screen, seconds, outage
        self._city = residents(Random(SEED))
        self._places = {resident.dev_eui: resident.place for resident in self._city}
        self._joining = sum(bool(resident.keys.app_key) for resident in self._city)
        self._diary = Diary()
        self._subscriber = Subscriber(self._arrived)
        self._over, self._nothing_waits = asyncio.Event(), asyncio.Event()
        self._backlog: set[str] = set()
        self._backlog_size = 0
        self._now = asyncio.get_running_loop().time
        self._began = self._now()

    async def play(self, directory: Path) -> Outcome:
        """Everything, in a directory of its own. GatewayError when the daemon cannot go on."""
        fixed = len(self._city) - self._joining
        for text in display.header(self._screen.style, self._joining, fixed, self._outage):
            self._screen.say(text)
        async with AsyncExitStack() as stage:
            at_broker = await stage.enter_async_context(broker.serve())
            line = await stage.enter_async_context(proxy.serve(at_broker))
            board = await stage.enter_async_context(emulator.serve(air=("127.0.0.1", 0)))
            assert board.air_address is not None
            config = await asyncio.to_thread(
                cabinet.write_files, directory, board.port, line.port, self._city
            )
            await stage.enter_async_context(_beside(self._subscriber.run(*at_broker)))
            await self._subscriber.subscribed.wait()
            daemon = await stage.enter_async_context(cabinet.daemon(config))
            async with _beside(daemon.died()):
                await self._gateway_receives(daemon)
                await self._act(line, board.air_address)
        outcome = self._conclude(line)
        if not outcome.good:
            self._screen.say(await daemon.last_words())
        return outcome

    async def _act(self, line: Proxy, air: tuple[str, int]) -> None:
        """The city lives, the line is cut and restored, and all of it arrives."""
        async with AsyncExitStack() as antennas, _beside(self._keep_status(line)):
            async with asyncio.TaskGroup() as lives:
                for number, resident in enumerate(self._city):
                    own = await antennas.enter_async_context(antenna(*air))
                    lives.create_task(self._live(resident, own, number, line), name=resident.name)
                lives.create_task(self._weather(line), name="outage")
            await self._settle(line)
        self._screen.status("")

    async def _gateway_receives(self, daemon: Daemon) -> None:
        self._screen.status(self._screen.style.line(_("the gateway starts its radio …"), "dim"))
        try:
            async with asyncio.timeout(START_S):
                await self._subscriber.receiving.wait()
        except TimeoutError:
            raise GatewayError(
                f"the gateway did not receive within {START_S:.0f} s; a machine too busy for real "
                f"time may be why. {await daemon.last_words()}"
            ) from None

    async def _live(self, resident: Resident, own: Antenna, number: int, line: Proxy) -> None:
        def heard(resident: Resident) -> None:
            if line.is_cut:
                kept = len(self._owed() - self._arrived_ids())
                name, place = resident.name, resident.place
                self._screen.say(display.kept_line(self._screen.style, name, place, kept))

        random = Random(SEED * 1000 + number)
        async with _beside(own.listen()):
            life = Life(resident, own, self._diary, random, self._joined, heard)
            await life.live(number * WAKE_S, self._over)

    async def _weather(self, line: Proxy) -> None:
        """The outage in the middle, and the end of the day."""
        style, say = self._screen.style, self._screen.say
        if self._outage:
            await self._until(CUT_AT * self._seconds)
            await line.cut()
            say(display.cut_line(style))
            await self._until(BACK_AT * self._seconds)
            self._backlog = self._owed() - self._arrived_ids()
            self._backlog_size = len(self._backlog)
            await line.restore()
            say(display.back_line(style))
        await self._until(self._seconds - DRAIN_S)
        self._over.set()

    async def _settle(self, line: Proxy) -> None:
        """Wait, not for ever, until everything that was heard has arrived and is acknowledged."""
        self._nothing_waits.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                await self._nothing_waits.wait()
        await asyncio.sleep(0.3)  # whoever sends something twice may do it now

    async def _keep_status(self, line: Proxy) -> None:
        while True:
            waiting = len(self._owed() - self._settled(line))
            sent, received = len(self._owed()), len(self._arrived_ids())
            self._screen.status(
                display.status_line(
                    self._screen.style, self._elapsed(), sent, received, waiting, line.is_cut
                )
            )
            if not waiting:
                self._nothing_waits.set()
            await asyncio.sleep(0.2)

    def _joined(self, resident: Resident) -> None:
        count = len(self._diary.joined)
        self._screen.say(
            display.joined_line(
                self._screen.style, resident.name, resident.place, count, self._joining
            )
        )

    def _arrived(self, reading: dict[str, Any], arrival: Arrival) -> None:
        frame = self._diary.frames.get(arrival.key)
        late = frame is not None and arrival.at - frame.at > LATE_S
        place = self._places.get(arrival.key.device, "?")
        self._screen.say(display.reading_line(self._screen.style, reading, place, late))
        if arrival.id in self._backlog:
            self._backlog.discard(arrival.id)
            if not self._backlog:
                self._screen.say(display.caught_up_line(self._screen.style, self._backlog_size))

    def _arrived_ids(self) -> set[str]:
        return {arrival.id for arrival in self._subscriber.arrivals}

    def _owed(self) -> set[str]:
        """The ids of all frames that the antenna heard."""
        return {identity(frame.key) for frame in self._diary.frames.values() if frame.heard}

    def _settled(self, line: Proxy) -> set[str]:
        return self._arrived_ids() & _delivered(line)

    def _conclude(self, line: Proxy) -> Outcome:
        verdict = judge(self._diary.frames.values(), self._subscriber.arrivals, _delivered(line))
        outcome = Outcome(verdict, len(self._diary.joined), self._elapsed())
        acks = (self._diary.acked, self._diary.asked, self._diary.repeated)
        for text in display.verdict_lines(
            self._screen.style, verdict, outcome.joined, acks, outcome.good
        ):
            self._screen.say(text)
        return outcome

    def _elapsed(self) -> float:
        return self._now() - self._began

    async def _until(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds - self._elapsed()))


def _delivered(line: Proxy) -> set[str]:
    """The ids that the proxy saw acknowledged."""
    taken = line.recorder.acknowledged("/readings")
    return set().union(*(_ids(publish.payload) for publish in taken))


@cache
def _ids(payload: bytes) -> frozenset[str]:
    return frozenset(reading["id"] for reading in readings(payload))


@asynccontextmanager
async def _beside(endless: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run beside the block something that ends by an exception alone, and then ends the block."""
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(endless)
            yield
            task.cancel()
    except BaseExceptionGroup as group:
        ours = group.subgroup(GatewayError)
        if ours is None:
            raise
        raise _first(ours) from None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def play(directory: Path, screen: Screen, seconds: float, outage: bool) -> Outcome:
    """Play the whole demo in `directory`; it takes `seconds` and what the rest needs to arrive."""
    return await Show(screen, seconds, outage).play(directory)
