"""Sessions on disk: their columns, their keys sealed, and those that no key opens.

- The connection knows `sealed`, `opened` and `resealed` (gateway.store.sealing).
- Keys belong to their session's id and never change under it: only its first write seals them.
  Those of an ABP session are always devices.toml's, whatever is stored.
- EUIs, addresses and session ids are lower-case hex, most significant byte first.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

from gateway.lorawan.mac_state import Mac
from gateway.lorawan.session import Session
from gateway.store import counts

# fields of Session, in their order there: dev_eui, id, dev_addr, KEYS, STATE
KEYS: Final = ("f_nwk_s_int_key", "s_nwk_s_int_key", "nwk_s_enc_key", "app_s_key")
STATE: Final = (
    "f_cnt_up",
    "f_cnt_down",
    "f_cnt_down_reserved",
    "pending",
    "version",
    "a_f_cnt_down",
    "a_f_cnt_down_reserved",
    "net_id",
    "rj_count_0",
    "mac",
)


def _whose(key: str) -> str:
    return f"dev_eui || '/' || id || '/{key}'"


def _each(form: str, names: Sequence[str], between: str = ", ") -> str:
    """`form` for each name, {0} being the name and {1} what its sealed value is bound to."""
    return between.join(form.format(name, _whose(name)) for name in names)


_ID = "dev_eui = :dev_eui AND id = :id"
_LOCKED = f"({_each('opened({0}, {1}) IS NULL', KEYS, ' OR ')})"
_IS_ABP = "substr(session.id, 1, 8) = session.dev_addr"

_SELECT = f"""
    SELECT crc, dev_eui, id, dev_addr, {_each("opened({0}, {1})", KEYS)}, {", ".join(STATE)}
    FROM session ORDER BY dev_eui, id"""
_UPDATE = f"UPDATE session SET {_each('{0} = :{0}', (*STATE, 'crc'))} WHERE {_ID}"
_INSERT = f"""
    INSERT INTO session (dev_eui, id, dev_addr, {", ".join(KEYS + STATE)}, crc)
    SELECT dev_eui, id, :dev_addr, {_each("sealed(:{0}, {1})", KEYS)}, {_each(":{0}", STATE)},
        :crc
    FROM (SELECT :dev_eui AS dev_eui, :id AS id)"""
# JoinNonce stands first in an id, and rises: a device that was heard in a later session left it
_END_LEFT = f"""
    DELETE FROM session WHERE NOT {_IS_ABP} AND EXISTS (
        SELECT 1 FROM session AS later
        WHERE later.dev_eui = session.dev_eui AND later.id > session.id AND NOT later.pending
        AND substr(later.id, 1, 8) <> later.dev_addr)"""
_SELECT_LOCKED = f"""
    SELECT DISTINCT dev_eui FROM session WHERE {_LOCKED} AND NOT {_IS_ABP} ORDER BY dev_eui"""
_RESEAL = f"UPDATE session SET {_each('{0} = resealed({0}, {1})', KEYS)}"


def write(connection: sqlite3.Connection, written: Iterable[Session]) -> None:
    """In the table's order: a page that leaves the cache for the log does not come back."""
    for session in sorted(written, key=attrgetter("dev_eui", "id")):
        row = _row(session)
        if connection.execute(_UPDATE, row).rowcount == 0:
            counts.forget(connection, session.dev_eui, session.id)
            connection.execute(_INSERT, row)


def _row(session: Session) -> dict[str, object]:
    return {
        "dev_eui": f"{session.dev_eui:016x}",
        "id": session.id.hex(),
        "dev_addr": f"{session.dev_addr:08x}",
        **{name: getattr(session, name) for name in KEYS + STATE},
        "mac": session.mac.to_json(),
        "crc": counts.crc_of(session.f_cnt_up),
    }


def end_left(connection: sqlite3.Connection) -> None:
    """End what could not be opened when its device joined again: nobody ended it then."""
    connection.execute(_END_LEFT)


def load(connection: sqlite3.Connection) -> Iterator[Session]:
    """Every session whose keys can be opened, and those of ABP devices for their counters."""
    known = counts.latest(connection)
    for crc, *found in connection.execute(_SELECT):
        session = _session(*found)
        if session is not None:
            f_cnt_up = known.get((session.dev_eui, session.id), -1)
            session.f_cnt_up = max(counts.righted(session.f_cnt_up, crc), f_cnt_up)
            yield session


def locked(connection: sqlite3.Connection) -> tuple[int, ...]:
    """The DevEUIs of those who joined, and whose session cannot be opened: it is not used."""
    return tuple(int(dev_eui, 16) for (dev_eui,) in connection.execute(_SELECT_LOCKED))


def reseal(connection: sqlite3.Connection) -> None:
    """Under the first key what an older one opens; of the old nothing stays in the file."""
    connection.execute("PRAGMA secure_delete = ON").fetchall()
    connection.execute(_RESEAL)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.execute("PRAGMA secure_delete = OFF").fetchall()


def _session(dev_eui: str, id_: str, dev_addr: str, *values: Any) -> Session | None:
    if None in values[: len(KEYS)]:
        if not id_.startswith(dev_addr):
            return None
        # ABP: devices.toml will say; until then keys that nobody knows
        values = (*(os.urandom(16) for _ in KEYS), *values[len(KEYS) :])
    session = Session(int(dev_eui, 16), bytes.fromhex(id_), int(dev_addr, 16), *values[:-1])
    session.pending, session.mac = bool(session.pending), Mac.from_json(values[-1])
    session.is_on_disk(session)
    return session
