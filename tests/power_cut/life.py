"""The life of a store, to be recorded: everything that it promises to somebody is noted.

`python -m power_cut.life DIRECTORY GENERATION [MUTATION]`, below recorder.c, goes on from whatever
database is there: migrates it, keeps answered uplinks and joins, takes live records in, delivers,
returns, gives up by age, drains, closes, opens again, and dies without a close.

A note is a JSON object; judge.py says what each promises. It is made right after the promise.
"""

import asyncio
import ctypes
import json
import os
import random
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bounds_tools import gaps, missing
from power_cut.mutations import mutate
from store_tools import MOMENT, World, event, next_batch, number_of, reading

from drivers.concentrator import TxStatus
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.order import Order, Step
from gateway.lorawan.queue import DownlinkQueue
from gateway.lorawan.session import Changes, Join, Rejoin, Session
from gateway.records import Event, Record, Value
from gateway.replay import Command, Span
from gateway.store.bounds import MARK, Bounds
from gateway.store.buffer import Batch, Buffer
from gateway.store.database import Store

GENERATION = 10_000  # numbers of records that one life may use
NAME = "kogge.db"
REMEMBERED = "number"
WINDOW = 1.0
MONTH = 1_000_000.0  # seconds
ARCHIVE = 100 * MONTH
DEVICES = (1, 2, 3)
NEWER = 3  # speaks LoRaWAN 1.1
KEYS = (b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16)
BULKY = 8_000  # bytes of an event: the write-ahead log has to begin anew in the middle of it all


def note(**promise: object) -> None:
    ctypes.CDLL(None).power_cut_note(json.dumps(promise).encode())


class Life(World):
    """`number` is the last record's; `sessions` are those that live, by DevEUI."""

    downlinks: DownlinkQueue

    def __init__(self, path: Path, generation: int) -> None:
        super().__init__(path)
        self.random = random.Random(generation)
        self.number = generation * GENERATION
        self.sessions: dict[int, Session] = {}
        self.spent = self.number

    def say_safe(self, records: Sequence[Record]) -> None:
        note(safe=[number for number in map(number_of, records) if number >= 0])

    def new(self, count: int = 1) -> list[Record]:
        """Every fifth is an event."""
        made: list[Record] = []
        for number in range(self.number + 1, self.number + count + 1):
            payload = self.random.randbytes(20).hex()
            made.append(reading(number, payload=payload) if number % 5 else event(number))
        self.number += count
        return made

    def bulky(self, count: int) -> list[Record]:
        """Events: they are not archived, or the archive would be most of the trial."""
        made: list[Record] = []
        for number in range(self.number + 1, self.number + count + 1):
            detail: dict[str, Value | None] = {"number": number}
            detail["reason"] = self.random.randbytes(BULKY).hex()
            made.append(Event("join", MOMENT, detail))
        self.number += count
        return made

    # what a gateway does

    async def restart(self, store: Store, buffer: Buffer) -> None:
        known = await store.load()
        for session in known.sessions:
            session.skip_reserved()
            self.sessions[session.dev_eui] = session
        self.downlinks = DownlinkQueue(known.downlinks)
        await self.step(buffer, self.downlinks.recover(DEVICES))

    async def keep(self, buffer: Buffer, records: Sequence[Record], changes: Changes) -> None:
        await buffer.keep(records, changes)
        note(
            safe=[number_of(record) for record in records],
            downlinks={one.order.correlation: one.state for one in changes.downlinks},
        )

    async def step(self, buffer: Buffer, step: Step) -> None:
        await self.keep(buffer, self.new(len(step.results)), Changes(downlinks=step.downlinks))

    async def order(self, buffer: Buffer, dev_eui: int) -> None:
        """A downlink, from the city."""
        order = Order(f"{self.number}/{dev_eui}", dev_eui, 1, b"on")
        await self.step(buffer, self.downlinks.put(order, None))

    async def join(self, buffer: Buffer, dev_eui: int) -> None:
        """The session before it is ended, if there was one."""
        nonce = self.number
        id_ = nonce.to_bytes(3, "big") + dev_eui.to_bytes(2, "big")
        session = Session(dev_eui, id_, 0xFFFF_0000 + dev_eui, *KEYS)
        session.version = "1.1" if dev_eui == NEWER else "1.0"
        old = self.sessions.get(dev_eui)
        ended = () if old is None else ((dev_eui, old.id),)
        join, rejoin = Join(dev_eui, 7, nonce, nonce), Rejoin(dev_eui, 7, nonce, nonce)
        note(ending=[[dev_eui, id_.hex()] for dev_eui, id_ in ended])
        await self.keep(buffer, self.new(), Changes((session,), ended, (join,), (rejoin,)))
        note(join=[dev_eui, 7, nonce, nonce], rejoin=[dev_eui, nonce])
        note(session=[dev_eui, id_.hex(), -1])
        self.sessions[dev_eui] = session

    async def answer(self, buffer: Buffer, dev_eui: int) -> None:
        session = self.sessions[dev_eui]
        session.f_cnt_up += 1
        f_cnt_up, f_cnt_down = session.f_cnt_up, session.take_f_cnt_down(f_port=1)
        queued, step = self.downlinks.next_for(dev_eui, 50, None)
        if queued:
            step += self.downlinks.hand_over(queued, session.id, f_cnt_down)
        await self.keep(buffer, self.new(), Changes((session,), downlinks=step.downlinks))
        note(session=[dev_eui, session.id.hex(), f_cnt_up], on_air=f_cnt_down)
        if queued:
            await self.step(buffer, self.downlinks.sent(queued.number, TxStatus.OK))

    async def spend(self, store: Store) -> None:
        self.spent += 1
        spent = self.spent
        await store.spend(Spent(869_400_000, spent, 1_790_000_000.0))
        note(airtime=spent)

    async def remember(self, store: Store) -> None:
        await store.remember(REMEMBERED, str(self.number))
        note(remembered=self.number)

    def add(self, buffer: Buffer, count: int) -> None:
        """Live and unanswered."""
        for record in self.new(count):
            session = self.sessions[self.random.choice(DEVICES)]
            session.f_cnt_up += 1
            buffer.add(record, session)

    async def window_ends(self, buffer: Buffer) -> None:
        self.time += WINDOW
        await buffer.flush()

    async def publish(self, buffer: Buffer, limit: int = 5) -> None:
        batch = await self.hand_out(buffer, limit)
        buffer.delivered(acknowledged(batch))

    async def hand_out(self, buffer: Buffer, limit: int = 5) -> Batch:
        batch = await next_batch(buffer, limit)
        note(batch=batch.number)
        return batch

    async def archive(self, buffer: Buffer) -> None:
        """The block in memory goes to disk with what the city asks for; another one is begun."""
        buffer.archive.ripen()
        await self.window_ends(buffer)
        note(archived=buffer.archive.archived().readings)
        correlation = f"replay {self.number}"
        span = Span(0.0, 1.0)
        await buffer.keep([], Changes(), [Command(correlation, "replay", span, done=False)])
        note(command=correlation)

    async def drain(self, buffer: Buffer, backlog: int = 0) -> None:
        while buffer.backlog > backlog:
            await self.publish(buffer, 50)

    # in which order

    async def first_run(self, store: Store, buffer: Buffer) -> None:
        for dev_eui in DEVICES:
            await self.join(buffer, dev_eui)
            await self.order(buffer, dev_eui)
            await self.answer(buffer, dev_eui)
        await self.remember(store)
        await self.broker_comes_and_goes(buffer)
        await self.archive(buffer)
        await self.all_at_once(store, buffer)
        await self.card_is_written_over(buffer)
        await self.month_goes_by(buffer)
        self.add(buffer, 5)
        await self.order(buffer, 1)  # the next run has to send it
        await buffer.close()

    async def second_run(self, store: Store, buffer: Buffer) -> None:
        await self.join(buffer, 2)
        for dev_eui in DEVICES * 7:  # more than are reserved at once
            await self.answer(buffer, dev_eui)
        await self.drain(buffer, backlog=3)
        await self.broker_comes_and_goes(buffer)
        await self.archive(buffer)
        await self.remember(store)

    async def broker_comes_and_goes(self, buffer: Buffer) -> None:
        self.add(buffer, 7)
        await self.publish(buffer)
        returned = await self.hand_out(buffer)
        self.add(buffer, 3)
        await self.window_ends(buffer)
        buffer.returned(returned)
        await self.window_ends(buffer)
        await self.publish(buffer)
        self.time += 60  # D1b: sessions, and what is delivered
        await buffer.flush()
        note(sequence=buffer._sequence.next)

    async def all_at_once(self, store: Store, buffer: Buffer) -> None:
        """They share transactions, and batches are acknowledged meanwhile."""
        self.add(buffer, 4)
        out = await self.hand_out(buffer)
        self.time += WINDOW
        tasks = [
            asyncio.create_task(work)
            for work in (
                buffer.flush(),
                self.spend(store),
                *(self.answer(buffer, dev_eui) for dev_eui in DEVICES),
                self.spend(store),
                self.keep(buffer, self.new(300), Changes()),
            )
        ]
        await asyncio.sleep(0)
        buffer.delivered(acknowledged(out))
        await asyncio.gather(*tasks)
        note(sequence=buffer._sequence.next)

    async def card_is_written_over(self, buffer: Buffer) -> None:
        for _ in range(2):
            for _ in range(12):
                await self.keep(buffer, self.bulky(10), Changes())
            await self.drain(buffer, backlog=25)
            await self.window_ends(buffer)
            self.time += 60
            await buffer.flush()

    async def month_goes_by(self, buffer: Buffer) -> None:
        """D3: what waits on disk is given up."""
        self.add(buffer, 3)
        await self.window_ends(buffer)
        await self.window_ends(buffer)
        note(old=self.number)
        for seconds in (MARK, MONTH):
            self.time += seconds
            await buffer.flush()
        assert buffer.lost_records, "nothing was given up"


def acknowledged(batch: Batch) -> Batch:
    """By the broker: it has them."""
    note(
        delivered=[number for number in map(number_of, batch.records) if number >= 0],
        missing=missing(gaps(batch.records)),
    )
    return batch


async def live(path: Path, generation: int) -> None:
    life = Life(path, generation)
    for run in (life.first_run, life.second_run):
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(life.store())
            buffer = Buffer(
                store,
                WINDOW,
                life.say_safe,
                lambda: life.time,
                bounds=Bounds(max_age=MONTH),
                clock=life.clock(),
                archive=ARCHIVE,
            )
            await buffer.open()
            await life.restart(store, buffer)
            await run(store, buffer)
            if run == life.second_run:
                os._exit(0)


if __name__ == "__main__":
    mutate(*sys.argv[3:])
    asyncio.run(live(Path(sys.argv[1]) / NAME, int(sys.argv[2])))
