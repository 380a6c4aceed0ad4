"""A disk that refuses, as SQLite tells it, for tests in this process."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.store import connection, tables


def error(code: int = sqlite3.SQLITE_IOERR, words: str = "disk I/O error") -> sqlite3.Error:
    """As SQLite raises it."""
    raised = sqlite3.OperationalError(words)
    raised.sqlite_errorcode = code
    return raised


@contextmanager
def sick(code: int = sqlite3.SQLITE_IOERR, words: str = "disk I/O error") -> Iterator[None]:
    """Nothing can be written or opened; what is open can be read until the next try to write."""

    def refuse(*_: object, **__: object) -> None:
        raise error(code, words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "write", refuse)
        patch.setattr(connection, "connect", refuse)
        yield


@contextmanager
def doubted() -> Iterator[None]:
    """Each write reaches the disk, and is not believed: its fsync has failed."""
    write = tables.write

    def failing(connection: sqlite3.Connection, writes: list[tables.Write]) -> None:
        write(connection, writes)
        raise error(sqlite3.SQLITE_IOERR_FSYNC)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "write", failing)
        yield
