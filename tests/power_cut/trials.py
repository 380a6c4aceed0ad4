"""Cuts the power in a recorded life, and judges what is left."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from power_cut.disk import Disk, Entry, read_trace
from power_cut.judge import Promises, complaints, look, lost
from power_cut.life import NAME

from gateway.errors import StoreError

HOUSE = Path(__file__).parents[2]
OLD = HOUSE / "tests/databases/0001.sql"
MEMORY = Path("/dev/shm")
SOURCE = Path(__file__).with_name("recorder.c")
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-shared", "-fPIC")


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory in memory where there is one: the disk is made up, no card has to be worn."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as made:
        yield Path(made).resolve()


def build_recorder(directory: Path) -> Path:
    library = directory / "recorder.so"
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, *FLAGS, "-o", library, SOURCE, "-ldl", "-lpthread"], check=True)
    return library


@dataclass(frozen=True)
class Recording:
    """A life: what was on the disk before, what was done, what is there after it."""

    before: dict[str, bytes]
    entries: list[Entry]
    after: dict[str, bytes]

    def is_whole(self) -> bool:
        """What was done leads from what was before to what is there after it."""
        disk = Disk(self.before)
        for entry in self.entries:
            if entry.op != "n":
                disk.do(entry)
        return disk.whole() == self.after


def record(recorder: Path, directory: Path, *command: str) -> Recording:
    """Run `python COMMAND` in a process of its own, and follow what it does to `directory`."""
    before, trace = files(directory), directory.with_name("trace")
    trace.unlink(missing_ok=True)
    subprocess.run(
        [sys.executable, *command],
        cwd=HOUSE,
        env={
            **os.environ,
            "PYTHONPATH": f"{HOUSE}:{HOUSE / 'tests'}",
            "LD_PRELOAD": str(recorder),
            "KOGGE_DISK": str(directory),
            "KOGGE_TRACE": str(trace),
        },
        check=True,
        timeout=50,
    )
    recording = Recording(before, list(read_trace(trace)), files(directory))
    assert recording.is_whole(), "files were changed in a way that the recorder does not see"
    return recording


def record_life(
    recorder: Path, directory: Path, generation: int = 1, mutation: str = ""
) -> Recording:
    arguments = [str(directory), str(generation), *filter(None, [mutation])]
    return record(recorder, directory, "-m", "power_cut.life", *arguments)


def begin_old(directory: Path) -> Promises:
    """As an older Kogge has left it, and what that had promised."""
    with closing(sqlite3.connect(directory / NAME)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(OLD.read_text(encoding="utf-8"))
    identity = (1, "0000010002")
    return Promises(
        safe={1, 2, 3},
        sequence=3,
        joins={(1, 0x70B3_D57E_D000_0000, 2, 1)},
        f_cnt_up={identity: 4711},
        on_air={identity: -1},
        backup=f"{NAME}.v1.bak",
    )


def files(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in directory.iterdir()}


def put(directory: Path, image: dict[str, bytes]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    for name, content in image.items():
        (directory / name).write_bytes(content)


@dataclass(frozen=True)
class Cut:
    """Just before a step; `at` says what was done last, or comes next. Both objects go on changing.

    A sync is cut before and after; `told` means that a promise was made since the step before.
    """

    disk: Disk
    promised: Promises
    step: int
    at: Literal["sync", "told", "write"]


def cuts(recording: Recording, promised: Promises) -> Iterator[Cut]:
    disk, told, synced = Disk(recording.before), False, False
    for step, entry in enumerate(recording.entries):
        if entry.op == "n":
            promised.hear(json.loads(entry.data))
            told = True
            continue
        syncs = synced or entry.op == "s"
        yield Cut(disk, promised, step, "sync" if syncs else "told" if told else "write")
        disk.do(entry)
        told, synced = False, entry.op == "s"
    yield Cut(disk, promised, len(recording.entries), "told")


@dataclass
class Outcome:
    """Of all trials together; `safe` counts records, in each trial anew."""

    trials: int = 0
    safe: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"trials {self.trials} safe {self.safe} lost {self.lost} wrong {len(self.wrong)}"

    async def judge(self, cut: Cut, image: dict[str, bytes], directory: Path) -> None:
        """The next run opens what this cut has left."""
        self.trials += 1
        self.safe += len(cut.promised.safe)
        put(directory, image)
        try:
            found = await look(directory)
        except StoreError as error:
            self.lost += len(cut.promised.safe)
            self.wrong.append(f"step {cut.step}: {error}")
            return
        self.lost += len(lost(cut.promised, found))
        self.wrong += [f"step {cut.step}: {each}" for each in complaints(cut.promised, found)]
