"""What is written with the next commit, whoever's it is, and makes one only when it gets old.

A touched session is written whole when its `mac` is not the one that was written last, or nothing
is known of that; else its FCntUp alone (counts.py). What the disk did not take is written whole.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.lorawan.mac_state import Mac
from gateway.lorawan.session import NO_CHANGES, Changes, Session
from gateway.store.archive import Archive
from gateway.store.blocks import Change
from gateway.store.lanes import Segment
from gateway.store.owed import Owed, merged

WAIT = 60.0  # seconds; D1b
DELETE_RECORDS = 1000  # delivered but still on disk, at most so many are delivered again


@dataclass(frozen=True, slots=True)
class Taken:
    """One commit's chores: changes, or of sessions FCntUp alone; segments to delete; and what the
    archive does.
    """

    changes: Changes
    counted: Sequence[Session]
    delivered: Sequence[Segment]
    archive: Change


class Chores:
    """`due` is when they need a commit of their own, infinity when there are none."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._due = math.inf
        self._sessions: dict[tuple[int, bytes], Session] = {}
        self._written: dict[tuple[int, bytes], Mac] = {}
        self._owed = Owed()
        self._delivered: list[Segment] = []
        self._delivered_records = 0

    @property
    def due(self) -> float:
        return min(self._due, self._archive.due)

    def touch(self, session: Session, at: float) -> None:
        """Its `f_cnt_up` has changed, and perhaps its `mac`."""
        self._sessions[session.dev_eui, session.id] = session
        self._due = min(self._due, at + WAIT)

    def owe(self, changes: Changes, at: float) -> None:
        """D1c: the disk did not take them; they go with the first commit that it takes."""
        if changes != NO_CHANGES:
            self._owed.add(changes)
            self._due = min(self._due, at)

    def delete(self, segments: Sequence[Segment], at: float) -> None:
        """All of their records are delivered."""
        for segment in segments:
            self._delivered.append(segment)
            self._delivered_records += segment.count
            urgent = self._delivered_records >= DELETE_RECORDS
            self._due = min(self._due, at if urgent else at + WAIT)

    def take(self, changes: Changes, at: float) -> Taken:
        """All of them, but for the sessions that `changes` writes or ends anyway."""
        self._owed.leave_out(changes)
        owed = self._owed.take()
        for session in (*owed.sessions, *changes.sessions):
            self._sessions.pop((session.dev_eui, session.id), None)
        for key in (*owed.ended, *changes.ended):
            self._sessions.pop(key, None)
            self._written.pop(key, None)
        whole: list[Session] = []
        counted: list[Session] = []
        for key, session in self._sessions.items():
            (counted if self._written.get(key) is session.mac else whole).append(session)
        both = merged(owed, Changes(tuple(whole)))
        taken = Taken(both, counted, tuple(self._delivered), self._archive.take(at))
        self._sessions.clear()
        self._delivered.clear()
        self._delivered_records = 0
        self._due = math.inf
        return taken

    def written(self, sessions: Iterable[Session]) -> None:
        """These are on disk, as they were when they were taken: copies."""
        for session in sessions:
            self._written[session.dev_eui, session.id] = session.mac

    def put_back(self, taken: Taken, changes: Changes, at: float) -> None:
        """They could not be written, nor could these `changes`; what came since is newer."""
        self._written.clear()  # what is on disk after a fault, nobody knows
        newer = self._owed.take()
        for each in (taken.changes, Changes(tuple(taken.counted)), changes, newer):
            self.owe(each, at)
        self.delete(taken.delivered, at)
        self._archive.put_back(taken.archive, at)
