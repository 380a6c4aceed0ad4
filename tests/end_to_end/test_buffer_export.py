"""An export of a long outage while the city gets it and devices speak: real daemon and broker."""

import asyncio
import csv
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from broker import mosquitto
from lamp_post import GAUGE, TEMPERATURE, board, daemon, write_files
from messages import check
from store_tools import World, reading

from gateway.lorawan.session import Changes
from gateway.store.walks import MISSED

pytestmark = pytest.mark.realtime

WAITING = 4000  # with events less than MISSED: a slow walk that is overtaken by more is ended
SPOKEN = 10
BRISK = "backlog_messages_per_s = 10\nbacklog_kib_per_s = 10000"
UNLIMITED = ["persistence false", "max_queued_messages 0"]


async def fill(directory: Path) -> set[str]:
    """As an earlier run has left it; the ids."""
    readings = [reading(number) for number in range(WAITING)]
    async with World(directory / "kogge.db").buffer() as buffer:
        for start in range(0, WAITING, 1000):
            await buffer.keep(readings[start : start + 1000], Changes())
    return {one.id for one in readings}


async def kogge(config: Path, *words: str) -> None:
    """Raises AssertionError with what it said where it does not succeed."""
    asker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "buffer", *words, "--config", str(config)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asker.communicate()
    assert asker.returncode == 0, said.decode()
    assert b"Traceback" not in said, said.decode()


def in_jsonl(file: Path) -> list[str]:
    found = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    check("readings", json.dumps({"v": 1, "gateway": "0" * 16, "batch": 0, "readings": found}))
    return [one["id"] for one in found]


def in_csv(file: Path) -> list[str]:
    with file.open(encoding="utf-8", newline="") as source:
        return [row["id"] for row in csv.DictReader(source)]


def in_database(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as found:
        (values,) = found.execute("SELECT count(*) FROM measurement").fetchone()
        ids = [id_ for (id_,) in found.execute("SELECT id FROM reading")]
    assert values >= 4 * WAITING
    return ids


READ = {"jsonl": in_jsonl, "csv": in_csv, "sqlite": in_database}


@pytest.mark.parametrize("kind", READ)
async def test_an_export_beside_delivery_and_reception_has_everything_once(
    tmp_path: Path, kind: str
) -> None:
    file = tmp_path / f"out.{kind}"
    async with (
        mosquitto(tmp_path, settings=UNLIMITED) as broker,
        board(tmp_path / "tty") as (_, sky),
    ):
        config = await asyncio.to_thread(write_files, tmp_path, broker.port, BRISK)
        ids = await fill(tmp_path)
        await broker.stop()
        async with daemon(config) as gateway:
            await gateway.receiving()
            await gateway.asked("forward", action="pause")
            await broker.start()
            before = await gateway.until(lambda status: status["city"]["state"] == "connected")
            assert WAITING <= before["backlog"] < MISSED - SPOKEN
            export = asyncio.create_task(
                kogge(config, "export", f"--{kind}", str(file), "--archive")
            )
            await gateway.asked("forward", action="resume")
            for f_cnt in range(SPOKEN):
                async with gateway.safe(1):
                    await sky.send(GAUGE.uplink(f_cnt, TEMPERATURE))
            await export
            await gateway.until(
                lambda status: (
                    status["counts"]["readings"] == SPOKEN and status["backlog"] < before["backlog"]
                )
            )
    found = await asyncio.to_thread(READ[kind], file)
    assert len(found) == len(set(found))
    assert ids <= set(found)
    assert len(found) <= WAITING + SPOKEN
