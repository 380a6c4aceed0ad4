"""From every older version to this one; all or nothing; never from a newer one."""

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from store_tools import World

from gateway.errors import StoreError
from gateway.history import from_bytes
from gateway.lorawan.adr import Link
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.order import Order, Queued, State
from gateway.lorawan.session import Rejoin
from gateway.store import connection
from gateway.store.database import Store
from gateway.store.history import read as read_history
from gateway.store.migrations import backup_path, schema

DATABASES = Path(__file__).parents[1] / "databases"
SCRIPTS = schema()
NOW = len(SCRIPTS)
ADDED = "CREATE TABLE added (x);"
OLD_KEY = bytes(range(32))  # sealed what the old databases hold, since schema 3
SINCE_5 = (
    Queued(
        3,
        Order("valve-17", 1, 10, b"open", confirmed=True, priority=2, expires_at=1_790_000_060.5),
        State.AWAITS_ACK,
        attempts=1,
        session=b"\0\0\1\0\2",
        f_cnt=4711,
    ),
)
SINCE_8 = tuple(replace(one, order=replace(one.order, at=1_790_000_030.25)) for one in SINCE_5)
BROKEN = "CREATE TABLE half_done (x);\nCREATE TABLE more (no such syntax;"


def version(path: Path) -> object:
    return ask(path, "PRAGMA user_version")[0][0]


def ask(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def restore(dump: Path, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))


def tables_of(path: Path) -> set[object]:
    return {name for (name,) in ask(path, "SELECT name FROM sqlite_schema WHERE type = 'table'")}


def with_versions(patch: pytest.MonkeyPatch, *more: str) -> None:
    scripts = [*SCRIPTS, *more]
    patch.setattr(connection, "schema", lambda: scripts)


@pytest.mark.parametrize("old", sorted(DATABASES.glob("*.sql")), ids=lambda path: path.stem)
async def test_old_database_is_read(world: World, old: Path) -> None:
    """tests/databases/NNNN.sql: what a database of that version held, as SQL."""
    restore(old, world.path)
    world.key_file.write_text(OLD_KEY.hex())
    async with world.store() as store:
        known = await store.load()
        assert await store.recall("eui") == "0016c001ff10a235"
        history = await store.inspect(read_history)
    f_cnt_up = 4712 if old.stem >= "0007" else 4711
    assert [session.f_cnt_up for session in known.sessions] == [f_cnt_up]
    assert [session.app_s_key for session in known.sessions] == [b"4" * 16]
    assert [join.dev_nonce for join in known.joins] == [2]
    since_2 = (Spent(869_400_000, 1_318_912, 1_790_000_000.125),)
    since_4 = (Rejoin(1, 0x70B3D57ED0000000, 7, 3),)
    assert known.rejoins == (since_4 if old.stem >= "0004" else ())
    (session,) = known.sessions
    link = Link(3, 2) if old.stem >= "0004" else None
    assert (session.mac.link, session.version) == (link, "1.1" if link else "1.0")
    downlinks = SINCE_8 if old.stem >= "0008" else SINCE_5 if old.stem >= "0005" else ()
    assert known.downlinks == downlinks
    since_10 = [sample.readings for blob in history.values() for sample in from_bytes(blob)]
    assert since_10 == ([412] if old.stem >= "0010" else [])
    assert known.airtime == (since_2 if old.stem >= "0002" else ())
    assert await world.stored() == [1, 2, 3]
    assert version(world.path) == NOW


def test_every_version_has_an_old_database() -> None:
    assert [path.stem for path in sorted(DATABASES.glob("*.sql"))] == [
        f"{version + 1:04}" for version in range(NOW)
    ]


async def test_migrated_database_has_the_tables_of_a_new_one(world: World) -> None:
    new = World(world.path.with_name("new.db"))
    restore(DATABASES / "0001.sql", world.path)
    for each in (world, new):
        async with each.store():
            pass
    assert tables_of(world.path) == tables_of(new.path)


async def test_new_database_has_this_version_and_no_backup(world: World) -> None:
    async with world.store():
        pass
    assert version(world.path) == NOW
    assert list(world.path.parent.glob("*.bak")) == []


async def test_database_is_copied_before_it_is_migrated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.store():
        pass
    with_versions(monkeypatch, ADDED)
    async with world.store():
        pass
    copy = backup_path(world.path, NOW)
    assert (version(copy), version(world.path)) == (NOW, NOW + 1)
    assert tables_of(world.path) - tables_of(copy) == {"added"}
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("old", ["0002", f"{NOW - 1:04}"])
@pytest.mark.parametrize(("days", "kept"), [(0, True), (6.9, True), (7.1, False)])
async def test_copy_is_kept_for_a_week_of_use(
    world: World, old: str, days: float, *, kept: bool
) -> None:
    """Nobody deletes it otherwise, and it may be as large as all that is buffered (D3)."""
    restore(DATABASES / f"{old}.sql", world.path)
    world.key_file.write_text(OLD_KEY.hex())
    async with world.store():
        pass
    written = world.path.stat().st_mtime
    copies = [backup_path(world.path, int(old)), Path(f"{world.path}.taken-back")]
    for copy in copies:
        copy.touch()
        os.utime(copy, (written - days * 86400,) * 2)
    async with world.store() as store:
        assert (await store.load()).sessions
    assert [copy.exists() for copy in copies] == [kept, kept]


def full(patch: pytest.MonkeyPatch) -> None:
    """The disk is, as soon as a copy is written."""
    connect = sqlite3.connect

    def small(database: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(database, **more)
        if ".bak" in str(database):
            connection.execute("PRAGMA max_page_count = 2")
        return connection

    patch.setattr(sqlite3, "connect", small)


@pytest.mark.parametrize("measured", [True, False])
async def test_copy_for_which_there_is_no_room_keeps_nobody_from_starting(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    measured: bool,
) -> None:
    """Told before it is begun, or only by the disk itself."""
    restore(DATABASES / f"{NOW - 1:04}.sql", world.path)
    world.key_file.write_text(OLD_KEY.hex())
    with monkeypatch.context() as patch:
        if measured:
            world.free = world.path.stat().st_size - 1
        else:
            full(patch)
        async with world.store() as store:
            assert (await store.load()).sessions
            assert store.uncopied == NOW - 1
    assert "without a copy" in caplog.text
    assert await world.stored() == [1, 2, 3]
    assert version(world.path) == NOW
    assert list(world.path.parent.glob("*.bak*")) == []
    async with world.store() as store:
        assert store.uncopied is None


async def test_copy_leaves_the_disk_what_stays_free(world: World) -> None:
    restore(DATABASES / f"{NOW - 1:04}.sql", world.path)
    size = world.path.stat().st_size
    for free, uncopied in ((size + 99, NOW - 1), (size + 100, None)):
        world.path.unlink()
        restore(DATABASES / f"{NOW - 1:04}.sql", world.path)
        store = await Store.open(world.path, partial(lambda free, _: free, free), min_free=100)
        assert store.uncopied == uncopied
        await store.close()
        assert backup_path(world.path, NOW - 1).exists() == (uncopied is None)


async def test_older_copies_make_room_for_the_last_alone(world: World) -> None:
    restore(DATABASES / f"{NOW - 1:04}.sql", world.path)
    size = world.path.stat().st_size
    older = backup_path(world.path, NOW - 2)
    older.write_bytes(bytes(size))

    def free(path: Path) -> int:
        return size if not older.exists() else 0

    store = await Store.open(world.path, free)
    assert store.uncopied is None
    await store.close()
    assert [copy.name for copy in world.path.parent.glob("*.bak*")] == [f"kogge.db.v{NOW - 1}.bak"]


async def test_half_of_a_copy_is_gone_after_the_next_start(world: World) -> None:
    """A power cut while it was made, and then another version."""
    half = world.path.with_name(f"kogge.db.v{NOW - 2}.bak.new")
    half.touch()
    async with world.store():
        pass
    assert not half.exists()


async def test_copy_has_its_name_only_when_it_is_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade that goes back meanwhile would put half of one in the database's place."""
    restore(DATABASES / f"{NOW - 1:04}.sql", world.path)
    connect, found = sqlite3.connect, list[bool]()

    def look(database: Any, **more: Any) -> sqlite3.Connection:
        if ".bak" in str(database):
            found.append(backup_path(world.path, NOW - 1).exists())
        connection: sqlite3.Connection = connect(database, **more)
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", look)
        async with world.store():
            pass
    assert found == [False]
    assert [copy.name for copy in world.path.parent.glob("*.bak*")] == [f"kogge.db.v{NOW - 1}.bak"]


async def test_migration_that_fails_leaves_the_database_as_it_was(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.store():
        pass
    before = tables_of(world.path)
    with monkeypatch.context() as patch:
        with_versions(patch, ADDED, BROKEN)
        with pytest.raises(StoreError, match="it is as it was"):
            await Store.open(world.path)
    assert (version(world.path), tables_of(world.path)) == (NOW, before)
    async with world.store() as store:
        await store.load()


async def test_database_of_a_newer_version_is_refused_untouched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        with_versions(patch, ADDED)
        async with world.store():
            pass
    before = world.path.read_bytes()
    with pytest.raises(StoreError) as refused:
        await Store.open(world.path)
    assert "newer Kogge" in str(refused.value)
    assert f"kogge.db.v{NOW}.bak" in str(refused.value)
    assert world.path.read_bytes() == before
