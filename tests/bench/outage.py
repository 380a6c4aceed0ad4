"""After a long outage: the backlog drains beside live traffic, and memory stays bounded.

The real store, buffer and forwarder in this process, mosquitto in its own. The limit is what bare
aiomqtt makes of the same batches, encoded beforehand and held in memory, in the same run.
`python -m tests.bench.outage --readings 1400000` is the week's outage of docs/performance.md.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import aiomqtt
from msgspec.structs import replace

from gateway.config import Mqtt
from gateway.northbound.client import Received
from gateway.northbound.formats.json import RadioState
from gateway.northbound.forwarder import Forwarder
from gateway.northbound.messages import Messages
from gateway.northbound.replies import Reply
from gateway.records import Event, Moment, Reading
from gateway.store.buffer import Batch, Buffer
from gateway.store.database import Store

from .process import resident_mib
from .row import Row
from .store import readings

sys.path.append(str(Path(__file__).parents[1]))  # what bench shares with the tests stands there
from broker import mosquitto

READINGS = 200_000  # of a quick run
BATCH, IN_FLIGHT = 100, 20
LIVE_EVERY = 0.1  # seconds
MOST_LIVE_MS, LEAST_SHARE, MOST_MIB = 1000.0, 0.5, 16.0
EUI = "0016c001f11a9bd2"
NOW = Moment(1_790_000_000.0, "ntp", "3b0f", 0.0)


class NoCommands:
    async def take(self, message: Received) -> None:
        raise AssertionError("nobody commands here")

    def reply_to(self, event: Event) -> Reply | None:
        return None


@dataclass
class Watched:
    """What a run shows: seconds of each live reading, from its `add` to its PUBACK."""

    live: list[float] = field(default_factory=list)
    drained: int = 0
    seconds: float = 0.0
    mib: float = 0.0


def rows(number: int = READINGS) -> Iterator[Row]:
    bare, found = asyncio.run(_measure(number))
    rate = found.drained / found.seconds
    yield Row(
        f"drain of {number} readings",
        f"{rate:.0f} readings/s",
        f"{bare:.0f} bare aiomqtt",
        f">= {LEAST_SHARE} x aiomqtt",
        rate >= LEAST_SHARE * bare,
    )
    slow = quantiles(found.live, n=100)[98] * 1e3
    yield Row(
        "live beside the drain, p99",
        f"{slow:.0f} ms",
        f"{len(found.live)} readings",
        f"<= {MOST_LIVE_MS:.0f} ms",
        slow <= MOST_LIVE_MS,
    )
    yield Row(
        "memory that the backlog costs",
        f"{found.mib:.1f} MiB",
        "",
        f"<= {MOST_MIB:.0f} MiB",
        found.mib <= MOST_MIB,
    )


async def _measure(number: int) -> tuple[float, Watched]:
    mqtt = Mqtt(plain_is_ok=True, backlog_messages_per_s=0, backlog_kib_per_s=0)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        await _outage(place / "kogge.db", number)
        async with mosquitto(place) as broker:
            mqtt.url = broker.url
            bare = await _bare(mqtt, broker.port)
            return bare, await _drain(place / "kogge.db", mqtt)


async def _outage(path: Path, number: int) -> None:
    """So many readings, none of them acknowledged."""
    store = await Store.open(path)
    buffer = Buffer(store, 0.0, lambda _: None)
    await buffer.open()
    made = readings()
    for first in range(0, number, len(made)):
        for reading in made[: number - first]:
            buffer.add(reading)
            if len(buffer._unwritten) >= 2560:
                await buffer.flush()
        await buffer.flush()
    await buffer.close()
    await store.close()


async def _bare(mqtt: Mqtt, port: int) -> float:
    """Readings a second of encoded batches, so many in flight as the forwarder may have."""
    messages = Messages(mqtt, EUI, lambda moment: moment, lambda: NOW)
    made = readings()
    waiting = deque(
        messages.of(Batch(tuple(made[at : at + BATCH]), True, at), "5")
        for at in range(0, len(made), BATCH)
    )
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        client.pending_calls_threshold = IN_FLIGHT + 1
        began = time.perf_counter()

        async def worker() -> None:
            while waiting:
                message = waiting.popleft()
                await client.publish(message.topic, message.payload, qos=1)

        await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
        return len(made) / (time.perf_counter() - began)


class _Buffer(Buffer):
    """Notes when each live reading was delivered."""

    begun: dict[str, float]
    watched: Watched

    def delivered(self, batch: Batch) -> None:
        super().delivered(batch)
        if batch.historical:
            self.watched.drained += len(batch.records)
            return
        now = time.perf_counter()
        for record in batch.records:
            assert isinstance(record, Reading)
            self.watched.live.append(now - self.begun.pop(record.id))


async def _drain(path: Path, mqtt: Mqtt) -> Watched:
    found, store = Watched(), await Store.open(path)
    buffer = _Buffer(store, 1.0, lambda _: None)
    buffer.begun, buffer.watched = {}, found
    await buffer.open()
    number, one = 0, readings()[0]
    before, began = resident_mib("self"), time.perf_counter()
    async with _running(buffer, mqtt):
        while buffer.backlog > len(buffer.begun):
            live = replace(one, id=f"{number:032x}", f_cnt=number)
            buffer.begun[live.id] = time.perf_counter()
            buffer.add(live)
            number += 1
            await asyncio.sleep(LIVE_EVERY)
            found.mib = max(found.mib, resident_mib("self") - before)
        found.seconds = time.perf_counter() - began
        while buffer.begun:
            await asyncio.sleep(0.01)
    await buffer.close()
    await store.close()
    return found


@asynccontextmanager
async def _running(buffer: Buffer, mqtt: Mqtt) -> AsyncIterator[None]:
    forwarder = Forwarder(
        mqtt,
        EUI,
        buffer,
        NoCommands(),
        dated=lambda moment: moment,
        now=lambda: NOW,
        radio=lambda: RadioState("receiving", ""),
        random=lambda: 0.5,
        told=lambda what, text: None,
    )
    tasks = [
        asyncio.create_task(forwarder.run(lambda: None)),
        asyncio.create_task(buffer.run(lambda: None)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.outage", description=__doc__)
    parser.add_argument("--readings", type=int, default=READINGS)
    for row in rows(parser.parse_args().readings):
        print(row.what, row.measured, row.limit, row.goal, row.met, sep=" · ")


if __name__ == "__main__":
    main()
