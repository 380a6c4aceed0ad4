"""A glance at a database at rest: what it holds, why not, and that not a byte of it changes."""

import asyncio
import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_tools import World
from store_tools import reading as a_reading

from gateway.lorawan.session import Changes
from gateway.store.database import Store
from gateway.store.look import CannotLook, look
from gateway.store.opening import BEGUN, take_lock


async def filled(path: Path) -> None:
    async with World(path).buffer() as buffer:
        await buffer.keep([a_reading(number) for number in range(3)], Changes())
    store = await Store.open(path)
    await store.remember("gateway_eui", "0016c001ff10a235")
    await store.close()


def files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


def test_backlog_eui_and_soundness_are_seen_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "kogge.db"
    asyncio.run(filled(path))
    before = files(path)
    found = look(path, check=True)
    assert (found.backlog, found.eui, found.damage) == (3, "0016c001ff10a235", "")
    assert found.bytes == path.stat().st_size
    assert look(path).damage is None
    assert files(path) == before


def test_half_of_a_restored_one_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "kogge.db"
    path.with_name(BEGUN).touch()
    with pytest.raises(CannotLook) as found:
        look(path)
    assert found.value.kind == "half"


def test_log_that_a_killed_daemon_left_is_read_and_stays(tmp_path: Path) -> None:
    path, left = tmp_path / "kogge.db", tmp_path / "left"
    left.mkdir()
    asyncio.run(filled(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("UPDATE note SET value = 'feed' WHERE name = 'gateway_eui'")
        connection.commit()
        for name in ("kogge.db", "kogge.db-wal", "kogge.db.lock"):
            (left / name).write_bytes((tmp_path / name).read_bytes())
    before = files(left / "kogge.db")
    assert before["kogge.db-wal"]
    assert look(left / "kogge.db", check=True).eui == "feed"
    assert files(left / "kogge.db") == before


def test_database_that_is_open_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "kogge.db"
    asyncio.run(filled(path))
    lock = take_lock(path)
    try:
        with pytest.raises(CannotLook) as why:
            look(path)
    finally:
        os.close(lock)
    assert why.value.kind == "in_use"


def test_others_may_look_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "kogge.db"
    asyncio.run(filled(path))
    with Path(f"{path}.lock").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert look(path).damage is None


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "kogge.db"
    asyncio.run(filled(path))
    content = bytearray(path.read_bytes())
    content[1024 * 3 :] = bytes(len(content) - 1024 * 3)
    path.write_bytes(content)
    assert said_of(path) not in ("", "sound")


def said_of(path: Path) -> str:
    try:
        return look(path, check=True).damage or "sound"
    except CannotLook as error:
        return error.kind


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "kogge.db"
    with pytest.raises(CannotLook) as why:
        look(path)
    assert why.value.kind == "absent"
    path.write_bytes(b"no database at all, whatever it is" * 100)
    (tmp_path / "kogge.db.lock").touch()
    with pytest.raises(CannotLook) as why:
        look(path)
    assert why.value.kind == "unreadable"


def test_database_of_another_user_is_a_matter_of_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "kogge.db"
    path.touch()
    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(CannotLook) as why:
        look(path)
    assert why.value.kind == "permission"
