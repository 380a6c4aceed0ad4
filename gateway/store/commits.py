"""What stands in one commit of the buffer, and what is known when it has ended.

- A commit takes all chores along that wait (chores.py): a transaction costs an fsync, however much
  is in it.
- `then` of each hears of its end, whether or not the asker was cancelled meanwhile.
- One that the disk refused may stand there all the same, and is found when the disk is back:
  `stood` hears of it then. Without one its segments go: memory has what they hold, or it was not
  taken in.
"""

from collections.abc import Callable, Mapping, Sequence

from gateway.errors import DiskFault, StoreError
from gateway.lorawan.session import NO_CHANGES, Changes
from gateway.replay import Command
from gateway.store import tables
from gateway.store.chores import Taken
from gateway.store.contents import Contents
from gateway.store.lanes import Entry, Segment
from gateway.store.owed import merged
from gateway.store.segments import slices


class Commits:
    """For one buffer."""

    def __init__(self, has: Contents) -> None:
        self._store, self._lanes, self._unwritten = has.store, has.lanes, has.unwritten
        self._chores, self._archive, self._walks = has.chores, has.archive, has.walks
        self._sequence, self._batches, self._now = has.sequence, has.batches, has.now
        self._doubted: list[tuple[Sequence[Segment], Callable[[], None] | None]] = []

    async def commit(
        self,
        entries: Sequence[Entry],
        changes: Changes,
        then: Callable[[StoreError | None], None],
        reservation: dict[str, int] | None = None,
        given_up: Sequence[Segment] = (),
        commands: Sequence[Command] = (),
        staying: Sequence[tables.Segment] = (),
        stood: Callable[[], None] | None = None,
    ) -> None:
        """One transaction, with all chores that wait. `then` hears of its end, cancelled or not."""
        is_tried = self._store.fault is None
        chores = self._chores.take(changes, self._now())
        both = merged(chores.changes, changes)
        numbers = len(entries) + len(chores.archive.written)
        reserved = self._sequence.reservation(numbers) | (reservation or {})
        parts = [(self._sequence.take(len(part)), part) for part in slices(entries)]
        self._archive.number(chores.archive)
        segments = [tables.Segment(first, [one.record for one in part]) for first, part in parts]
        write = tables.Write.of(
            both,
            [*staying, *segments],
            [segment.first for segment in (*chores.delivered, *given_up)],
            reserved,
            chores.archive,
            commands,
            chores.counted,
        )

        def ended(error: StoreError | None) -> None:
            if error is None:
                self._written(parts, chores, reserved)
                self._chores.written(write.sessions)
                for session, written in zip(both.sessions, write.sessions, strict=True):
                    session.is_on_disk(written)
            else:
                owed = changes if isinstance(error, DiskFault) else NO_CHANGES
                self._chores.put_back(chores, owed, self._now())
                if is_tried and isinstance(error, DiskFault):
                    doubted = [Segment(first, len(part)) for first, part in parts]
                    self._doubted.append((doubted, stood))
            then(error)

        await self._store.commit(write, ended)

    def found(self, on_disk: Mapping[int, int]) -> None:
        """After a fault: these segments are on disk, counts by `first`."""
        doubted, self._doubted = self._doubted, []
        for segments, stood in doubted:
            standing = [one for one in segments if on_disk.get(one.first) == one.count]
            if stood is None:
                self._lanes.disown(standing)
                self._chores.delete(standing, self._now())
            elif standing:
                stood()

    async def reserve_batch_number(self) -> None:
        """So that the next batch can be made."""
        reservation = self._batches.reservation(1)
        if reservation:
            await self.commit([], Changes(), lambda _: None, reservation)

    def _written(
        self, parts: list[tuple[int, Sequence[Entry]]], chores: Taken, reserved: dict[str, int]
    ) -> None:
        self._sequence.confirm(reserved)
        self._batches.confirm(reserved)
        self._lanes.forget(chores.delivered)
        self._archive.changed(chores.archive)
        for first, entries in parts:
            self._walks.written(first)
            self._chores.delete(self._lanes.on_disk(first, entries), self._now())
            self._unwritten.say_safe(entries)
