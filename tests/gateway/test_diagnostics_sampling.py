"""When a sample is taken, what it says, and when the disk gets it."""

import asyncio
from collections.abc import Mapping

from gateway.diagnostics.sampling import Line, Now, Sampling
from gateway.errors import DiskFault
from gateway.history import EVERY, from_bytes
from gateway.records import Moment

AT = 1_790_000_000.0 - 1_790_000_000 % 3600
NOW = Now(100, 10, 3, 12.4, 51.5, None, 0.61)


class Box:
    """A gateway whose time is set by hand."""

    def __init__(self) -> None:
        self.monotonic, self.knows_time = 50.0, True
        self.now, self.line = NOW, Line(True, True)
        self.rows: dict[int, bytes] = {}
        self.writes = 0
        self.sampling = self.begun()

    def begun(self) -> Sampling:
        return Sampling(self.look, lambda: self.line, self.time, self.dated, self.recall, self.keep)

    def dated(self, moment: Moment) -> Moment:
        at = AT + moment.monotonic_s if self.knows_time else None
        return Moment(at, "ntp", "boot", moment.monotonic_s)

    def time(self) -> Moment:
        return self.dated(Moment(None, "unsynchronised", "boot", self.monotonic))

    async def look(self) -> Now:
        return self.now

    async def recall(self) -> dict[int, bytes]:
        return dict(self.rows)

    async def keep(self, rows: Mapping[int, bytes]) -> None:
        self.writes += 1
        self.rows.update(rows)

    async def ticks(self, seconds: float) -> None:
        for _ in range(int(seconds / 10)):
            await self.sampling.tick()
            self.monotonic += 10

    async def samples(self) -> list[list[object]]:
        lines = [line async for line in self.sampling.answer({})]
        assert "done" in lines[-1]
        return [list(sample) for line in lines[:-1] for sample in line["samples"]]


async def test_sample_counts_what_came_since_the_one_before() -> None:
    box = Box()
    await box.ticks(EVERY)
    box.now, box.line = NOW._replace(readings=142, drops=11), Line(False, True)
    await box.ticks(EVERY / 2)
    box.line = Line(True, True)
    await box.ticks(EVERY / 2 + 10)
    first, second, third = await box.samples()
    assert first[:6] == [AT + 50, 50, True, 100, 10, 3]
    assert second[:6] == [AT + 350, 350, False, 42, 1, 3]
    assert (second[-2], third[-2], third[3]) == (0.97, 0.53, 0)


async def test_disk_gets_the_start_and_then_an_hour_when_it_is_over() -> None:
    box = Box()
    await box.ticks(3500)
    assert box.writes == 1
    await box.ticks(200)
    assert box.writes == 2
    (whole, begun) = box.rows.values()
    assert (len(list(from_bytes(whole))), len(list(from_bytes(begun)))) == (12, 1)


async def test_next_run_knows_the_last_one_and_marks_its_start() -> None:
    box = Box()
    await box.ticks(EVERY)
    box.sampling = box.begun()
    task = asyncio.create_task(box.sampling.run(lambda: None))
    while len(await box.samples()) < 2:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert [sample[2] for sample in await box.samples()] == [True, True]


async def test_sample_waits_until_somebody_knows_the_time() -> None:
    box = Box()
    box.knows_time = False
    await box.ticks(2 * EVERY)
    assert (await box.samples(), box.writes) == ([], 0)
    box.knows_time = True
    await box.ticks(10)
    assert [sample[0] for sample in await box.samples()] == [AT + 50, AT + 350, AT + 650]
    assert box.writes == 1


async def test_history_that_cannot_be_read_is_none() -> None:
    box = Box()

    async def refuses() -> dict[int, bytes]:
        raise DiskFault("the card is gone")

    box.sampling = Sampling(box.look, lambda: box.line, box.time, box.dated, refuses, box.keep)
    task = asyncio.create_task(box.sampling.run(lambda: None))
    while not await box.samples():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert box.writes == 1
