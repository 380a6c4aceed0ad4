"""Keys at rest: sealed, bound to their place, under a key that can be changed; never in plain."""

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from store_tools import World

from gateway.errors import ConfigError, StoreError
from gateway.lorawan.session import Changes, Join, Session
from gateway.store import plain_keys
from gateway.store.database import Store
from gateway.store.migrations import backup_path
from gateway.store.sealing import Keyring, make_key, read_keys
from gateway.store.tables import Write

FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))
KEYS = (b"one secret key, ", b"another secret: ", b"a third, for MAC", b"the application.")
OLD = Path(__file__).parents[1] / "databases"


def joined(dev_eui: int = 1, join_nonce: int = 1, pending: bool = False) -> Session:
    id_ = join_nonce.to_bytes(3, "big") + b"\x00\x02"
    return Session(dev_eui, id_, 0x2601_0000 + dev_eui, *KEYS, f_cnt_up=7, pending=pending)


def personalised(dev_eui: int = 9) -> Session:
    return Session(dev_eui, bytes.fromhex("0102030400"), 0x0102_0304, *KEYS, f_cnt_up=11)


async def write(store: Store, *sessions: Session) -> None:
    await store.commit(Write.of(Changes(sessions)), lambda _: None)


async def keep(world: World, *sessions: Session) -> None:
    async with world.store() as store:
        await write(store, *sessions)


async def known(world: World) -> tuple[Session, ...]:
    async with world.store() as store:
        return (await store.load()).sessions


async def locked(world: World) -> tuple[int, ...]:
    async with world.store() as store:
        return await store.locked()


def ask(path: Path, sql: str) -> list[tuple[bytes, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def all_bytes(directory: Path) -> Iterator[tuple[str, bytes]]:
    for file in directory.iterdir():
        if file.name != "kogge.key":
            yield file.name, file.read_bytes()


def assert_no_plain_key(directory: Path, keys: Sequence[bytes] = KEYS) -> None:
    for name, content in all_bytes(directory):
        for key in keys:
            assert key not in content, name
            assert key.hex().encode() not in content.lower(), name


async def test_sessions_come_back_and_no_file_holds_their_keys(world: World) -> None:
    ours = (joined(1), joined(2, pending=True), personalised())
    async with world.store() as store:
        await write(store, *ours)
        assert_no_plain_key(world.path.parent)  # the write-ahead log, too
    assert await known(world) == ours
    assert await locked(world) == ()
    assert_no_plain_key(world.path.parent)


async def test_a_key_on_disk_is_aes_256_gcm_bound_to_device_session_and_column(
    world: World,
) -> None:
    world.key_file.write_text(FIRST.hex())
    await keep(world, joined())
    ((sealed,),) = ask(world.path, "SELECT app_s_key FROM session")
    place = b"0000000000000001/0000010002/app_s_key"
    assert AESGCM(FIRST).decrypt(sealed[:12], sealed[12:], place) == KEYS[3]


async def test_key_put_into_another_row_or_column_opens_nothing(world: World) -> None:
    await keep(world, joined(1), joined(2))
    for swap in (
        "UPDATE session SET app_s_key = nwk_s_enc_key WHERE dev_eui LIKE '%1'",
        "UPDATE session SET app_s_key = (SELECT app_s_key FROM session WHERE dev_eui LIKE '%1')"
        " WHERE dev_eui LIKE '%2'",
    ):
        with closing(sqlite3.connect(world.path, isolation_level=None)) as connection:
            connection.execute(swap)
    assert await known(world) == ()
    assert await locked(world) == (1, 2)


async def test_no_nonce_is_used_twice_and_counters_cost_none(world: World) -> None:
    changing = joined(1)
    async with world.store() as store:
        await write(store, changing, joined(2))
        before = await store._ask(lambda: _blobs(store))
        changing.f_cnt_up = 8
        changing.take_f_cnt_down()
        await write(store, changing)
        assert await store._ask(lambda: _blobs(store)) == before
        assert (await store.load()).sessions == (changing, joined(2))
    assert len({blob[:12] for blob in before}) == 8


def _blobs(store: Store) -> list[bytes]:
    columns = "f_nwk_s_int_key, s_nwk_s_int_key, nwk_s_enc_key, app_s_key"
    rows = store._disk.run(lambda c: c.execute(f"SELECT {columns} FROM session").fetchall())
    return [blob for row in rows for blob in row]


# the key's place


async def test_key_is_made_private_before_the_first_session_is_written(world: World) -> None:
    async with world.store() as store:
        assert not world.key_file.exists()
        await write(store, joined())
        assert len(bytes.fromhex(world.key_file.read_text())) == 32
    assert world.key_file.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in world.path.parent.glob("*.new")] == []


def test_key_is_on_disk_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
    )
    (tmp_path / ".kogge.key.new").write_text("left by a power cut")
    key = make_key(tmp_path / "kogge.key")
    assert synced == [str(tmp_path / ".kogge.key.new"), str(tmp_path)]
    assert read_keys(tmp_path) == [key]


async def test_credential_comes_before_the_file_which_still_opens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(world, joined(1))
    credentials = world.path.parent / "credentials"
    credentials.mkdir()
    (credentials / "kogge-key").write_bytes(FIRST)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert await known(world) == (joined(1),)
    world.key_file.unlink()
    assert await known(world) == (joined(1),)
    await keep(world, joined(2))
    assert not world.key_file.exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (FIRST, [FIRST]),
        (FIRST.hex().encode(), [FIRST]),
        (f"{FIRST.hex()}\n{SECOND.hex().upper()}\n".encode(), [FIRST, SECOND]),
        (f"\n  {FIRST.hex()}\r\n\n".encode(), [FIRST]),
    ],
)
def test_keys_are_32_bytes_or_lines_of_64_hex_digits(
    tmp_path: Path, content: bytes, expected: list[bytes]
) -> None:
    (tmp_path / "kogge.key").write_bytes(content)
    assert read_keys(tmp_path) == expected


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", FIRST + b"\n", FIRST.hex().encode()[:-1], b"#" + FIRST.hex().encode(), b"\xff"],
)
def test_key_file_that_holds_no_keys_is_refused_with_both_ways_out_and_no_key_shown(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "kogge.key").write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        read_keys(tmp_path)
    said = str(refused.value)
    assert said.startswith(str(tmp_path / "kogge.key"))
    assert "your copy" in said
    assert "join again" in said
    assert FIRST.hex()[:8] not in said


async def test_store_says_so_too_and_leaves_the_database_alone(world: World) -> None:
    await keep(world, joined())
    world.key_file.write_text("nonsense")
    before = world.path.read_bytes()
    with pytest.raises(StoreError, match="join again"):
        await Store.open(world.path)
    assert world.path.read_bytes() == before


# another key


async def test_sessions_under_another_key_are_kept_unused_and_come_back_with_it(
    world: World,
) -> None:
    await keep(world, joined(1), joined(2))
    away = world.key_file.rename(world.path.with_name("away"))
    assert await known(world) == ()
    assert await locked(world) == (1, 2)
    await keep(world, joined(3))
    assert await known(world) == (joined(3),)
    world.key_file.write_text(away.read_text() + world.key_file.read_text())
    assert await known(world) == (joined(1), joined(2), joined(3))
    assert await locked(world) == ()


async def test_abp_session_keeps_its_counters_under_another_key(world: World) -> None:
    """Its keys are devices.toml's; with counters from 0 replays would be readings again."""
    await keep(world, personalised())
    world.key_file.unlink()
    (found,) = await known(world)
    assert (found.dev_eui, found.id, found.f_cnt_up) == (9, personalised().id, 11)
    assert not {found.app_s_key, found.nwk_s_enc_key} & {*KEYS, bytes(16)}
    assert found.app_s_key != found.nwk_s_enc_key
    assert await locked(world) == ()


async def test_device_that_joined_again_leaves_its_locked_session_behind(world: World) -> None:
    await keep(world, joined(1), joined(2), personalised())
    away = world.key_file.rename(world.path.with_name("away"))
    await keep(world, joined(1, join_nonce=2, pending=True))
    assert await locked(world) == (1, 2), "it may never hear the Join-Accept"
    await keep(world, joined(1, join_nonce=2))
    assert await locked(world) == (2,)
    world.key_file.write_text(world.key_file.read_text() + away.read_text())
    assert await known(world) == (joined(1, join_nonce=2), joined(2), personalised())


async def test_session_before_one_that_is_pending_stays(world: World) -> None:
    both = (joined(1), joined(1, join_nonce=2, pending=True))
    await keep(world, *both)
    assert await known(world) == both


async def test_damaged_key_locks_its_own_session_only(world: World) -> None:
    await keep(world, joined(1), joined(2))
    with closing(sqlite3.connect(world.path, isolation_level=None)) as connection:
        connection.execute("UPDATE session SET app_s_key = x'00' WHERE dev_eui LIKE '%1'")
    assert await known(world) == (joined(2),)
    assert await locked(world) == (1,)


@given(sealed=st.binary(max_size=60), whose=st.text(max_size=40))
def test_what_was_never_sealed_opens_nothing_and_is_left_alone(sealed: bytes, whose: str) -> None:
    ring = Keyring([FIRST, SECOND])
    assert ring.open(sealed, whose) is None
    assert ring.reseal(sealed, whose) == sealed


# rotation


async def test_older_line_opens_and_is_needed_no_more_after_one_start(world: World) -> None:
    world.key_file.write_text(FIRST.hex())
    ours = (joined(1), personalised())
    await keep(world, *ours)
    old = [blob for row in ask(world.path, "SELECT * FROM session") for blob in row[3:7]]
    world.key_file.write_text(f"{SECOND.hex()}\n{FIRST.hex()}\n")
    assert await known(world) == ours
    world.key_file.write_text(SECOND.hex())
    assert await known(world) == ours
    assert await locked(world) == ()
    for name, content in all_bytes(world.path.parent):
        assert not [blob for blob in old if blob in content], f"{name}: under the old key"


def test_reseal_leaves_alone_what_the_first_key_sealed() -> None:
    ring = Keyring([SECOND, FIRST])
    sealed = ring.seal(KEYS[0], "whose")
    assert ring.reseal(sealed, "whose") == sealed
    older = Keyring([FIRST]).seal(KEYS[0], "whose")
    assert Keyring([SECOND]).open(ring.reseal(older, "whose"), "whose") == KEYS[0]


# from before keys were sealed

PLAIN = [bytes([0x31 + n]) * 16 for n in range(4)]


def old_database(path: Path) -> None:
    """Of schema 2, with a plain key in a page that is free."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((OLD / "0002.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA secure_delete = OFF").fetchall()
        values = [(f"{n:016x}", *PLAIN) for n in range(0x100, 0x200)]
        connection.executemany(
            "INSERT INTO session VALUES (?, '0000010002', 'ffff0001', ?, ?, ?, ?, 1, 0, 0, 0)",
            values,
        )
        connection.commit()
        connection.execute("DELETE FROM session WHERE dev_eui > '00000000000000ff'")
        connection.commit()
    assert path.read_bytes().count(PLAIN[0]) > 10


async def test_plain_keys_of_an_old_database_leave_every_page_of_it(world: World) -> None:
    old_database(world.path)
    async with world.store() as store:
        (session,) = (await store.load()).sessions
        assert [session.f_nwk_s_int_key, session.app_s_key] == [PLAIN[0], PLAIN[3]]
        backup_path(world.path, 2).rename(world.path.parent.parent / "copy")
        assert_no_plain_key(world.path.parent, PLAIN)
    assert_no_plain_key(world.path.parent, PLAIN)


async def test_writing_anew_that_fails_is_told_and_done_by_the_next_start(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    old_database(world.path)
    with monkeypatch.context() as patch:
        patch.setattr(plain_keys, "_write_anew", full)
        assert len(await known(world)) == 1
    assert "the next start tries again" in caplog.text
    assert "disk is full" in caplog.text
    assert len(await known(world)) == 1
    backup_path(world.path, 2).unlink()
    assert_no_plain_key(world.path.parent, PLAIN)


# never shown


async def test_nothing_that_is_logged_or_raised_shows_a_key(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bad = Join(1, 2, object(), 4)  # type: ignore[arg-type]  # no column takes it
    async with world.store() as store:
        with pytest.raises(StoreError) as failed:
            await store.commit(Write.of(Changes((joined(),), joins=(bad,))), lambda _: None)
    shown = caplog.text + str(failed.value) + repr(failed.value.__cause__)
    for key in KEYS:
        assert key.hex() not in shown
        assert repr(key) not in shown
