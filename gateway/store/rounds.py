"""What is written when: D1 and D1b, in rounds, and at the end.

A round comes when something is about to outlive W, waits to be written for its own sake (a touched
session, segments to delete, how far a replay has come), or has to be looked at for its age.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from gateway.errors import DiskFault, StoreError
from gateway.lorawan.session import NO_CHANGES, Changes
from gateway.records import Record
from gateway.replay import Command
from gateway.store.commits import Commits
from gateway.store.contents import Contents, wait
from gateway.store.giving_up import AGE_CHECK, GivingUp
from gateway.store.lanes import Entry

Keep: TypeAlias = Callable[[Sequence[Record], Changes, Sequence[Command]], Awaitable[bool]]


class Rounds:
    """For one buffer, which says what `run`, `flush` and `close` promise. `keep` is the buffer's;
    `kept` hears of held entries that are on disk now.
    """

    def __init__(
        self,
        has: Contents,
        commits: Commits,
        giving_up: GivingUp,
        slack: float,
        *,
        keep: Keep,
        kept: Callable[[Sequence[Entry]], None],
    ) -> None:
        """`slack` is for how many seconds a live record may wait before it is written."""
        self._store, self._lanes, self._unwritten = has.store, has.lanes, has.unwritten
        self._chores, self._archive, self._replays = has.chores, has.archive, has.replays
        self._sequence, self._batches, self._now = has.sequence, has.batches, has.now
        self._arrived = has.arrived
        self._commits, self._giving_up = commits, giving_up
        self._slack, self._keep, self._kept = slack, keep, kept
        self._hurry = asyncio.Event()
        self._alarm = math.inf

    async def run(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            await self._until_due()
            with suppress(DiskFault):
                await self.flush()
            while self._store.fault:
                beat()
                await self._until(self._now() + AGE_CHECK)

    async def flush(self) -> None:
        due = self._now() - self._slack
        if self._unwritten.oldest <= due or self._chores.due <= self._now():
            await self._write_all()
        self._lanes.retire(due)
        self._arrived.set()
        if self._giving_up.due <= self._now():
            await self._giving_up.aged(self._sequence.next)
        if self._replays.due <= self._now():
            await self._save_replay()

    async def close(self) -> None:
        await self._store.settled()
        self._archive.ripen()
        if self._replays.due < math.inf:
            await self._save_replay()
        try:
            while self._unwritten.oldest < math.inf or self._chores.due < math.inf:
                await self._write_all()
        except DiskFault as fault:
            count = self._unwritten.count()
            lost = f"{count} records that memory alone had are lost with this stop"
            raise StoreError(f"{fault}. {lost}") from fault

    async def resume(self, everything: Callable[[], Changes]) -> None:
        """The disk is back (`restore`): what it does not have is written before all else."""
        if self._store.salvages:
            self._chores.owe(everything(), self._now())
        await self._write_all(self._batches.reservation(1))
        self._arrived.set()
        self._hurry.set()

    def hurry(self) -> None:
        """Something has come in or back: the next round may be due sooner."""
        if not self._store.fault and self._next_round() < self._alarm:
            self._hurry.set()

    async def _until_due(self) -> None:
        while (due := self._next_round()) > self._now():
            await self._until(due)

    async def _until(self, due: float) -> None:
        """Or until something comes in that is due before."""
        self._alarm = due
        self._hurry.clear()
        await wait(self._hurry, due - self._now())

    def _next_round(self) -> float:
        heads = [lane[0] for lane in (self._lanes.overdue, self._lanes.live) if lane]
        leave_memory = (entry.at for entry in heads if entry.segment is not None)
        return min(
            min((self._unwritten.oldest, *leave_memory)) + self._slack,
            self._chores.due,
            self._giving_up.due,
            self._replays.due,
        )

    async def _write_all(self, reservation: dict[str, int] | None = None) -> None:
        await self._giving_up.make_room(len(self._unwritten))
        held, waiting = self._unwritten.take()
        then = partial(self._all_written, held, waiting)
        await self._commits.commit([*held, *waiting], NO_CHANGES, then, reservation)

    async def _save_replay(self) -> None:
        command, answers = self._replays.news()
        await self._keep(answers, Changes(), [command])

    def _all_written(
        self, held: Sequence[Entry], waiting: Sequence[Entry], error: StoreError | None
    ) -> None:
        if error is None:
            self._unwritten.written(waiting)
            self._kept(held)
        else:
            self._unwritten.put_back(held, waiting)
