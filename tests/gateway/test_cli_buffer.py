"""kogge buffer: what it shows and exports of a daemon's buffer, and of one that has stopped."""

import asyncio
import csv
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from buffer_verb import BOTH, OTHER, daemon, fill, filled, kogge, write_config
from kogge import loaded_by
from messages import check
from store_tools import MOMENT, World, next_batch, reading

from gateway.cli import main


@pytest.fixture
def config(world: World) -> Path:
    return write_config(world)


@BOTH
async def test_list_shows_what_waits_newest_first(
    world: World, config: Path, capsys: pytest.CaptureFixture[str], running: bool
) -> None:
    async with filled(world, running=running):
        assert await kogge(config, "list", "--limit", "3") == 0
        shown = capsys.readouterr().out.splitlines()
        assert len(shown) == 3
        assert "undecoded 00ff: -no codec" in shown[0]
        assert "=distance 4, occupied yes" in shown[1]
        assert "join" in shown[2]
        assert await kogge(config, "list", "--oldest", "--json", "--device", OTHER) == 0
        (line,) = capsys.readouterr().out.splitlines()
        assert json.loads(line)["f_cnt"] == 3


@BOTH
async def test_jsonl_is_what_the_city_gets(
    world: World, config: Path, tmp_path: Path, running: bool
) -> None:
    file = tmp_path / "out.jsonl"
    async with filled(world, running=running):
        assert await kogge(config, "export", "--jsonl", str(file)) == 0
    readings = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    check("readings", json.dumps({"v": 1, "gateway": "0" * 16, "batch": 0, "readings": readings}))
    assert [one["f_cnt"] for one in readings] == [1, 3, 4]
    assert file.stat().st_mode & 0o777 == 0o640


async def test_csv_has_a_row_a_reading_and_no_formula(
    world: World, config: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out.csv"
    async with filled(world, running=True):
        assert await kogge(config, "export", "--csv", str(file)) == 0
    with file.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    assert [row["f_cnt"] for row in rows] == ["1", "3", "4"]
    first, second, third = rows
    assert (first["temperature"], first["state"], first["name"]) == ("-3.5", "'=1+2", "'@home")
    assert (second["'=distance"], second["occupied"], second["temperature"]) == ("4", "1", "")
    assert (third["payload"], third["error"]) == ("00ff", "'-no codec")
    assert first["units"] == "temperature Cel"
    assert None not in {value for row in rows for value in row.values()}


async def test_database_is_flat_and_can_be_asked(
    world: World, config: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out.db"
    async with filled(world, running=True):
        assert await kogge(config, "export", "--sqlite", str(file)) == 0
    with closing(sqlite3.connect(file)) as found:
        ask = found.execute
        assert ask("SELECT f_cnt, name FROM reading ORDER BY f_cnt").fetchall() == [
            (1, "@home"), (3, "parking-neuer-markt-07"), (4, "parking-neuer-markt-07"),
        ]  # fmt: skip
        assert ask(
            "SELECT f_cnt, measurement.name, value, text, unit FROM measurement"
            " JOIN reading ON reading.id = reading ORDER BY 1, 2"
        ).fetchall() == [
            (1, "state", None, "=1+2", None), (1, "temperature", -3.5, None, "Cel"),
            (3, "=distance", 4, None, None), (3, "occupied", 1, None, None),
        ]  # fmt: skip
        ((kind, detail),) = ask("SELECT type, detail FROM event").fetchall()
        assert (kind, json.loads(detail)["number"]) == ("join", 2)
        assert ask("PRAGMA integrity_check").fetchone() == ("ok",)


@BOTH
async def test_archive_is_exported_beside_what_waits(
    world: World, config: Path, tmp_path: Path, running: bool
) -> None:
    file = tmp_path / "out.jsonl"

    async def export() -> list[int]:
        assert await kogge(config, "export", "--jsonl", str(file), "--archive") == 0
        return [json.loads(line)["f_cnt"] for line in file.read_text("utf-8").splitlines()]

    async with daemon(world) as buffer:
        await fill(buffer, *(reading(n) for n in range(3)))
        buffer.delivered(await buffer.next_batch(2, 0))
        if running:
            assert sorted(await export()) == [0, 1, 2]
    if not running:  # of a segment that is delivered in part all may go out again
        assert set(await export()) == {0, 1, 2}


async def test_time_and_device_choose(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moments = [None, MOMENT.at, (MOMENT.at or 0) + 60]
    wanted = "2026-09-21T14:13:00Z", "2026-09-21T14:13:21Z"
    async with daemon(world) as buffer:
        await fill(buffer, *(reading(n, moment=_at(at)) for n, at in enumerate(moments)))
        span = ("--from", wanted[0], "--to", wanted[1])
        assert await kogge(config, "export", "--jsonl", "-", *span) == 0
    found = [json.loads(line)["f_cnt"] for line in capsys.readouterr().out.splitlines()]
    assert found == [1]


def _at(at: float | None) -> Any:
    from gateway.records import Moment

    return Moment(at, "unsynchronised" if at is None else "ntp", "other boot", 12.5)


@BOTH
async def test_where_nothing_waits_that_is_said(
    world: World, config: Path, capsys: pytest.CaptureFixture[str], running: bool
) -> None:
    async with filled(world, running=running):
        assert await kogge(config, "list", "--device", "70b3d57ed00000ff") == 0
    assert capsys.readouterr() == ("", "kogge: no record of what was asked for\n")


@BOTH
async def test_device_is_chosen_by_name_and_a_wrong_one_is_said(
    world: World, config: Path, capsys: pytest.CaptureFixture[str], running: bool
) -> None:
    config.with_name("devices.toml").write_text(
        f'[[device]]\ndev_eui = "{OTHER}"\nname = "pole"\ndev_addr = "26010001"\n'
        f'nwk_s_key = "{"5a" * 16}"\napp_s_key = "{"5a" * 16}"\n'
    )
    async with filled(world, running=running):
        assert await kogge(config, "list", "--json", "--device", "Pole") == 0
        assert OTHER in capsys.readouterr().out
        assert await kogge(config, "list", "--device", "poles") == 1
        assert f"did you mean pole ({OTHER})?" in capsys.readouterr().err


async def test_what_is_delivered_and_still_on_disk_waits_no_more(
    world: World, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with filled(world, running=True) as buffer:
        while buffer.backlog:
            buffer.delivered(await next_batch(buffer))
        assert await kogge(config, "status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["records"], found["oldest"], found["newest"]) == (0, None, None)
    assert found["segments"] == 1


@BOTH
async def test_status_tells_how_much_and_how_old(
    world: World, config: Path, capsys: pytest.CaptureFixture[str], running: bool
) -> None:
    async with filled(world, running=running):
        assert await kogge(config, "status", "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert await kogge(config, "status") == 0
    assert found["records"] == 4
    assert found["oldest"]["at"] == found["newest"]["at"] == MOMENT.at
    assert found["disk"]["used"] > 0
    assert capsys.readouterr().out.startswith("4 records wait for the city")


async def test_nothing_of_a_stopped_daemon_is_changed(
    world: World, config: Path, tmp_path: Path
) -> None:
    async with filled(world, running=False):
        ruin = world.after_power_cut()
        ruined = ruin.path.with_name("kogge.toml")
        shutil.copy(config, ruined)
        before = {one: one.read_bytes() for one in ruin.path.parent.iterdir()}
        assert await kogge(ruined, "status") == 0
        assert await kogge(ruined, "export", "--csv", str(tmp_path / "out.csv")) == 0
        after = {one: one.read_bytes() for one in ruin.path.parent.iterdir()}
        assert {one: after[one] for one in before} == before
        assert {one.name for one in after.keys() - before.keys()} <= {"kogge.db.lock"}


async def test_export_that_fails_leaves_what_was_there(
    world: World, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "out.csv").write_text("of yesterday", encoding="utf-8")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.cli.buffer_files.Csv.add", interrupted)
    async with filled(world, running=True):
        assert await kogge(config, "export", "--csv", str(room / "out.csv")) == 130
    assert {one.name: one.read_text("utf-8") for one in room.iterdir()} == {
        "out.csv": "of yesterday"
    }


async def test_wrong_wishes_are_told_apart(
    world: World, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with filled(world, running=True):
        assert await kogge(config, "export", "--sqlite", "-") == 64
        assert await kogge(config, "export", "--csv", str(tmp_path / "no" / "out.csv")) == 1
        assert "no/out.csv cannot be written" in capsys.readouterr().err
        os.mkfifo(tmp_path / "pipe")  # of root's it would be /dev/null
        assert await kogge(config, "export", "--csv", str(tmp_path / "pipe")) == 1
        assert "pipe is no file" in capsys.readouterr().err
        assert (tmp_path / "pipe").is_fifo()
        absent = str(tmp_path / "absent.sock")
        assert await asyncio.to_thread(main, ["buffer", "status", "--socket", absent]) == 69


def test_sqlite_utils_waits_until_it_is_needed() -> None:
    assert "sqlite_utils" not in loaded_by("buffer", "--help")
    assert "gateway.cli.buffer" in loaded_by("buffer", "--help")
