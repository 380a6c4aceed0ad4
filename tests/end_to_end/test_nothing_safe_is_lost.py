"""The promise, whole: real daemon, real mosquitto, killed twenty times, the line cut and restored.

The judge is docs/interfaces.md's: a recording proxy before the broker (what was PUBACKed) and an
independent subscriber with a persistent session. `safe` is what the daemon itself reported safe
over its socket before it was killed.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from broker import mosquitto
from patience import HUNG

from drivers import emulator
from gateway.demo import cabinet, proxy
from gateway.demo.air import antenna
from gateway.demo.device import Device
from gateway.demo.judge import Frame, FrameKey, Verdict, judge, readings
from gateway.demo.life import Diary, Life
from gateway.demo.proxy import Proxy
from gateway.demo.street import Resident, residents
from gateway.demo.subscriber import Subscriber

KILLS = 20
CUT_AT, RESTORED_AT = 6, 12
SEED = 20261122
JOINED = 4
FAST = 0.25  # seconds between two uplinks of an ABP device


@dataclass
class Trial:
    """One city, one gateway, and what was seen of them."""

    directory: Path
    air: tuple[str, int]
    city: tuple[Resident, ...]
    config: Path
    line: Proxy
    random: Random = field(default_factory=lambda: Random(SEED))
    sent: dict[FrameKey, Frame] = field(default_factory=dict)
    diary: Diary = field(default_factory=Diary)
    safe: set[str] = field(default_factory=set)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def chatter(self, resident: Resident) -> None:
        """An ABP device that never listens, and sends as fast as it may be killed."""
        device, random = Device(resident.keys), Random(resident.dev_eui)
        async with antenna(*self.air) as own, asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(own.listen())
            while not self.over.is_set():
                report = resident.sensor.report(1.0)
                uplink = device.uplink(report.f_port, report.payload)
                assert uplink.f_cnt is not None
                assert device.activation is not None
                key = FrameKey(resident.dev_eui, device.activation.id.hex(), uplink.f_cnt)
                self.sent[key] = Frame(key, 0.0, heard=False)
                frequency = random.choice(device.channels)
                done = await own.uplink(uplink.phy_payload, frequency, 7, -80, 8)
                device.sent(done.end_us, frequency, 7)
                await asyncio.sleep(random.uniform(0, 2 * FAST))
            hearing.cancel()

    async def live(self, resident: Resident, number: int) -> None:
        """A device that joins, and the one that wants its uplinks acknowledged."""
        async with antenna(*self.air) as own, asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(own.listen())
            life = Life(resident, own, self.diary, Random(number), self.has_news, self.has_news)
            await life.live(0.5 * number, self.over)
            hearing.cancel()

    async def listen_for_safe(self) -> None:
        """`kogge watch` of one run of the daemon, as long as it lives."""
        reader, writer = await _connect(self.directory / "kogge.sock")
        writer.write(b'{"op":"watch"}\n')
        try:
            while line := await reader.readline():
                happening = json.loads(line)
                if happening["event"] == "safe":
                    self.safe.add(happening["id"])
                    self.news.set()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def has_news(self, _: Resident) -> None:
        self.news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(HUNG):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def run_and_kill(self, joined: int, pause: float) -> None:
        """Let it report readings safe, and a moment later be gone."""
        goal = len(self.safe) + 3
        async with cabinet.daemon(self.config) as daemon, asyncio.TaskGroup() as tasks:
            tasks.create_task(self.listen_for_safe())
            await self.until(lambda: len(self.safe) >= goal and len(self.diary.joined) >= joined)
            await asyncio.sleep(pause)  # not to wait for anything: the moment is drawn by lot
            os.kill(daemon.pid, signal.SIGKILL)

    async def drain(self, subscriber: Subscriber) -> None:
        """A last run, silent devices: everything that was ever safe has to arrive, or is lost."""
        async with cabinet.daemon(self.config):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HUNG):
                    while not self.safe <= self.delivered() & arrived(subscriber):
                        await asyncio.sleep(0.05)

    def delivered(self) -> set[str]:
        """The ids in PUBLISHes whose PUBACK the proxy passed back."""
        taken = self.line.recorder.acknowledged("/readings")
        return {one["id"] for publish in taken for one in readings(publish.payload)}

    def verdict(self, subscriber: Subscriber) -> Verdict:
        frames = [*self.sent.values(), *(f for f in self.diary.frames.values())]
        unheard = [Frame(frame.key, frame.at, heard=False) for frame in frames]
        return judge(unheard, subscriber.arrivals, self.delivered(), self.safe)


def arrived(subscriber: Subscriber) -> set[str]:
    return {arrival.id for arrival in subscriber.arrivals}


async def _connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The daemon's socket, as soon as it listens."""
    async with asyncio.timeout(HUNG):
        while True:
            with contextlib.suppress(OSError):
                return await asyncio.open_unix_connection(path)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def stage(directory: Path) -> AsyncIterator[tuple[Trial, Subscriber]]:
    city = residents(Random(SEED))
    subscriber = Subscriber(lambda reading, arrival: None)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(
            mosquitto(directory, settings=["max_queued_messages 0"])
        )
        line = await stack.enter_async_context(proxy.serve(("127.0.0.1", broker.port)))
        board = await stack.enter_async_context(emulator.serve(air=("127.0.0.1", 0)))
        assert board.air_address is not None
        config = await asyncio.to_thread(
            cabinet.write_files, directory, board.port, line.port, city
        )
        hearing = asyncio.create_task(subscriber.run("127.0.0.1", broker.port))
        await subscriber.subscribed.wait()
        yield Trial(directory, board.air_address, city, config, line), subscriber
        hearing.cancel()
        await asyncio.wait({hearing})


@pytest.mark.realtime
@pytest.mark.xdist_group("killed twenty times")
async def test_every_safe_reading_arrives_though_the_daemon_is_killed_and_the_line_cut(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as (trial, subscriber):
        async with asyncio.TaskGroup() as devices:
            for number, resident in enumerate(trial.city):
                life = (
                    trial.live(resident, number)
                    if resident.keys.app_key or resident.confirmed
                    else trial.chatter(resident)
                )
                devices.create_task(life)
            for kill in range(KILLS):
                if kill == CUT_AT:
                    await trial.line.cut()
                if kill == RESTORED_AT:
                    await trial.line.restore()
                # a join takes six seconds: the first run is left alone until there were enough
                await trial.run_and_kill(JOINED, trial.random.uniform(0, 1.5))
            trial.over.set()
        await trial.drain(subscriber)
        verdict = trial.verdict(subscriber)

    assert verdict.lost == 0
    assert verdict.duplicates == 0
    # and it was no empty stage
    assert len(trial.safe) >= 3 * KILLS
    assert len(trial.diary.joined) >= JOINED
    assert verdict.received >= len(trial.safe)
