"""Puts a load on the emulator's air (JSON lines, docs/interfaces.md), and notes what became of it.

Each frame is handed over ahead of its time and begins at its counter value, so that this process'
own pace decides nothing. Counter and monotonic clock run at one rate on one machine: they are
compared once, by the quickest of some questions.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from .load import Shot

AHEAD_US = 500_000
QUESTIONS = 50
COUNTER_MODULUS = 1 << 32


class Antenna:
    """One connection. `ended`: monotonic seconds of each received frame's end; `lost`: reasons."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._zero = 0.0  # monotonic seconds at which the counter stood at 0
        self.ended: dict[tuple[str, int], float] = {}
        self.lost: Counter[str] = Counter()

    async def compare_clocks(self) -> None:
        answers = []
        for _ in range(QUESTIONS):
            asked = time.monotonic()
            self._say({"op": "time"})
            counter_us = (await self._hear())["counter_us"]
            answered = time.monotonic()
            answers.append((answered - asked, (asked + answered) / 2 - counter_us / 1e6))
        self._zero = min(answers)[1]

    async def carry(self, shots: Sequence[Shot]) -> None:
        """Send all, and return when the fate of each is known."""
        first_us = self._now_us() + AHEAD_US
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._note_fates(shots))
            for number, shot in enumerate(shots):
                at_us = first_us + shot.start_us
                await asyncio.sleep((at_us - AHEAD_US - self._now_us()) / 1e6)
                self._say(_uplink(number, shot, at_us))

    async def _note_fates(self, shots: Sequence[Shot]) -> None:
        for _ in shots:
            done = await self._hear_fate()
            if done.get("received"):
                self.ended[shots[done["id"]].key] = self._zero + self._unwrapped(done["counter_us"])
            else:
                self.lost[str(done["reason"])] += 1

    async def _hear_fate(self) -> dict[str, Any]:
        """What became of a frame; the downlinks of the others on the air are passed over."""
        while (heard := await self._hear())["op"] != "uplink_done":
            pass
        return heard

    def _unwrapped(self, counter_us: int) -> float:
        """Seconds since the counter's zero of a value that passed lately."""
        now = self._now_us()
        return (now - (now - counter_us) % COUNTER_MODULUS) / 1e6

    def _now_us(self) -> int:
        return round((time.monotonic() - self._zero) * 1e6)

    def _say(self, message: dict[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\n")

    async def _hear(self) -> dict[str, Any]:
        line = await self._reader.readline()
        if not line:
            raise ConnectionResetError("the emulator hung up")
        heard: dict[str, Any] = json.loads(line)
        return heard


def _uplink(number: int, shot: Shot, at_us: int) -> dict[str, Any]:
    return {
        "op": "uplink",
        "id": number,
        "payload": shot.phy_payload.hex(),
        "frequency": shot.frequency,
        "modulation": "LORA",
        "sf": shot.sf,
        "bw": 125_000,
        "cr": 1,
        "rssi": -80,
        "snr": 8.5,
        "crc": "ok",
        "at_us": at_us % COUNTER_MODULUS,
    }


@asynccontextmanager
async def antenna(port: int) -> AsyncIterator[Antenna]:
    """An antenna on the air at 127.0.0.1:`port`, its clock compared."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        one = Antenna(reader, writer)
        await one.compare_clocks()
        yield one
    finally:
        writer.close()
