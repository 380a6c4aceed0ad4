"""FCntUp of sessions in which nothing else has changed: D1b for 17 bytes a session.

Most uplinks change nothing but this counter, and sessions lie all over their table: writing their
rows would cost the card a page each. So each commit adds one row of `f_cnt_up` with all counters
that rose. The highest of a session counts, here and in its own row.

`number` counts the rows: with MANY of them they become one, in which each living session stands
once. What is torn or unknown says nothing: an older counter lets frames in again, and they keep
their identity (D2).

`crc` is zlib's CRC-32 of a row, in a session's own row of its FCntUp. With it a flipped bit is
found and put right: a high one would keep its device out. What is worse is believed all the same:
this row may be the only one that knows a counter, for weeks, and without it frames of all that time
would be accepted anew, and answered. Both are told (`mend`).
"""

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Final, NamedTuple

MANY: Final = 64
_COUNT: Final = Struct(">Q5sI")


class Count(NamedTuple):
    """Of one session: DevEUI, its id (5 bytes), and the last accepted 32-bit FCnt."""

    dev_eui: int
    id: bytes
    f_cnt_up: int


def write(connection: sqlite3.Connection, counts: Sequence[Count]) -> None:
    """Inside a transaction of the caller's."""
    if not counts:
        return
    number = _insert(connection, counts)
    if number is not None and number >= MANY:
        _fold(connection)


def latest(connection: sqlite3.Connection) -> dict[tuple[int, bytes], int]:
    """By DevEUI and session id."""
    found: dict[tuple[int, bytes], int] = {}
    for _, blob, crc in connection.execute(_ALL):
        for count in _unpack(_righted(blob, crc) or blob):
            key = count.dev_eui, count.id
            found[key] = max(count.f_cnt_up, found.get(key, -1))
    return found


def forget(connection: sqlite3.Connection, dev_eui: int, id_: bytes) -> None:
    """A session is about to begin: one of the same name, that has ended, says nothing of it."""
    name = Count(dev_eui, id_, 0)
    if connection.execute(_KNOWS, (_pack([name])[:-_F_CNT_BYTES],)).fetchone():
        _fold(connection)


def crc_of(f_cnt_up: int) -> int:
    """For a session's own row."""
    return zlib.crc32(b"%d" % f_cnt_up)


def righted(f_cnt_up: int, crc: object) -> int:
    """Of a session's own row, its one flipped bit put right.

    A bit more or less is a power of two; a sign, too: SQLite keeps as few bytes as are needed.
    """
    if crc is None or crc == crc_of(f_cnt_up):
        return f_cnt_up
    powers = [1 << bit for bit in range(_F_CNT_BITS)]
    near = (f_cnt_up + change for power in powers for change in (power, -power))
    return next((one for one in near if crc_of(one) == crc), f_cnt_up)


def mend_sessions(connection: sqlite3.Connection) -> list[str]:
    """As `mend`, of sessions' own rows. Before the database is judged: with its sign flipped a
    counter cannot be, and its session would be left out.
    """
    told: list[str] = []
    mended: list[tuple[int, int, str, str]] = []
    for dev_eui, id_, f_cnt_up, crc in connection.execute(_ROWS):
        if not isinstance(f_cnt_up, int) or crc == crc_of(f_cnt_up):
            continue
        whole = righted(f_cnt_up, crc)
        mended.append((whole, crc_of(whole), dev_eui, id_))
        if whole != f_cnt_up or _is_one_bit(crc, crc_of(whole)):
            told.append(
                f"one bit of the FCntUp of device {dev_eui} was flipped, and has been put right"
            )
        elif crc is not None:
            told.append(
                f"the FCntUp of device {dev_eui} is damaged; it is believed, for a lower one would"
                " let old frames in: if it is too high the device is not heard until it joins"
                f" again (kogge why {dev_eui})"
            )
    with connection:
        connection.execute("BEGIN")  # one commit: after a migration it is every session
        connection.executemany(_MEND_SESSION, mended)
    return told


def mend(connection: sqlite3.Connection) -> list[str]:
    """Rows whose check value is wrong get one that is right; what is told of each."""
    told: list[str] = []
    for number, blob, crc in connection.execute(_ALL).fetchall():
        if _is_whole(blob, crc):
            continue
        righted = _righted(blob, crc)
        whole = blob if righted is None else righted
        connection.execute(_UPDATE, (whole, zlib.crc32(whole), number))
        told.append(_FLIPPED if righted is not None else _damaged(len(blob) // _COUNT.size))
    return told


_F_CNT_BYTES: Final = 4
_F_CNT_BITS: Final = 48  # SQLite has integers of 1, 2, 3, 4, 6 and 8 bytes; the last is of none
_MEND_SESSION: Final = "UPDATE session SET f_cnt_up = ?, crc = ? WHERE dev_eui = ? AND id = ?"
_ALL: Final = "SELECT number, counts, crc FROM f_cnt_up"
_KNOWS: Final = "SELECT 1 FROM f_cnt_up WHERE instr(counts, ?)"
_UPDATE: Final = "UPDATE f_cnt_up SET counts = ?, crc = ? WHERE number = ?"
_FLIPPED: Final = "one bit of the FCntUp of quiet sessions was flipped, and has been put right"


def _damaged(sessions: int) -> str:
    return (
        f"among {sessions} FCntUp of quiet sessions some are damaged; they are believed, for a"
        " lower one would let old frames in: a device of which one is too high is not heard until"
        " it joins again (kogge why DEVEUI)"
    )


def _insert(connection: sqlite3.Connection, counts: Iterable[Count]) -> int | None:
    blob = _pack(counts)
    insert = "INSERT INTO f_cnt_up (counts, crc) VALUES (?, ?)"
    return connection.execute(insert, (blob, zlib.crc32(blob))).lastrowid


def _is_whole(blob: bytes, crc: object) -> bool:
    """Rows of older versions have no check value."""
    return crc is None or crc == zlib.crc32(blob)


def _righted(blob: bytes, crc: object) -> bytes | None:
    """With the one bit flipped back that makes it right; None: there is none.

    What a flipped bit does to a CRC depends on nothing but its distance from the end.
    """
    if _is_whole(blob, crc):
        return blob
    wrong = zlib.crc32(blob) ^ crc if isinstance(crc, int) else 0
    if _is_one_bit(wrong, 0):
        return blob
    nothing = zlib.crc32(b"\0")
    effects = [zlib.crc32(bytes([1 << bit])) ^ nothing for bit in range(8)]
    for at in reversed(range(len(blob))):
        if wrong in effects:
            flipped = blob[at] ^ 1 << effects.index(wrong)
            return blob[:at] + bytes([flipped]) + blob[at + 1 :]
        effects = [zlib.crc32(b"\0", effect) ^ nothing for effect in effects]
    return None


def _is_one_bit(crc: object, other: int) -> bool:
    """Of a check value itself."""
    return isinstance(crc, int) and (crc ^ other).bit_count() == 1


def _fold(connection: sqlite3.Connection) -> None:
    counts = list(_newer(latest(connection), connection.execute(_ROWS)))
    connection.execute("DELETE FROM f_cnt_up")
    _insert(connection, counts)


_ROWS: Final = "SELECT dev_eui, id, f_cnt_up, crc FROM session"


def _newer(
    known: Mapping[tuple[int, bytes], int], rows: Iterable[tuple[str, str, int, int | None]]
) -> Iterator[Count]:
    """Those of living sessions that their own rows do not know."""
    for dev_eui, id_, f_cnt_up, crc in rows:
        key = int(dev_eui, 16), bytes.fromhex(id_)
        if known.get(key, -1) > righted(f_cnt_up, crc):
            yield Count(*key, known[key])


def _pack(counts: Iterable[Count]) -> bytes:
    return b"".join(_COUNT.pack(*count) for count in counts)


def _unpack(blob: bytes) -> Iterator[Count]:
    whole = len(blob) - len(blob) % _COUNT.size
    return (Count(*fields) for fields in _COUNT.iter_unpack(blob[:whole]))
