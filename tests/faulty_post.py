"""A lamp post whose board breaks on demand, with a street that speaks all the time.

Real daemon, real mosquitto, the emulator on a pty. Six ABP gauges speak in turn, three uplinks a
second, each under its own frame counter, so that what is lost and what comes twice can be told;
a seventh asks for an acknowledgement when a trial wants one.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from broker import mosquitto, subscriber
from lamp_post import EUI, TEMPERATURE, Daemon, board, daemon, write_files
from lorawan_device import Air
from patience import HUNG

from drivers.emulator import Running

GAUGES = 6
TURN = 1 / 3  # seconds between two uplinks
ASKER = GAUGES
RX1_BEGUN = 1.8  # seconds after an uplink
BOTH_OVER = 5.0  # seconds after an uplink: RX2, too, slow as it is
Key: TypeAlias = tuple[int, int]  # which gauge, and its f_cnt

AIRS = [Air(0x26011B00 + n, bytes([n]) * 16, bytes([n + 16]) * 16) for n in range(GAUGES + 1)]


def devices_toml() -> str:
    return "".join(
        f'[[device]]\ndev_eui = "{n:016x}"\nname = "gauge-{n}"\ncodec = "cayennelpp"\n'
        f'dev_addr = "{air.dev_addr:08x}"\nnwk_s_key = "{air.nwk_s_key.hex()}"\n'
        f'app_s_key = "{air.app_s_key.hex()}"\n'
        for n, air in enumerate(AIRS)
    )


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Told:
    """One word of the daemon about its radio."""

    at: float
    state: str
    reason: str


@dataclass
class Post:
    """One gateway, its street, and what was seen of both; times are the loop's."""

    running: Running
    daemon: Daemon
    sent: dict[Key, float] = field(default_factory=dict)  # heard by the board, by its own word
    unheard: dict[Key, float] = field(default_factory=dict)  # by the board's own word, too
    arrived: dict[Key, list[float]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    downlinks: list[float] = field(default_factory=list)
    wiped: set[Key] = field(default_factory=set)  # in the chip's memory when it was started anew
    asked: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[], bool], seconds: float, what: str) -> None:
        """AssertionError with the daemon's log where it does not come to this in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
                return
        raise AssertionError(f"not within {seconds:g} s: {what}\n{self.daemon.log()[-3000:]}")

    async def says(self, since: int, holds: Callable[[Told], bool], seconds: float) -> Told:
        """The daemon's first word about its radio, after so many, for which it holds."""
        found: list[Told] = []

        def said() -> bool:
            found[:] = [word for word in self.told[since:] if holds(word)]
            return bool(found)

        await self.until(
            said, seconds, f"the daemon says of its radio what it should ({self.told[since:]})"
        )
        return found[0]

    async def reading_sent_after(self, at: float, seconds: float) -> float:
        """When the first reading arrived that was on the air after `at`."""

        def times() -> list[float]:
            return [came[0] for key, came in self.arrived.items() if self.sent.get(key, 0) >= at]

        await self.until(lambda: bool(times()), seconds, "a reading arrives")
        return min(times())

    async def settled(self) -> None:
        """All that the board heard so far has arrived."""
        await self.arrive(set(self.sent))

    async def arrive(self, keys: set[Key]) -> None:
        """These have arrived, but for those that were wiped; and nothing twice."""
        waiting = keys - self.wiped
        await self.until(lambda: waiting <= self.arrived.keys(), HUNG, "all that was heard arrives")
        twice = [key for key, times in self.arrived.items() if len(times) > 1]
        assert not twice, f"twice came {twice}"

    async def acknowledged(self, seconds: float = BOTH_OVER) -> bool:
        """Whether the next confirmed uplink that the board hears is answered on the air."""
        before, key = len(self.downlinks), await self._ask()
        while key in self.unheard:  # the board was speaking itself
            before, key = len(self.downlinks), await self._ask()
        with contextlib.suppress(AssertionError):
            await self.until(lambda: len(self.downlinks) > before, seconds, "an answer")
        return len(self.downlinks) > before

    async def _ask(self) -> Key:
        self.asked += 1
        key = ASKER, self.asked
        await self._speak(key, AIRS[ASKER].uplink(self.asked, TEMPERATURE, confirmed=True))
        await self.until(
            lambda: key in self.sent or key in self.unheard, HUNG, "its airtime is over"
        )
        return key

    async def live(self, air: tuple[str, int]) -> None:
        """The street's life, the air and the daemon's words, until cancelled."""
        reader, self._air = await asyncio.open_connection(*air)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(reader))
                tasks.create_task(self._watch())
                tasks.create_task(self._speak_in_turn())
        finally:
            self._air.close()

    async def _speak_in_turn(self) -> None:
        began, turn = now(), 0
        while True:
            key = turn % GAUGES, turn // GAUGES
            await self._speak(key, AIRS[key[0]].uplink(key[1], TEMPERATURE))
            turn += 1
            await asyncio.sleep(max(0.0, began + turn * TURN - now()))

    async def _speak(self, key: Key, frame: bytes) -> None:
        request = {"op": "uplink", "id": [*key, now()], "payload": frame.hex(),
                   "sf": 8 if key[0] == ASKER else 7,
                   "frequency": 868_100_000 + 200_000 * (key[0] % 3), "bw": 125_000}  # fmt: skip
        self._air.write(json.dumps(request).encode() + b"\n")
        await self._air.drain()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            said = json.loads(line)
            if said["op"] == "uplink_done":
                gauge, f_cnt, at = said["id"]
                (self.sent if said["received"] else self.unheard)[gauge, f_cnt] = at
            elif said["op"] == "downlink":
                self.downlinks.append(now())
            self._news.set()

    async def _watch(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self.daemon.directory / "kogge.sock")
        writer.write(b'{"op":"watch"}\n')
        try:
            while line := await reader.readline():
                event = json.loads(line)
                if event["event"] == "radio":
                    self.told.append(Told(now(), event["state"], event["reason"]))
                    self._news.set()
        finally:
            writer.close()

    def reading(self, reading: dict[str, Any]) -> None:
        key = int(reading["device"], 16), reading["f_cnt"]
        self.arrived.setdefault(key, []).append(now())
        self._news.set()


@asynccontextmanager
async def post(directory: Path, begin: Callable[[Running], None]) -> AsyncIterator[Post]:
    """A gateway that receives, and its street; `begin` may break the board before the start."""
    await asyncio.to_thread(directory.mkdir)
    async with mosquitto(directory) as broker, board(directory / "tty") as (running, _):
        config = await asyncio.to_thread(write_files, directory, broker.port)
        await asyncio.to_thread((directory / "devices.toml").write_text, devices_toml())
        begin(running)
        async with daemon(config) as gateway:
            await gateway.receiving()
            one = Post(running, gateway)
            async with _in_background(_subscribe(broker.port, one)):
                assert running.air_address is not None
                async with _in_background(one.live(running.air_address)):
                    await one.reading_sent_after(0, HUNG)
                    yield one


async def _subscribe(port: int, one: Post) -> None:
    async with subscriber(port, f"kogge/{EUI}/readings") as messages:
        async for message in messages:
            assert isinstance(message.payload, bytes)
            for reading in json.loads(message.payload)["readings"]:
                one.reading(reading)


@asynccontextmanager
async def _in_background(doing: Awaitable[None]) -> AsyncIterator[None]:
    """Its own fault is raised when the block is left."""
    task = asyncio.ensure_future(doing)
    try:
        yield
    finally:
        ended = task.done()
        task.cancel()
        await asyncio.wait({task})
        if ended:
            task.result()
