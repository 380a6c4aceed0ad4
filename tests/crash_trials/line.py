"""The line to the broker: cut, slow, or half-open, as lines are; and what passed over it.

Only what was passed on is recorded, each connection apart. A half-open connection takes bytes and
passes on none of them in that direction, for as long as it lasts; those made afterwards are whole.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from gateway.demo.proxy import CHUNK, Proxy
from gateway.demo.recorder import Publish, Recorder

Way: TypeAlias = Literal["to broker", "to daemon"]


class Line(Proxy):
    """`records` has one for each connection, in their order; `passed` hears of each chunk's way."""

    def __init__(self, port: int, broker: tuple[str, int], passed: Callable[[Way], None]) -> None:
        super().__init__(broker)
        self.port = port
        self.records: list[Recorder] = []
        self.delay = 0.0
        self._passed = passed
        self._swallowing: set[tuple[int, Way]] = set()

    def half_open(self, way: Way) -> None:
        """Every connection of now."""
        self._swallowing |= {(number, way) for number in range(len(self.records))}

    def published(self, topic_end: str) -> Iterator[Publish]:
        """What the broker was told, acknowledged or not."""
        for record in self.records:
            yield from (each for each in record.publishes if each.topic.endswith(topic_end))

    def acknowledged(self, topic_end: str) -> Iterator[Publish]:
        for record in self.records:
            yield from record.acknowledged(topic_end)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            broker_reader, broker_writer = await asyncio.open_connection(*self._broker)
            writers.append(broker_writer)
            number, record = len(self.records), Recorder()
            self.records.append(record)
            seen = record.connection()
            async with asyncio.TaskGroup() as pumps:
                there = self._pump(reader, broker_writer, seen.from_client, (number, "to broker"))
                back = self._pump(broker_reader, writer, seen.from_broker, (number, "to daemon"))
                pumps.create_task(there)
                pumps.create_task(back)
        except* OSError:
            pass
        finally:
            for each in writers:
                each.transport.abort()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: Callable[[bytes], None],
        end: tuple[int, Way],
    ) -> None:
        while data := await reader.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            if end in self._swallowing:
                continue
            writer.write(data)
            seen(data)
            self._passed(end[1])
            await writer.drain()
        while end in self._swallowing:  # nor does the end of the connection pass
            await asyncio.sleep(3600)
        raise ConnectionResetError
