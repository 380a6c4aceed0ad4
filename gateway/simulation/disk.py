"""The modelled disk: a commit takes its time, and a kill before its end leaves nothing of it.

Rules:

- One commit at a time; what is asked for meanwhile goes together into the next (group commit).
- What a commit holds is copied when it is asked for: sessions go on changing.
- `kill` forgets what is not synced; `saved` and `told` hear of the readings and results that are.
- Mostly a commit takes 5 … 40 ms; now and then a card takes a second or two.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from random import Random

from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.order import Queued, Result
from gateway.lorawan.session import Changes, Join, KnownState, Rejoin, Session
from gateway.simulation.agenda import SECOND, Agenda

SLOW_SHARE, SLOW_S = 0.01, (0.3, 2.5)
USUAL_S = (0.005, 0.040)


@dataclass(frozen=True, slots=True)
class Write:
    """What goes to disk together: changed state, the ids of readings, one sub-band's airtime, and
    what the city is to be told of its downlinks.
    """

    changes: Changes = field(default_factory=Changes)
    readings: Collection[str] = ()
    airtime: Spent | None = None
    results: Collection[Result] = ()

    def copied(self) -> "Write":
        sessions = tuple(replace(session) for session in self.changes.sessions)
        return replace(self, changes=replace(self.changes, sessions=sessions))


Job = tuple[Write, Callable[[], None]]


class Disk:
    """`write` is on disk when `then` is called."""

    def __init__(self, agenda: Agenda, random: Random) -> None:
        self._agenda, self._random = agenda, random
        self._sessions: dict[tuple[int, bytes], Session] = {}
        self._joins: dict[Join, None] = {}
        self._rejoins: dict[tuple[int, int], Rejoin] = {}
        self._airtime: dict[int, Spent] = {}
        self._downlinks: dict[int, Queued] = {}
        self._waiting: list[Job] = []
        self._written: list[Job] = []
        self._life = 0
        self.saved: Callable[[Collection[str]], None] = lambda readings: None
        self.told: Callable[[Collection[Result]], None] = lambda results: None
        self.commit_began: Callable[[int], None] = lambda ends: None

    def write(self, write: Write, then: Callable[[], None]) -> None:
        self._waiting.append((write.copied(), then))
        if not self._written:
            self._begin()

    def kill(self) -> None:
        """The process that asked is gone, or the power is."""
        self._life += 1
        self._waiting, self._written = [], []

    def load(self) -> KnownState:
        """What a new life finds."""
        sessions = tuple(replace(session) for session in self._sessions.values())
        return KnownState(
            sessions,
            tuple(self._joins),
            tuple(self._airtime.values()),
            tuple(self._rejoins.values()),
            tuple(_as_read(one) for one in self._downlinks.values()),
        )

    def _begin(self) -> None:
        self._written, self._waiting = self._waiting, []
        slow = self._random.random() < SLOW_SHARE
        takes = self._random.uniform(*(SLOW_S if slow else USUAL_S))
        ends, life = self._agenda.now + round(takes * SECOND), self._life
        self._agenda.at(ends, lambda: self._synced(life))
        self.commit_began(ends)

    def _synced(self, life: int) -> None:
        if life != self._life:
            return
        done, self._written = self._written, []
        for write, _ in done:
            self._apply(write)
        if self._waiting:
            self._begin()
        for _, then in done:
            then()

    def _apply(self, write: Write) -> None:
        for key in write.changes.ended:
            self._sessions.pop(key, None)
        for session in write.changes.sessions:
            self._sessions[session.dev_eui, session.id] = session
        self._joins.update(dict.fromkeys(write.changes.joins))
        for one in write.changes.rejoins:
            self._rejoins[one.dev_eui, one.join_eui] = one
        if write.airtime is not None:
            self._airtime[write.airtime.low] = write.airtime
        for downlink in write.changes.downlinks:
            self._downlinks[downlink.number] = downlink
        self.saved(write.readings)
        self.told(write.results)


def _as_read(one: Queued) -> Queued:
    """What the store has columns for."""
    return Queued(one.number, one.order, one.state, one.attempts, one.session, one.f_cnt)
