"""The disk that fails when it is told to: as SQLite and Python meet it."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from crash_trials.disk_faults import Fault, FaultyDisk, build
from patience import HUNG

Run: TypeAlias = Callable[[str], str]

SQLITE = """\
import sqlite3, sys
connection = sqlite3.connect("{disk}/db", isolation_level=None)
for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
    connection.execute("PRAGMA " + pragma)
connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
def told(fault):
    open("{control}", "w").write(fault)
def tried():
    try:
        connection.execute("INSERT INTO t VALUES (1)")
    except sqlite3.Error as error:
        return error.sqlite_errorname
    return "ok"
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("library"))


@pytest.fixture
def disk(library: Path, tmp_path: Path) -> FaultyDisk:
    (tmp_path / "disk").mkdir()
    return FaultyDisk(library, tmp_path / "disk", tmp_path / "fault")


@pytest.fixture
def run(disk: FaultyDisk) -> Run:
    """A Python program on this disk; what it prints."""

    def run(program: str) -> str:
        text = program.replace("{disk}", str(disk.directory)).replace(
            "{control}", str(disk.control)
        )
        done = subprocess.run(
            [sys.executable, "-c", text], env={**os.environ, **disk.env}, text=True,
            capture_output=True, check=False, timeout=HUNG,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.mark.parametrize(
    ("fault", "error", "again"),
    [
        ("enospc", "SQLITE_FULL", "SQLITE_FULL"),
        # a page that cannot be read is corruption to SQLite
        ("eio", "SQLITE_IOERR_WRITE", "SQLITE_CORRUPT"),
        ("erofs", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_WRITE"),
    ],
)
def test_sqlite_cannot_commit_while_the_disk_fails_and_can_afterwards(
    run: Run, fault: Fault, error: str, again: str
) -> None:
    said = run(
        SQLITE + f"print(tried()); told('{fault}'); print(tried(), tried()); told('none');"
        " print(tried(), connection.execute('SELECT count(*) FROM t').fetchone()[0])"
    )
    assert said.split() == ["ok", error, again, "ok", "2"]


@pytest.mark.parametrize("fault", ["enospc", "eio", "erofs"])
def test_no_file_can_be_made_while_the_disk_fails(run: Run, disk: FaultyDisk, fault: Fault) -> None:
    disk.begin(fault)
    said = run(
        "try: open('{disk}/new', 'w')\nexcept OSError as error: print(error.errno)\n"
        "open('{control}.else', 'w')"
    )
    assert said == str(getattr(errno, fault.upper()))
    assert list(disk.directory.iterdir()) == []


@pytest.mark.parametrize(("fault", "readable"), [("enospc", 1), ("eio", 0), ("erofs", 1)])
def test_what_is_there_can_be_read_but_from_a_dying_disk(
    run: Run, disk: FaultyDisk, fault: Fault, readable: int
) -> None:
    (disk.directory / "old").write_text("x")
    disk.begin(fault)
    said = run("try: print(len(open('{disk}/old').read()))\nexcept OSError: print(0)")
    assert said == str(readable)


def test_without_a_word_the_disk_is_whole(run: Run) -> None:
    assert run("open('{disk}/new', 'w').write('x'); print(open('{disk}/new').read())") == "x"
