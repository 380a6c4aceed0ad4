"""The disk is back (D1c): what it has, against what memory believes.

- A commit that failed may stand all the same: after an fsync that failed nobody knows. What it
  brought is then here and there, goes out twice under its id, and makes up for nothing that is
  missing. What it gave up is told by the gap that stands there beside it.
- What else is missing is told now, once.
- Archive blocks are as the disk has them. Those that it has lost are damaged to a replay that wants
  them; one that memory has given up meanwhile is deleted.
"""

from gateway.records import Event
from gateway.store.commits import Commits
from gateway.store.contents import Contents
from gateway.store.giving_up import GivingUp
from gateway.store.tables import Found


def reconcile(has: Contents, commits: Commits, giving_up: GivingUp, found: Found) -> list[Event]:
    """What the city is told."""
    commits.found(found.segments)
    has.replays.lose(has.archive.reconcile(found.archive, has.now()))
    before = has.lanes.undelivered
    out = [entry for entries in has.out.values() for entry in entries]
    has.unwritten.add(has.lanes.reconcile(found.segments, out))
    return giving_up.missing(before - has.lanes.undelivered + _twice(has, found))


def _twice(has: Contents, found: Found) -> int:
    """Records on disk of which nobody knew: from now on they count."""
    last, following = has.walks.last, has.sequence.next
    doubted = {first: n for first, n in found.segments.items() if last < first < following}
    for first in doubted:
        has.walks.written(first)
    return sum(doubted.values())
