"""Whether a database is whole: what SQLite says of it, and whether each value can be what it is.

- The version that it claims is believed when its tables are those of that version.
- Large tables are read through, row by row but for their blobs; the others SQLite checks itself.
- A value has the form that its column's name has everywhere (FORMS); others are not judged.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Final, TypeAlias

from gateway.lorawan.mac_state import Mac
from gateway.store.sealing import Keyring

Columns: TypeAlias = Sequence[str]
Tables: TypeAlias = Mapping[str, Columns]

LARGE: Final = ("segment", "archive", "archive_block")


class Damaged(sqlite3.DatabaseError):
    """As if SQLite had said so."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def _hex(digits: int, least: int = 2) -> str:
    """At most so many, and at least."""
    size = "length(CAST({0} AS BLOB))"
    return (
        f"(typeof({{0}}) = 'text' AND {size} BETWEEN {least} AND {digits} AND {size} % 2 = 0"
        " AND {0} NOT GLOB '*[^0-9a-f]*')"
    )


def _whole(low: int, high: int) -> str:
    return f"(typeof({{0}}) = 'integer' AND {{0}} BETWEEN {low} AND {high})"


def _or_null(form: str) -> str:
    return f"({{0}} IS NULL OR {form})"


_NUMBER: Final = _whole(0, 2**53)
_TEXT: Final = "(typeof({0}) = 'text' AND is_text(CAST({0} AS BLOB)))"
_BLOB: Final = "(typeof({0}) = 'blob')"
_TIME: Final = "(typeof({0}) = 'real' AND abs({0}) < 1e12)"
_FLAG: Final = _whole(0, 1)
_F_CNT: Final = _whole(0, 2**32 + 2**16)

FORMS: Final[Mapping[str, str]] = {
    "name": _TEXT,
    "value": _TEXT,
    "correlation": _TEXT,
    "reserved": _NUMBER,
    "first": _NUMBER,
    "count": _whole(0, 2**32),
    "received_at": _or_null(_TIME),
    "records": _BLOB,
    "dev_eui": _hex(16),
    "join_eui": _hex(16),
    "id": _hex(10),
    "dev_addr": _hex(8),
    "f_nwk_s_int_key": _BLOB,
    "s_nwk_s_int_key": _BLOB,
    "nwk_s_enc_key": _BLOB,
    "app_s_key": _BLOB,
    "f_cnt_up": _whole(-1, 2**32 - 1),
    "f_cnt_down": _F_CNT,
    "f_cnt_down_reserved": _F_CNT,
    "a_f_cnt_down": _F_CNT,
    "a_f_cnt_down_reserved": _F_CNT,
    "pending": _FLAG,
    "version": "({0} IN ('1.0', '1.1'))",
    "net_id": _whole(0, 2**24 - 1),
    "rj_count_0": _whole(-1, 2**16 - 1),
    "rj_count_1": _whole(-1, 2**16 - 1),
    "mac": "(typeof({0}) = 'text' AND is_mac(CAST({0} AS BLOB)))",
    "dev_nonce": _whole(0, 2**16 - 1),
    "join_nonce": _whole(0, 2**24 - 1),
    "low": _NUMBER,
    "airtime_us": _NUMBER,
    "at": _or_null(_TIME),
    "number": _NUMBER,
    "f_port": _whole(1, 223),
    "payload": _BLOB,
    "confirmed": _FLAG,
    "priority": _whole(0, 255),
    "expires_at": _or_null(_TIME),
    "state": "({0} IN ('waiting', 'handed_over', 'awaits_ack', 'done'))",
    "attempts": _whole(0, 2**16),
    "session": _hex(10, 0),
    "f_cnt": _or_null(_F_CNT),
    "device": _or_null(_hex(16)),
    "begins": _or_null(_TIME),
    "ends": _or_null(_TIME),
    "stored_at": _or_null(_TIME),
    "cursor": _NUMBER,
    "damaged": _whole(0, 2**32),
    "refused": _whole(0, 2**32),
    "bytes": _NUMBER,
    "readings": _BLOB,
    "counts": _BLOB,
}


def serve(connection: sqlite3.Connection) -> None:
    """SQL may use FORMS."""
    connection.create_function("is_text", 1, _is_text)
    connection.create_function("is_mac", 1, _is_mac)


def well_formed(columns: Columns) -> str:
    """SQL: whether a row's values have their forms."""
    forms = [FORMS[name].format(f'"{name}"') for name in columns if name in FORMS]
    return " AND ".join(forms) or "TRUE"


def of_version(scripts: Sequence[str], version: int) -> Tables:
    """The tables that a database of this version has."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        return make(made, scripts, version)


def make(new: sqlite3.Connection, scripts: Sequence[str], version: int) -> Tables:
    """An empty database of this version, and its tables."""
    Keyring([]).serve(new)
    for script in scripts[:version]:
        new.executescript(script)
    new.execute(f"PRAGMA user_version = {version}")
    return tables_of(new)


def tables_of(connection: sqlite3.Connection) -> Tables:
    """Names and columns. Raises sqlite3.Error."""
    names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    return {name: columns_of(connection, name) for (name,) in connection.execute(names).fetchall()}


def version_of(connection: sqlite3.Connection, scripts: Sequence[str]) -> int | None:
    """The version whose tables it has; None where there is none, or it has not been looked at."""
    found = tables_of(connection)
    versions = range(len(scripts), -1, -1)
    return next((one for one in versions if of_version(scripts, one) == found), None)


def check_version(connection: sqlite3.Connection, scripts: Sequence[str]) -> None:
    """Raises Damaged when its version is not that of its tables; newer ones are not known here."""
    (claimed,) = connection.execute("PRAGMA user_version").fetchone()
    known = 0 <= claimed <= len(scripts)
    if known and of_version(scripts, claimed) == tables_of(connection):
        return
    if known or version_of(connection, scripts) is not None:
        raise Damaged(f"it claims to have schema {claimed}, and has other tables")


def check(connection: sqlite3.Connection) -> None:
    """Raises Damaged, or what SQLite raises."""
    serve(connection)
    for table, columns in tables_of(connection).items():
        for complaint in _complaints(connection, table, columns):
            raise Damaged(f"{table}: {complaint}")


def _complaints(connection: sqlite3.Connection, table: str, columns: Columns) -> Iterator[str]:
    if table not in LARGE:
        for (said,) in connection.execute(f"PRAGMA quick_check('{table}')"):
            if said != "ok":
                yield said
    wrong = f'SELECT count(*) FROM "{table}" WHERE ({well_formed(columns)}) IS NOT TRUE'
    (rows,) = connection.execute(wrong).fetchone()
    if rows:
        yield f"{rows} rows hold what cannot be"


def columns_of(connection: sqlite3.Connection, table: str) -> Columns:
    return [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]


def _is_text(said: bytes) -> bool:
    try:
        said.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_mac(said: bytes) -> bool:
    try:
        Mac.from_json(said.decode())
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return True
