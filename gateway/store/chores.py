"""What is written with the next commit, whoever's it is, and makes one only when it gets old."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.lorawan.session import Changes, Session
from gateway.store.archive import Archive, Change
from gateway.store.lanes import Segment

WAIT = 60.0  # seconds; D1b
DELETE_RECORDS = 1000  # delivered but still on disk, at most so many are delivered again


@dataclass(frozen=True, slots=True)
class Taken:
    """One commit's chores: changed sessions, segments to delete, and what the archive does."""

    sessions: Sequence[Session]
    delivered: Sequence[Segment]
    archive: Change


class Chores:
    """`due` is when they need a commit of their own, infinity when there are none."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._due = math.inf
        self._sessions: dict[tuple[int, bytes], Session] = {}
        self._delivered: list[Segment] = []
        self._delivered_records = 0

    @property
    def due(self) -> float:
        return min(self._due, self._archive.due)

    def touch(self, session: Session, at: float) -> None:
        """Its `f_cnt_up` has changed."""
        self._sessions[session.dev_eui, session.id] = session
        self._due = min(self._due, at + WAIT)

    def delete(self, segments: Sequence[Segment], at: float) -> None:
        """All of their records are delivered."""
        for segment in segments:
            self._delivered.append(segment)
            self._delivered_records += segment.count
            urgent = self._delivered_records >= DELETE_RECORDS
            self._due = min(self._due, at if urgent else at + WAIT)

    def take(self, changes: Changes, at: float) -> Taken:
        """All of them, but for the sessions that `changes` writes or ends anyway."""
        for session in changes.sessions:
            self._sessions.pop((session.dev_eui, session.id), None)
        for key in changes.ended:
            self._sessions.pop(key, None)
        delivered = tuple(self._delivered)
        taken = Taken(tuple(self._sessions.values()), delivered, self._archive.take(at))
        self._sessions.clear()
        self._delivered.clear()
        self._delivered_records = 0
        self._due = math.inf
        return taken

    def put_back(self, taken: Taken, at: float) -> None:
        """They could not be written."""
        for session in taken.sessions:
            self.touch(session, at)
        self.delete(taken.delivered, at)
        self._archive.put_back(taken.archive, at)
