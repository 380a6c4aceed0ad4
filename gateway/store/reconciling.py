"""The disk is back (D1c): what it has, against what memory believes.

- A commit that failed may stand all the same: after an fsync that failed nobody knows. What it
  brought is then here and there, and goes from there with the next commit, which has it anew. What
  it gave up is told by the gap that it brought instead, and that stays.
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
    return giving_up.missing(before - has.lanes.undelivered + _new(has, found))


def _new(has: Contents, found: Found) -> int:
    """Records on disk of which nobody knew: they make up for none that is missing."""
    last, following = has.walks.last, has.sequence.next
    doubted = [first for first in found.segments if last < first < following]
    for first in doubted:
        has.walks.written(first)
    return sum(found.segments[one] for one in doubted if not has.lanes.delivered_of(one))
