"""A damaged database: moved beside, and salvaged as far as it can be read."""

import asyncio
import logging
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from bounds_tools import drained
from damage_tools import (
    BATCHES,
    JOINS,
    PAGE,
    RECORDS,
    SPENT,
    WHOLE,
    fill,
    hurt,
    taken,
)
from store_tools import World, drain, reading

from gateway.errors import StoreError
from gateway.lorawan.session import Changes
from gateway.store import opening, quarantine
from gateway.store.database import Store
from gateway.store.numbers import BLOCK


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("filled") / "kogge.db")


def page_of(path: Path, table: str) -> int:
    """The offset of a table's root page."""
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
    return (int(page) - 1) * PAGE


def leaf_pages(path: Path, kind: int) -> list[int]:
    """Offsets of b-tree leaves: 13 of tables with numbers, 10 of others (SQLite's file format)."""
    content = path.read_bytes()
    return [at for at in range(PAGE, len(content), PAGE) if content[at] == kind]


async def test_whole_database_is_left_where_it_is(filled: Path, tmp_path: Path) -> None:
    world = taken(filled, tmp_path)
    async with world.store() as store:
        assert (store.salvages, store.quarantined) == ([], [])
        assert (await store.stock()).records == RECORDS


async def test_what_is_no_database_is_kept_beside_and_a_new_one_begun(world: World) -> None:
    world.path.write_bytes(b"not a database" * 1000)
    async with world.buffer() as buffer:
        await buffer.keep([reading(1)], Changes())
    assert await world.stored() == [1]
    kept = world.path.with_name("kogge.db.damaged-1")
    assert kept.read_bytes() == b"not a database" * 1000


async def test_salvaged_is_all_that_a_damaged_page_does_not_hold(
    filled: Path, tmp_path: Path
) -> None:
    world = taken(filled, tmp_path)
    root = page_of(world.path, "downlink")
    hurt(world.path, lambda b: b[:root] + b"\xff" * PAGE + b[root + PAGE :])
    async with world.store() as store:
        (said,) = store.salvages
        assert "downlink" in said.partition("not all could be read of")[2]
        assert "kogge.db.damaged-1" in said
        known = await store.load()
        stock = await store.stock()
        assert await store.recall("gateway_eui") == "0016c001ff10a235"
    assert [(s.dev_eui, s.id, s.f_cnt_up, s.app_s_key) for s in known.sessions] == [
        (s.dev_eui, s.id, s.f_cnt_up, s.app_s_key) for s in WHOLE
    ]
    assert {(j.dev_eui, j.dev_nonce) for j in known.joins} == {
        (j.dev_eui, j.dev_nonce) for j in JOINS
    }
    assert (known.airtime, known.downlinks) == ((SPENT,), ())
    assert stock.records == RECORDS
    async with world.buffer() as buffer:
        assert sorted(await drain(buffer, limit=1000)) == list(range(RECORDS))


@pytest.mark.parametrize(
    ("written", "read", "lost"),
    [
        (b"CREATE TABLE airtime", b"CRESTE TABLE airtime", "airtime"),
        (b"CREATE TABLE airtime", b"CRE\xc1TE TABLE airtime", "airtime"),
        (b"tableairtimeairtime", b"tableaistimeairtime", ""),
        (b"tableairtimeairtime", b"tableai\xf2timeairtime", ""),
    ],
    ids=["sql", "sql that is no text", "name", "name that is no text"],
)
async def test_bit_of_the_schema_costs_one_table_and_not_all(
    filled: Path, tmp_path: Path, written: bytes, read: bytes, lost: str
) -> None:
    """Python cannot even say what SQLite says of one that is no text."""
    world = taken(filled, tmp_path)
    hurt(world.path, lambda content: content.replace(written, read, 1))
    assert read in world.path.read_bytes()
    async with world.store() as store:
        (said,) = store.salvages
        assert said.partition("not all could be read of ")[2] == lost
        known = await store.load()
        assert (await store.stock()).records == RECORDS
    assert [one.id for one in known.sessions] == [one.id for one in WHOLE]
    assert len(known.joins) == len(JOINS)


async def test_schema_of_an_older_version_is_read_but_for_the_table_that_is_damaged(
    world: World,
) -> None:
    old = Path(__file__).parents[1] / "databases" / "0010.sql"
    with closing(sqlite3.connect(world.path)) as card:
        card.executescript(old.read_text(encoding="utf-8"))
    world.key_file.write_text(bytes(range(32)).hex())
    hurt(world.path, lambda content: content.replace(b"TABLE airtime", b"TABHE airtime", 1))
    async with world.store() as store:
        assert [one.f_cnt_up for one in (await store.load()).sessions] == [4712]
        assert store.quarantined == ["kogge.db.damaged-1"]


async def test_numbers_go_on_far_above_all_that_may_have_been_used(
    filled: Path, tmp_path: Path
) -> None:
    world = taken(filled, tmp_path)
    root = page_of(world.path, "airtime")
    hurt(world.path, lambda b: b[:root] + bytes(PAGE) + b[root + PAGE :])
    async with world.store() as store:
        known, stock = await store.load(), await store.stock()
    assert all(one.f_cnt_down_reserved == 1020 for one in known.sessions)
    nonces = {rejoin.dev_eui: rejoin.join_nonce for rejoin in known.rejoins}
    assert all(nonces[join.dev_eui] == join.join_nonce + 1000 for join in JOINS)
    assert stock.reserved["sequence"] > RECORDS + BLOCK
    assert stock.reserved["batch"] > BATCHES + BLOCK
    async with world.store() as store:
        assert (await store.load(), await store.stock()) == (known, stock), "once"


async def test_numbers_of_which_nothing_is_left_go_on_higher_still(
    filled: Path, tmp_path: Path
) -> None:
    world = taken(filled, tmp_path)
    root = page_of(world.path, "counter")
    hurt(world.path, lambda b: b[:root] + bytes(PAGE) + b[root + PAGE :])
    async with world.store() as store:
        reserved = (await store.stock()).reserved
    assert reserved["sequence"] > 1_000_000_000
    assert reserved["batch"] >= 1_000_000_000


async def test_records_on_whole_pages_are_handed_out_and_the_others_are_told(
    filled: Path, tmp_path: Path
) -> None:
    world = taken(filled, tmp_path)
    with closing(sqlite3.connect(world.path)) as card:
        firsts = [first for (first,) in card.execute("SELECT first FROM segment ORDER BY first")]
    leaves = leaf_pages(world.path, 13)
    held = _segments_on(world.path, leaves)
    page = next(at for at, numbers in held.items() if set(numbers) < set(firsts) and numbers)
    hurt(world.path, lambda b: b[:page] + b"\0" * PAGE + b[page + PAGE :])
    async with world.buffer() as buffer:
        numbers, _ = await drained(buffer)
    lost = {n for first in held[page] for n in range(first - 1, first - 1 + 250)}
    assert numbers == sorted(set(range(RECORDS)) - lost)


def _segments_on(path: Path, leaves: list[int]) -> dict[int, list[int]]:
    """`first` of the segments on each of these pages, as far as pages are read one at a time."""
    found: dict[int, list[int]] = {}
    content = path.read_bytes()
    for at in leaves:
        found[at] = []
        for cell in range(int.from_bytes(content[at + 3 : at + 5], "big")):
            where = at + int.from_bytes(content[at + 8 + 2 * cell :][:2], "big")
            size, where = _varint(content, where)
            number, where = _varint(content, where)
            if size > 5000:  # a blob of 250 records
                found[at].append(number)
    return found


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    while content[at] & 0x80:
        value = value << 7 | content[at] & 0x7F
        at += 1
    return value << 7 | content[at], at + 1


async def test_segment_of_which_only_the_blob_is_gone_is_counted_in_a_gap(
    filled: Path, tmp_path: Path
) -> None:
    world = taken(filled, tmp_path)
    content = world.path.read_bytes()
    # overflow pages hold nothing but a next page's number and text: zeros end the chain too soon
    at = next(
        at for at in range(PAGE, len(content), PAGE)
        if content[at : at + 1] == b"\0" and content[at + 4 : at + PAGE].count(0) < 100
    )  # fmt: skip
    hurt(world.path, lambda b: b[:at] + bytes(4) + b[at + 4 :])
    world.path.with_name("kogge.db").write_bytes(_with_broken_note(world.path))
    async with world.buffer() as buffer:
        numbers, gaps = await drained(buffer)
    assert len(numbers) == RECORDS - 250
    assert sum(int(gap.detail["count"] or 0) for gap in gaps) == 250
    assert {gap.detail["reason"] for gap in gaps} == {"damaged"}


def _with_broken_note(path: Path) -> bytes:
    """So that the database is found to be damaged at the start."""
    root = page_of(path, "airtime")
    content = bytearray(path.read_bytes())
    content[root : root + PAGE] = bytes(PAGE)
    return bytes(content)


async def test_the_last_two_are_kept(world: World) -> None:
    for number in range(1, 5):
        world.path.write_bytes(b"%d is no database" % number * 1000)
        async with world.store() as store:
            expected = [f"kogge.db.damaged-{n}" for n in range(max(1, number - 1), number + 1)]
            assert store.quarantined == expected


async def test_database_of_an_upgrade_that_was_taken_back_is_named(world: World) -> None:
    async with world.store():
        pass
    aside = world.path.with_name(f"{world.path.name}.taken-back")
    shutil.copy(world.path, aside)
    async with world.store() as store:
        assert store.quarantined == [aside.name]


@pytest.mark.parametrize("step", range(1, 12))
async def test_power_cut_in_the_middle_of_it_loses_nothing(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    world = taken(filled, tmp_path)
    root = page_of(world.path, "airtime")
    hurt(world.path, lambda b: b[:root] + bytes(PAGE) + b[root + PAGE :])
    world.path.with_name("kogge.db-wal").write_bytes(b"a log that is none")
    steps = 0

    def die(*arguments: object) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise SystemExit

    rename = opening.rename

    def renamed(old: Path, new: Path) -> None:
        die()
        rename(old, new)
        die()

    with monkeypatch.context() as patch:
        patch.setattr(quarantine, "rename", renamed)
        try:
            await (await Store.open(world.path)).close()
        except StoreError:
            assert steps == step
    for thread in [t for t in threading.enumerate() if t.name.startswith("store")]:
        await asyncio.to_thread(thread.join, 10)
    async with world.store() as store:
        assert len((await store.load()).sessions) == len(WHOLE)
        assert (await store.stock()).records == RECORDS
    assert not world.path.with_name("kogge.db.salvaged").exists()


async def test_salvage_that_finds_no_room_leaves_everything_as_it_is(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from sick_disk import error

    caplog.set_level(logging.INFO)
    world = taken(filled, tmp_path)
    root = page_of(world.path, "airtime")
    hurt(world.path, lambda b: b[:root] + bytes(PAGE) + b[root + PAGE :])
    before = world.path.read_bytes()

    def full(*_: object) -> None:
        raise error(sqlite3.SQLITE_FULL, "database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("gateway.store.salvage._fill", full)
        store = await Store.open(world.path)
        assert store.fault is not None, "it is read, and tried again"
        await store.close()
    assert world.path.read_bytes() == before
    async with world.store() as store:
        assert len((await store.load()).sessions) == len(WHOLE)


def test_another_s_newer_database_is_no_damaged_one(world: World) -> None:
    with closing(sqlite3.connect(world.path)) as newer:
        newer.executescript("CREATE TABLE wonder (of_the_future); PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer Kogge"):
        asyncio.run(Store.open(world.path))
