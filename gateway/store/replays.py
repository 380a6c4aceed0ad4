"""The buffer's third lane: what the city wants once more, behind the live lane and the backlog.

- One replay after the other, block by block from the archive. Of what a replay has read, memory
  holds less than a batch and a block beside the batches that are on their way.
- What is archived after a replay has begun is not in it.
- How far it has come is saved now and then, and at its end with its answer in one transaction.
  After a crash it goes on from there: at least once.
- A block that cannot be read, or that the disk has lost, is passed over, and counted; so is a
  reading that the broker refuses for good, it stays archived.
"""

import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

from gateway.clock import Clock
from gateway.lorawan.correlations import Correlations
from gateway.records import Event, Reading
from gateway.replay import Command, Span, replayed
from gateway.store.archive import Archive, dated
from gateway.store.blocks import Block

SAVE_SECONDS: Final = 5.0

Read: TypeAlias = Callable[[int], Awaitable[Sequence[Reading] | None]]


@dataclass(slots=True, eq=False)
class _Part:
    """What a replay wants of one block: `count` readings, of which `left` are not yet delivered or
    `refused`.
    """

    number: int
    count: int
    left: int
    damaged: int = 0
    refused: int = 0


class _Entry(NamedTuple):
    reading: Reading
    part: _Part


class Replays:
    """`read` is the store's, `now` monotonic. `due` is when something has to be saved."""

    def __init__(
        self,
        commands: Iterable[Command],
        archive: Archive,
        read: Read,
        now: Callable[[], float],
        clock: Clock,
        correlations: Correlations,
    ) -> None:
        self._archive, self._read, self._now, self._clock = archive, read, now, clock
        self._correlations = correlations
        self._waiting: deque[Command] = deque()  # the first is under way
        self._last_number = 0
        self._lane: deque[_Entry] = deque()
        self._out: dict[int, list[_Entry]] = {}  # by batch
        self.damaged = 0
        self.due = math.inf
        self._begin_anew()
        for command in commands:
            self._correlations.came(command.correlation)
            self._enter(command)

    def _begin_anew(self) -> None:
        self._parts: deque[_Part] = deque()  # not yet wholly delivered, or behind such a one
        self._read_to = 0  # number of a block
        self._last: int | None = None  # the same; known when the first is read
        self._is_read = False

    def __len__(self) -> int:
        """How many replays are not done."""
        return len(self._waiting)

    def knows(self, correlation: str) -> bool:
        """Whether a command, of whatever kind, came before."""
        return self._correlations.knows(correlation)

    # commands come in

    def begin(self, commands: Iterable[Command]) -> list[Command]:
        """Their commit is about to be made; it ends in `ended`."""
        return [command if command.number else self._numbered(command) for command in commands]

    def _numbered(self, command: Command) -> Command:
        self._correlations.came(command.correlation)
        self._last_number += 1
        if not command.done:
            self._archive.ripen()
        return replace(command, number=self._last_number)

    def ended(self, commands: Iterable[Command], error: Exception | None) -> None:
        for command in commands:
            if self._waiting and command.number == self._waiting[0].number:
                self._saved(command, error)
            elif error is None:
                self._enter(command)
            else:
                self._correlations.forget(command.correlation)

    def _enter(self, command: Command) -> None:
        self._last_number = max(self._last_number, command.number)
        if command.done:
            self._correlations.done(command.correlation)
        else:
            self._waiting.append(command)

    # readings go out

    def is_hungry(self, limit: int) -> bool:
        """Whether to `read` before `limit` readings are taken."""
        wants = bool(self._waiting) and not self._is_read and len(self._lane) < limit
        return wants and (self._last is not None or self._archive.is_written)

    @property
    def has_readings(self) -> bool:
        return bool(self._lane)

    async def read(self) -> None:
        """The next block of the first replay; may be cancelled."""
        command = self._waiting[0]
        assert command.span is not None
        if self._last is None:
            self._last, self._read_to = self._archive.last, command.cursor
        block = self._archive.following(self._read_to, self._last, command.span)
        if block is None:
            self._is_read, self._read_to = True, max(self._read_to, self._last)
        else:
            self._found(block, await self._read(block.number), command.span)
        self._settle()

    def _found(self, block: Block, readings: Sequence[Reading] | None, span: Span) -> None:
        wanted = [
            each for each in (dated(self._clock, one) for one in readings or ()) if span.has(each)
        ]
        damaged = block.count if readings is None else 0
        part = _Part(block.number, len(wanted), len(wanted), damaged)
        self._parts.append(part)
        self._lane.extend(_Entry(reading, part) for reading in wanted)
        self._read_to = block.number
        self.damaged += damaged

    def lose(self, blocks: Sequence[Block]) -> None:
        """The disk no longer has these: what was still wanted of them is damaged."""
        for index, command in enumerate(self._waiting):
            above, last = command.cursor, math.inf
            if index == 0 and self._last is not None:
                above, last = self._read_to, self._last
            ahead = [block for block in blocks if above < block.number <= last]
            damaged = sum(b.count for b in ahead if command.span and b.may_have(command.span))
            self._waiting[index] = replace(command, damaged=command.damaged + damaged)
            self.damaged += damaged

    def take(self, number: int, limit: int) -> tuple[Reading, ...]:
        """For the batch of this number; it ends in `delivered` or `returned`."""
        entries = [self._lane.popleft() for _ in range(min(limit, len(self._lane)))]
        self._out[number] = entries
        return tuple(entry.reading for entry in entries)

    def delivered(self, number: int) -> None:
        for entry in self._out.pop(number):
            entry.part.left -= 1
        self._settle()

    def refused(self, number: int) -> None:
        for entry in self._out[number]:
            entry.part.refused += 1
        self.delivered(number)

    def returned(self, number: int) -> None:
        self._lane.extendleft(reversed(self._out.pop(number)))

    # what is saved

    @property
    def _is_done(self) -> bool:
        """All of the first replay is delivered."""
        return self._is_read and not self._parts

    def _settle(self) -> None:
        """The first parts that are delivered are done with."""
        head = self._waiting[0]
        while self._parts and not self._parts[0].left:
            part = self._parts.popleft()
            head = replace(
                head,
                cursor=part.number,
                count=head.count + part.count - part.refused,
                damaged=head.damaged + part.damaged,
                refused=head.refused + part.refused,
            )
        self._waiting[0] = head
        self.due = min(self.due, self._now() + (0 if self._is_done else SAVE_SECONDS))

    def news(self) -> tuple[Command, list[Event]]:
        """How far the first replay has come, to be committed with its answer if it is done. Due
        again, should the commit not even begin.
        """
        self.due = self._now() + SAVE_SECONDS
        command = self._waiting[0]
        if not self._is_done:
            return command, []
        return replace(command, done=True), [replayed(self._clock.now(), command)]

    def _saved(self, command: Command, error: Exception | None) -> None:
        if error is not None:
            self.due = self._now() + SAVE_SECONDS
        elif command.done:
            self._waiting.popleft()
            self._correlations.done(command.correlation)
            self._begin_anew()
            self.due = math.inf
        elif command == self._waiting[0] and not self._is_done:
            self.due = math.inf
