"""What comes in: live, or kept before an answer leaves (D1a), or without the disk (D1c)."""

from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakValueDictionary

from gateway.errors import DiskFault, StoreError
from gateway.lorawan.session import NO_CHANGES, Changes
from gateway.records import Event, Reading, Record
from gateway.replay import Command
from gateway.store import tables
from gateway.store.commits import Commits
from gateway.store.contents import Contents
from gateway.store.lanes import Entry, Segment
from gateway.store.unwritten import GIVEN_UP


class _Undecoded(Entry, weakref=True, gc=True):
    """For as long as it is in memory its record may be replaced."""


class TakingIn:
    """For one buffer, which says what `keep` and `replace` promise. `hurry` hears when something
    may have to be written sooner.
    """

    def __init__(
        self,
        has: Contents,
        commits: Commits,
        *,
        make_room: Callable[[int], Awaitable[None]],
        forgotten: Callable[[Sequence[Record]], Sequence[Event]],
        hurry: Callable[[], None],
    ) -> None:
        """`make_room` is for so many records; `forgotten` says what the city is told of those that
        memory has no room for.
        """
        self._store, self._lanes, self._unwritten = has.store, has.lanes, has.unwritten
        self._chores, self._replays = has.chores, has.replays
        self._now, self._arrived = has.now, has.arrived
        self._commits, self._hurry = commits, hurry
        self._make_room, self._forgotten = make_room, forgotten
        self._undecoded: WeakValueDictionary[str, _Undecoded] = WeakValueDictionary()

    def add(self, records: Sequence[Record]) -> None:
        """Live, in memory alone."""
        self._add([self._entry(record) for record in records])

    def _entry(self, record: Record) -> Entry:
        undecoded = isinstance(record, Reading) and record.undecoded
        return (_Undecoded if undecoded else Entry)(record, self._now())

    def _add(self, entries: Sequence[Entry]) -> None:
        self._unwritten.add(entries)
        self._enter(entries)
        if self._store.fault is not None and self._unwritten.too_many():
            self._give_up_unwritten()

    def _give_up_unwritten(self) -> None:
        """D1c: of those that are in a batch none is given up."""
        lost = self._lanes.give_up_unwritten(GIVEN_UP)
        self._unwritten.wake()
        if lost:
            self.add(self._forgotten(lost))

    async def keep(
        self, records: Sequence[Record], changes: Changes, commands: Sequence[Command]
    ) -> bool:
        may_go_on = not any(command.number or not command.done for command in commands)
        entries = [self._entry(record) for record in records]
        try:
            await self._make_room(len(records))
        except DiskFault:
            if not may_go_on:
                raise
            self._chores.owe(changes, self._now())
            self._go_on(entries, changes)
            return False
        begun = self._replays.begin(commands)

        def ended(error: StoreError | None) -> None:
            self._replays.ended(begun, error)
            if error is None:
                self.kept(entries)
            if isinstance(error, DiskFault) and may_go_on:
                self._go_on(entries, changes)

        try:
            await self._commits.commit(entries, changes, ended, commands=begun)
        except DiskFault:
            if not may_go_on:
                raise
            return False
        return True

    def _go_on(self, entries: Sequence[Entry], changes: Changes) -> None:
        """Without the disk. What tells of changes is told with them."""
        held = [e for e in entries if changes != NO_CHANGES and not isinstance(e.record, Reading)]
        self._unwritten.hold(held)
        self._add([entry for entry in entries if entry not in held])
        self._hurry()

    async def tell(
        self,
        gaps: Sequence[Event],
        given_up: Sequence[Segment],
        then: Callable[[StoreError | None], None],
        staying: Sequence[tables.Segment],
        stood: Callable[[], None] | None,
    ) -> None:
        """D3: gap events come in, and the segments that they tell of go, but for what of them is
        staying; in one transaction.
        """
        entries = [Entry(event, self._now()) for event in gaps]

        def ended(error: StoreError | None) -> None:
            then(error)
            if error is None:
                self.kept(entries)

        await self._commits.commit(
            entries, Changes(), ended, given_up=given_up, staying=staying, stood=stood
        )

    def kept(self, entries: Sequence[Entry]) -> None:
        """These are on disk."""
        self._enter(entries)
        self._hurry()

    def _enter(self, entries: Sequence[Entry]) -> None:
        self._lanes.enter(entries)
        for entry in entries:
            if isinstance(entry, _Undecoded):
                self._undecoded[entry.record.id] = entry
        self._arrived.set()

    def replace(self, decoded: Reading) -> None:
        entry = self._undecoded.pop(decoded.id, None)
        if entry is not None:
            entry.record = decoded
