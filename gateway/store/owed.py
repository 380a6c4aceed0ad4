"""Changes that the disk did not take (D1c), as one: each thing as it was last."""

from gateway.lorawan.session import NO_CHANGES, Changes, Session


class Owed:
    def __init__(self) -> None:
        self._sessions: dict[tuple[int, bytes], Session] = {}
        self._ended: dict[tuple[int, bytes], None] = {}
        self._others = NO_CHANGES

    def add(self, changes: Changes) -> None:
        for key in changes.ended:
            self._sessions.pop(key, None)
            self._ended[key] = None
        for session in changes.sessions:
            self._sessions[session.dev_eui, session.id] = session
        if changes.joins or changes.rejoins or changes.downlinks:
            self._others = _joined(self._others, changes)

    def leave_out(self, changes: Changes) -> None:
        """The sessions that `changes` writes or ends."""
        for session in changes.sessions:
            self._sessions.pop((session.dev_eui, session.id), None)
        for key in changes.ended:
            self._sessions.pop(key, None)

    def take(self) -> Changes:
        """All of them: none is owed any more."""
        others = self._others
        sessions, ended = tuple(self._sessions.values()), tuple(self._ended)
        self._sessions, self._ended, self._others = {}, {}, NO_CHANGES
        return Changes(sessions, ended, others.joins, others.rejoins, others.downlinks)


def merged(older: Changes, newer: Changes) -> Changes:
    """For one transaction, which ends sessions before it writes others. No session is in both."""
    if older == NO_CHANGES:
        return newer
    both = _joined(older, newer)
    return Changes(
        (*older.sessions, *newer.sessions),
        (*older.ended, *newer.ended),
        both.joins,
        both.rejoins,
        both.downlinks,
    )


def _joined(older: Changes, newer: Changes) -> Changes:
    """All but sessions."""
    rejoins = {(one.dev_eui, one.join_eui): one for one in (*older.rejoins, *newer.rejoins)}
    downlinks = {one.number: one for one in (*older.downlinks, *newer.downlinks)}
    joins = tuple(dict.fromkeys((*older.joins, *newer.joins)))
    return Changes((), (), joins, tuple(rejoins.values()), tuple(downlinks.values()))
