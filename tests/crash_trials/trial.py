"""One trial: the script is played, everything is healed, and what was promised has to be there."""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from broker import Mosquitto, mosquitto
from crash_trials import judge
from crash_trials.city import City
from crash_trials.disk_faults import Fault, FaultyDisk
from crash_trials.judge import Evidence
from crash_trials.line import Line
from crash_trials.place import Place, write_files
from crash_trials.script import JOINERS, LENGTH, LISTENERS, SPEAKERS, Disturbance, Script
from crash_trials.service import Service
from crash_trials.street import Resident, Street, residents

from gateway.demo.judge import identity

UPON_WITHIN = 0.3  # seconds for what a disturbance waits for
CALLS = 6  # frames that a device sends to be heard again
CALL = 0.5  # seconds for one of them to be safe
ARRIVE, FIND_BACK = 4.0, 15.0  # seconds; a line is found dead after six, a broker after ten
STOP = 5.0
AGAIN = 2.0
LONGEST = 60.0


@dataclass
class Finding:
    """`wrong` in words; the rest is counted."""

    safe: int
    received: int
    lost: int
    duplicates: int
    gaps_unreported: int
    wrong: list[str]
    runs: int
    uplinks: int
    answered: int
    joined: int
    gaps: int

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.duplicates or self.gaps_unreported or self.wrong)


@dataclass
class Trial:
    script: Script
    directory: Path
    disk: FaultyDisk
    broker: Mosquitto
    service: Service
    chance: Random
    line: Line = field(init=False)
    street: Street = field(init=False)
    city: City = field(init=False)
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)
    safe: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    given_up: int = 0
    _upon: dict[str, asyncio.Event] = field(default_factory=dict)
    _broker_turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def owed(self) -> set[str]:
        return self.safe | self.street.answered

    # what happens

    async def play(self) -> Finding:
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(each) for each in self._background()]
            running = tasks.create_task(self.service.run())
            await self.subscribed.wait()
            await self._receiving()
            await self._live()
            if not self.script.patient:
                await self._end_daemon("kill")
            await self._drain()
            code = await self.service.finish(running, STOP)
            if code != 0:
                self.wrong.append(f"the daemon was to stop and ended with {code}")
            await _cancelled(background)
        return self._finding()

    async def _receiving(self) -> None:
        while (await self._status()).get("radio", {}).get("state") != "receiving":
            await asyncio.sleep(0.005)

    async def _live(self) -> None:
        """The script; all that it breaks is whole again at its end, but for half-open lines."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as lives:
            for resident in self.street.city:
                lives.create_task(self.street.live(resident, over))
            async with asyncio.TaskGroup() as disturbing:
                for each in self.script.disturbances:
                    disturbing.create_task(self._disturb(each))
                disturbing.create_task(asyncio.sleep(LENGTH))
            over.set()

    def _background(self) -> tuple[Coroutine[Any, Any, None], ...]:
        return self.street.run(), self._watch()

    async def _disturb(self, what: Disturbance) -> None:
        await asyncio.sleep(what.at)
        if what.upon:
            event = self._upon[what.upon] = asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout(UPON_WITHIN):
                    await event.wait()
        await self._do(what)

    def notice(self, upon: str) -> None:
        if event := self._upon.get(upon):
            event.set()

    async def _do(self, what: Disturbance) -> None:
        match what.what:
            case "kill" | "stop":
                await self._end_daemon(what.what)
            case "kill broker" | "stop broker":
                await self._end_broker(what)
            case "cut":
                await self.line.cut()
                await asyncio.sleep(what.lasts)
                await self.line.restore()
            case "delay":
                self.line.delay = what.lasts / 5
                await asyncio.sleep(what.lasts)
                self.line.delay = 0.0
            case "half-open to broker":
                self.line.half_open("to broker")
            case "half-open to daemon":
                self.line.half_open("to daemon")
            case "enospc" | "eio" | "erofs" as fault:
                await self._break_disk(fault, what.lasts)

    async def _end_daemon(self, how: str) -> None:
        if self.script.bounded:
            self.given_up += (await self._status()).get("lost", 0)
        if how == "kill":
            self.service.kill()
        else:
            self.service.stop()

    async def _end_broker(self, what: Disturbance) -> None:
        async with self._broker_turn:
            await (self.broker.kill() if what.what == "kill broker" else self._stop_broker())
            await asyncio.sleep(what.lasts)
            await self.broker.start()

    async def _stop_broker(self) -> None:
        """Mosquitto forgets a SIGTERM that comes while it begins."""
        stopped = False
        while not stopped:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self.broker.stop()
                    stopped = True

    async def _break_disk(self, fault: Fault, seconds: float) -> None:
        self.service.healthy = False
        self.disk.begin(fault)
        await asyncio.sleep(seconds)
        self.disk.begin("none")

    # what has to follow

    async def _drain(self) -> None:
        """Every device is still heard, and everything owed arrives."""
        await self._receiving()
        async with asyncio.TaskGroup() as calls:
            for resident in self.street.city:
                calls.create_task(self._call(resident))
        with suppress(TimeoutError):
            async with asyncio.timeout(FIND_BACK if self.script.takes_long else ARRIVE):
                while self.evidence().lost:
                    await asyncio.sleep(0.02)
        self.given_up += (await self._status()).get("lost", 0)

    async def _call(self, resident: Resident) -> None:
        """What the daemon has forgotten would be found here: session, counters, keys."""
        calls = 0
        while resident.device.activation is not None and calls < CALLS:
            key = await self.street.report(resident)
            if key is None:  # the antenna has not heard it, or nobody was there
                await asyncio.sleep(0.01)
            elif await self._is_safe(identity(key)):
                return
            else:
                calls += 1
        if calls:
            self.wrong.append(f"device {resident.device.keys.dev_eui:016x} is not heard any more")

    async def _is_safe(self, reading: str) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(CALL):
                while reading not in self.owed:
                    await asyncio.sleep(0.01)
                return True
        return False

    # who looks on

    async def _watch(self) -> None:
        """`kogge watch`, of each run."""
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_unix_connection(self.directory / "kogge.sock")
                try:
                    writer.write(b'{"op":"watch"}\n')
                    while line := await reader.readline():
                        self._happened(json.loads(line))
                finally:
                    writer.close()
            await asyncio.sleep(0.005)

    def _happened(self, what: dict[str, Any]) -> None:
        if what["event"] == "safe":
            self.safe.add(what["id"])
            self.notice("safe")

    async def _status(self) -> dict[str, Any]:
        """{}: nobody answers."""
        with suppress(OSError, TimeoutError, json.JSONDecodeError):
            async with asyncio.timeout(1):
                path = self.directory / "kogge.sock"
                reader, writer = await asyncio.open_unix_connection(path)
                try:
                    writer.write(b'{"op":"status"}\n')
                    status: dict[str, Any] = json.loads(await reader.readline())
                    return status
                finally:
                    writer.close()
        return {}

    # the verdict

    def evidence(self) -> Evidence:
        arrived = {arrival.id for arrival in self.city.arrivals}
        return Evidence(
            owed=self.owed,
            frames=list(self.street.sent.values()),
            delivered=judge.delivered(self.line),
            arrivals=[*judge.told(self.line), *self.city.arrivals],
            heard_by_city=None if self.script.kills_broker else arrived,
            gaps=judge.gaps(self.line),
            given_up=self.given_up,
            bounded=self.script.bounded or self.script.breaks_disk,
        )

    def _finding(self) -> Finding:
        found, devices = self.evidence(), [each.device.keys for each in self.street.city]
        self.wrong += [f"the daemon ended by itself with {code}" for code in self.service.ends]
        self.wrong += judge.reused(self.street.emissions, devices)
        if not self.script.breaks_disk:  # else a killed run's last may be used once more (D1c)
            self.wrong += judge.batches(self.line)
        self.wrong += self.street.violations()
        self.wrong += [f"lost: {each}" for each in sorted(found.missing)] if found.lost else []
        if "Traceback" in (self.directory / "daemon.log").read_text(encoding="utf-8"):
            self.wrong.append("a traceback in the daemon's log")
        return Finding(
            safe=len(found.owed),
            received=len(found.delivered),
            lost=found.lost,
            duplicates=found.duplicates,
            gaps_unreported=found.gaps_unreported,
            wrong=self.wrong,
            runs=self.service.runs,
            uplinks=self.street.uplinks,
            answered=len(self.street.answered),
            joined=sum(
                each.device.keys.otaa and each.device.activation is not None
                for each in self.street.city
            ),
            gaps=found.gaps,
        )


async def tried(script: Script, where: Place, mutation: str = "") -> Finding:
    directory = where.clear()
    chance = Random(script.seed)
    order = {
        "config": str(directory / "kogge.toml"),
        "log": str(directory / "daemon.log"),
        "seed": script.seed,
        "mutation": mutation,
    }
    settings = ["persistence true", f"persistence_location {directory}/", "max_queued_messages 0"]
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(
            mosquitto(directory, port=where.broker_port, settings=settings)
        )
        service = Service(where.starter, order)
        trial = Trial(script, directory, where.disk, broker, service, chance)
        trial.line = Line(where.line_port, ("127.0.0.1", broker.port), trial.notice)
        await trial.line.open()
        stack.push_async_callback(trial.line.close)
        city = residents(chance, SPEAKERS, LISTENERS, JOINERS)
        trial.street = Street(where.air_port, city, trial.notice)
        loop = asyncio.get_running_loop()
        trial.city = City(partial(loop.call_soon_threadsafe, trial.subscribed.set))
        stack.enter_context(trial.city.listening(broker.port))
        write_files(directory, script, where.line_port, city)
        async with asyncio.timeout(LONGEST):
            return await trial.play()


async def _cancelled(tasks: "list[asyncio.Task[None]]") -> None:
    for each in tasks:
        each.cancel()
    await asyncio.wait(tasks)
