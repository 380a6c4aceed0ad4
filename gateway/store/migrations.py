"""The schema's versions: `schema/NNNN.sql` takes a database from version NNNN - 1 to NNNN.

- The version is `PRAGMA user_version`; 0 is an empty database.
- All pending versions are one transaction: a failure leaves the database as it was.
- Before an existing database is touched it is copied beside itself, as `NAME.vN.bak`. That is the
  way back to the older Kogge; the first start that finds the database in use for a week longer
  deletes it: it may be as large as all that is buffered, and holds readings of its time.
- What an upgrade had that was taken back (`NAME.taken-back`) goes with the copies.
- A copy is worth less than readings: older ones make room for it; where there is none all the same
  the database is migrated without, which is told; and it goes before readings are given up.
- A database from a newer version is refused, and not touched.
"""

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from gateway.errors import StoreError
from gateway.store import faults
from gateway.store.opening import rename

KEPT: Final = 7 * 24 * 3600.0  # seconds


def schema() -> list[str]:
    """The SQL of version 1, 2, … in order."""
    scripts = sorted(Path(__file__).with_name("schema").glob("*.sql"))
    return [script.read_text(encoding="utf-8") for script in scripts]


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    scripts: list[str],
    spare: Callable[[], float] = lambda: math.inf,
) -> int | None:
    """Bring the database to the last of `scripts`; a copy may take `spare` bytes of the disk.
    Returns the version that had to go without one, or None. Raises StoreError, or sqlite3.Error
    when the file cannot be read or copied.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(scripts):
        raise StoreError(_refusal(path, version, len(scripts)))
    if version == len(scripts):
        return None
    is_new = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None
    has_way_back = is_new or _copied(connection, path, version, spare)
    try:
        _apply(connection, scripts[version:], len(scripts))
    except sqlite3.Error as error:
        raise StoreError(
            f"{path} could not be brought from schema {version} to {len(scripts)} ({error}); "
            "it is as it was. Install the Kogge that ran before, and report this."
        ) from error
    return None if has_way_back else version


def _copied(
    connection: sqlite3.Connection, path: Path, version: int, spare: Callable[[], float]
) -> bool:
    """False where there is no room for it, with the older copies gone too."""
    ((pages,), (size,)) = (
        connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size")
    )
    if spare() < pages * size:
        remove_copies(path)
    if spare() < pages * size:
        return False
    try:
        back_up(connection, backup_path(path, version))
    except sqlite3.Error as error:
        if faults.is_full(error):
            return False
        raise
    return True


def backup_path(path: Path, version: int) -> Path:
    return path.with_name(f"{path.name}.v{version}.bak")


def back_up(connection: sqlite3.Connection, target: Path) -> None:
    """A consistent copy, readable by its owner only: it holds session keys. It has its name when it
    is whole and on disk: an upgrade that goes back puts it in the database's place.
    """
    new = target.with_name(f"{target.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(new)) as copy:
            connection.backup(copy)
    except sqlite3.Error:
        new.unlink()
        raise
    rename(new, target)


def remove_old_copies(path: Path) -> None:
    """And what is left of a copy that was never whole. Before the database is opened, which writes
    to it.
    """
    last = max(_written(path), _written(Path(f"{path}-wal")))
    for half in path.parent.glob(f"{path.name}.v*.bak.new"):
        half.unlink()
    for copy in _copies(path):
        if last - _written(copy, last) > KEPT:
            copy.unlink()


def remove_copies(path: Path) -> bool:
    """All of them; whether there were any."""
    copies = _copies(path)
    for copy in copies:
        copy.unlink()
    return bool(copies)


def _copies(path: Path) -> list[Path]:
    forms = ("v*.bak", "taken-back*")
    return [file for form in forms for file in path.parent.glob(f"{path.name}.{form}")]


def _written(file: Path, absent: float = 0.0) -> float:
    with suppress(FileNotFoundError):
        return file.stat().st_mtime
    return absent


def _apply(connection: sqlite3.Connection, scripts: list[str], version: int) -> None:
    steps = ["BEGIN IMMEDIATE;", *scripts, f"PRAGMA user_version = {version};", "COMMIT;"]
    try:
        connection.executescript("\n".join(steps))
    except sqlite3.Error:
        if connection.in_transaction:
            connection.rollback()
        raise


def _refusal(path: Path, version: int, known: int) -> str:
    return (
        f"{path} was written by a newer Kogge (schema {version}; this one knows {known}), "
        "and has not been touched. Install the newer Kogge again. Or go back: move this file "
        f"away and put {backup_path(path, known).name} in its place, if it is there; "
        "what was stored since that copy was made stays in the file moved away."
    )
