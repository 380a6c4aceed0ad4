"""A block of the archive: some hundred delivered readings that are written, and go, as one.

What memory knows of one that is on disk is a few numbers, about 200 bytes.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from gateway.records import Reading
from gateway.replay import Span

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True, eq=False)
class Block:
    """`begins` and `ends` are Unix seconds, None where a reading has no time. `size` in bytes is
    known when it is on disk; until then it has its readings as JSON.
    """

    number: int = 0
    count: int = 0
    size: int = 0
    begins: float | None = None
    ends: float | None = None
    stored_at: float | None = None
    readings: list[bytes] = field(default_factory=list)

    def add(self, reading: Reading) -> None:
        at = reading.moment.at
        if not self.count:
            self.begins = self.ends = at
        elif at is None or self.begins is None or self.ends is None:
            self.begins = self.ends = None
        else:
            self.begins, self.ends = min(self.begins, at), max(self.ends, at)
        self.readings.append(_encode(reading))
        self.count += 1

    def is_before(self, at: float) -> bool:
        return at == math.inf or (self.ends is not None and self.ends < at)

    def may_have(self, span: Span) -> bool:
        if self.begins is None or self.ends is None:
            return True
        return self.begins < span.ends and span.begins <= self.ends


class Change(NamedTuple):
    """What one commit does: blocks that are deleted first, and those that are written."""

    pruned: Sequence[Block] = ()
    written: Sequence[Block] = ()


NOTHING: Final = Change()


def apart(blocks: Sequence[Block], before: float) -> tuple[list[Block], list[Block]]:
    """Those that stay, and those that are older."""
    old = [block for block in blocks if block.is_before(before)]
    return [block for block in blocks if not block.is_before(before)], old


def readings_of(blocks: Iterable[Block]) -> int:
    return sum(block.count for block in blocks)
