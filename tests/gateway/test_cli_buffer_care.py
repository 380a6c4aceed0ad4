"""kogge buffer verify, purge and repair."""

import io
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from bounds_tools import damage
from buffer_verb import BOTH, OTHER, RECORDS, daemon, fill, filled, kogge, write_config
from store_tools import World, reading

from gateway.cli.buffer_words import listed


@pytest.fixture
def config(world: World) -> Path:
    return write_config(world)


@BOTH
async def test_verify_finds_nothing_wrong_where_nothing_is(
    world: World, config: Path, capsys: pytest.CaptureFixture[str], running: bool
) -> None:
    async with filled(world, running=running):
        assert await kogge(config, "verify", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True, "records": 4, "damaged": 0, "faults": [],
        "structure": None if running else True,
    }  # fmt: skip


@BOTH
async def test_verify_finds_a_bit_that_has_flipped(
    world: World, config: Path, capsys: pytest.CaptureFixture[str], running: bool
) -> None:
    async with filled(world, running=False):
        damage(world, [0])
    if running:
        async with daemon(world):
            assert await kogge(config, "verify") == 1
    else:
        assert await kogge(config, "verify") == 1
    assert "4 CANNOT" in capsys.readouterr().out


async def test_verify_finds_numbers_that_do_not_agree(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with filled(world, running=False):
        with closing(sqlite3.connect(world.path)) as card, card:
            card.execute("UPDATE counter SET reserved = 1")
            card.execute("INSERT INTO archive VALUES (7, 1, 1, NULL, NULL, NULL)")
            card.execute("INSERT INTO segment SELECT first + 1, 1, NULL, x'' FROM segment")
        assert await kogge(config, "verify") == 1
    said = capsys.readouterr().out
    assert "overlaps" in said
    assert "not reserved" in said
    assert "1 rows of archive have none in archive_block" in said


async def test_purge_gives_up_what_it_names_and_asks_before(
    world: World, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with daemon(world) as buffer:
        await fill(buffer, *RECORDS)
        world.time += 1
        await buffer.flush()
        monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
        assert await kogge(config, "purge", "--all") == 1
        assert buffer.backlog == 4
        assert await kogge(config, "purge") == 64
        assert await kogge(config, "purge", "--device", OTHER, "--archive") == 64
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
        assert await kogge(config, "purge", "--device", OTHER.upper(), "--json") == 0
        assert json.loads(capsys.readouterr().out) == {
            "purged": 1, "archived": 0, "records": 4,  # three, and the gap
        }  # fmt: skip
        assert await kogge(config, "purge", "--all", "--archive", "--yes") == 0
        assert "purged: 2 readings, and 0 of the archive" in capsys.readouterr().out


async def test_only_a_daemon_purges(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with filled(world, running=False):
        assert await kogge(config, "purge", "--all", "--yes") == 69
    assert "no daemon runs" in capsys.readouterr().err


async def test_nobody_is_asked_to_be_sure_where_no_daemon_runs_that_could_purge(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with filled(world, running=False):
        assert await kogge(config, "purge", "--all") == 69
    said = capsys.readouterr()
    assert "no daemon answers" in said.err
    assert "Type yes" not in said.out + said.err


def test_event_says_nothing_of_what_is_empty() -> None:
    record = {"id": "5d", "type": "radio", "at": None, "state": "receiving", "reason": ""}
    assert listed(record).endswith("  receiving")


async def test_repair_saves_what_can_be_read_and_keeps_the_damaged(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with daemon(world) as buffer:
        await fill(buffer, *(reading(n, payload=f"{n:08x}") for n in range(5000)))
    tear(world.path)
    assert await kogge(config, "verify") == 1
    assert await kogge(config, "repair") == 0
    assert "kogge.db.damaged-1" in capsys.readouterr().out
    assert await kogge(config, "repair", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"repaired": False, "what": ""}
    async with daemon(world) as buffer:
        assert 4000 < buffer.backlog <= 5000


def tear(path: Path) -> None:
    """A page in the middle is gone."""
    with path.open("r+b") as card:
        card.seek(path.stat().st_size // 2 // 1024 * 1024)
        card.write(b"\xa5" * 1024)


async def test_a_running_daemon_has_its_database_to_itself(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with filled(world, running=True):
        assert await kogge(config, "repair") == 1
        assert "stop it first" in capsys.readouterr().err
        config.with_name("kogge.sock").unlink()  # as if it did not answer
        assert await kogge(config, "repair") == 69
    assert "in use by a daemon" in capsys.readouterr().err
