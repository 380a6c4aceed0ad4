"""The store as a file, a lock and a thread; what a kill leaves; group commit and its faults."""

import asyncio
import fcntl
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from random import Random

import pytest
from patience import HUNG
from store_tools import World, reading, session

from gateway.errors import StoreError
from gateway.lorawan.adr import Link
from gateway.lorawan.mac_state import Mac, RxParams
from gateway.lorawan.session import Changes, Join, KnownState, Rejoin, Session
from gateway.store import opening, tables
from gateway.store.database import Store
from gateway.store.tables import Segment, Write

HOUSE = Path(__file__).parents[2]


def nothing(*_: object) -> None: ...


def one(number: int) -> Write:
    return Write.of(Changes(), [Segment(number, [reading(number)])])


async def stored(path: Path) -> list[int]:
    store = await Store.open(path)
    found: list[Segment] = []
    await store.read_segments(0, 1_000_000, found.extend)
    await store.close()
    return [segment.first for segment in found]


WHOLE_MAC = Mac(
    link=Link(3, 2, 1),
    rx=RxParams(1, 869_525_000, 3, 5),
    channels=((3, 867_100_000),),
    mask=0b1111,
    requested=(b"\x06", bytes.fromhex("0351ff0001")),
    asked_at=70_000,
    tries=2,
    refused=(bytes.fromhex("0801"),),
    max_dr=4,
    max_tx_power=6,
    keeps_channels=True,
    battery=254,
    margin=-32,
    status_asked=65_536,
    confirmed=17,
    confirmed_before=16,
    awaits_ack=17,
)


def open_files() -> list[Path]:
    return [fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kogge.db"


async def test_known_state_comes_back(path: Path) -> None:
    big = 0xFFFF_FFFF_FFFF_FFFF
    sessions = (
        Session(1, b"\x01", 0xFFFF_FFFF, b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16, 2**32 - 1),
        Session(big - 1, b"\x02", 0, b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16, pending=True),
        Session(
            big, b"\x03", 0, b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16, version="1.1",
            a_f_cnt_down=4, a_f_cnt_down_reserved=20, net_id=0x13, rj_count_0=9, mac=WHOLE_MAC,
        ),
    )  # fmt: skip
    joins = (Join(1, big, 0xFFFF, 1), Join(1, big, 0, 2), Join(big, 0, 0, 0xFFFFFF))
    rejoins = (Rejoin(1, big, -1, 5), Rejoin(big, 0, 0xFFFF, 6))
    store = await Store.open(path)
    assert await store.load() == KnownState()
    await store.commit(Write.of(Changes(sessions, joins=joins, rejoins=rejoins)), nothing)
    await store.close()
    store = await Store.open(path)
    assert await store.load() == KnownState(sessions, joins, rejoins=rejoins)
    await store.close()


async def test_reservation_of_f_cnt_down_comes_back(path: Path) -> None:
    used = session()
    used.take_f_cnt_down()
    store = await Store.open(path)
    await store.commit(Write.of(Changes(sessions=(used,))), nothing)
    assert (await store.load()).sessions == (used,)
    assert used.f_cnt_down < used.f_cnt_down_reserved
    await store.close()


async def test_what_is_remembered_is_recalled_by_the_next_run(path: Path) -> None:
    for number, before in enumerate((None, "0", "1")):
        store = await Store.open(path)
        assert await store.recall("eui") == before
        await store.remember("eui", str(number))
        await store.close()


async def test_file_is_set_up_as_measured_and_private(path: Path) -> None:
    store = await Store.open(path)
    asked = (
        "page_size",
        "cache_size",
        "journal_mode",
        "synchronous",
        "wal_autocheckpoint",
        "locking_mode",
    )
    values = await store._ask(
        partial(
            store._disk.run,
            lambda connection: [
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked
            ],
        )
    )
    assert values == [1024, -256, "wal", 2, 1000, "exclusive"]
    await store.commit(one(1), nothing)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    await store.close()


async def test_sessions_heard_in_any_order_write_each_page_once(path: Path) -> None:
    store = await Store.open(path)
    sessions = [session(dev_eui) for dev_eui in range(3000)]
    Random(1).shuffle(sessions)
    before = bytes_written()
    await store.commit(Write.of(Changes(tuple(sessions))), nothing)
    log = path.with_name(f"{path.name}-wal").stat().st_size
    assert bytes_written() - before < 2.2 * log  # to the log, and from there to the file
    await store.close()


def bytes_written() -> int:
    """By this process, to files and whatever else."""
    said = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(said["wchar"])


async def test_second_open_is_refused_and_says_so(path: Path) -> None:
    first = await Store.open(path)
    with pytest.raises(StoreError, match="is in use: another Kogge"):
        await Store.open(path)
    await first.commit(one(1), nothing)
    await first.close()
    assert await stored(path) == [1]


async def test_start_waits_for_those_who_only_look(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await Store.open(path)).close()
    looking = os.open(f"{path}.lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(opening, "sleep", lambda _seconds: os.close(looking))
    await (await Store.open(path)).close()


async def test_start_does_not_wait_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await (await Store.open(path)).close()
    monkeypatch.setattr(opening, "LOOKED", 0.0)
    looking = os.open(f"{path}.lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    with pytest.raises(StoreError, match="is in use"):
        await Store.open(path)
    os.close(looking)


async def test_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere is not there.*state_dir"):
        await Store.open(tmp_path / "nowhere" / "kogge.db")


async def test_close_leaves_no_handle_no_thread_and_no_wal(path: Path) -> None:
    store = await Store.open(path)
    await store.commit(one(1), nothing)
    thread = next(t for t in threading.enumerate() if t.name.startswith("store"))
    await store.close()
    thread.join(10)
    assert not thread.is_alive()
    assert [file for file in open_files() if path.parent in file.parents] == []
    assert sorted(p.name for p in path.parent.iterdir()) == ["kogge.db", "kogge.db.lock"]


async def test_closed_store_refuses_instead_of_hanging(path: Path) -> None:
    store = await Store.open(path)
    await store.close()
    with pytest.raises(StoreError):
        await asyncio.wait_for(store.commit(one(1), nothing), HUNG)
    with pytest.raises(StoreError):
        await asyncio.wait_for(store.load(), HUNG)


async def test_open_that_was_cancelled_frees_the_lock(path: Path) -> None:
    opening = asyncio.create_task(Store.open(path))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    for thread in [t for t in threading.enumerate() if t.name.startswith("store")]:
        await asyncio.to_thread(thread.join, 10)
    assert await stored(path) == []


async def test_waiting_commits_share_one_transaction(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = []

    def counted(connection: sqlite3.Connection, writes: list[Write]) -> None:
        groups.append(len(writes))
        write(connection, writes)

    write = tables.write
    store = await Store.open(path)
    monkeypatch.setattr(tables, "write", counted)
    await asyncio.gather(*(store.commit(one(n), nothing) for n in range(1, 101)))
    await store.close()
    assert groups == [1, 99]
    assert await stored(path) == list(range(1, 101))


@pytest.mark.parametrize("fault", [sqlite3.OperationalError("disk full"), SystemExit("died")])
async def test_fault_on_the_thread_reaches_every_waiter(
    path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise fault

    store = await Store.open(path)
    heard: list[StoreError | None] = []
    with monkeypatch.context() as patch:
        patch.setattr(tables, "write", broken)
        commits = [store.commit(one(n), heard.append) for n in range(1, 4)]
        faults = await asyncio.wait_for(asyncio.gather(*commits, return_exceptions=True), HUNG)
    assert [type(fault) for fault in faults] == [StoreError] * 3
    assert heard == faults
    assert all(str(fault) in str(told) for told in faults)
    await store.commit(one(4), nothing)
    await store.close()
    assert await stored(path) == [4]


async def test_transaction_that_fails_leaves_nothing_behind_and_the_next_goes_on(
    path: Path,
) -> None:
    bad = Join(1, 2, object(), 4)  # type: ignore[arg-type]  # no column takes it
    changes = Changes(sessions=(session(),), joins=(bad,))
    store = await Store.open(path)
    with pytest.raises(StoreError):
        await store.commit(Write.of(changes, [Segment(1, [reading(1)])]), nothing)
    assert await store.load() == KnownState()
    await store.commit(one(2), nothing)
    await store.close()
    assert await stored(path) == [2]


async def test_commit_stands_though_the_disk_cannot_be_measured_which_measure_tells(
    path: Path,
) -> None:
    def dead(_: Path) -> int:
        raise OSError("Input/output error")

    store = await Store.open(path, lambda _: 1234)
    heard: list[StoreError | None] = []
    store._disk._free_disk = dead
    await store.commit(one(1), heard.append)
    assert (heard, store.room.free) == ([None], 1234)
    with pytest.raises(StoreError, match="Input/output error"):
        await store.measure()
    await store.close()
    assert await stored(path) == [1]


async def test_fault_in_what_follows_a_commit_is_the_waiters(path: Path) -> None:
    def then(_: StoreError | None) -> None:
        raise ZeroDivisionError

    store = await Store.open(path)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(store.commit(one(1), then), HUNG)
    await store.close()


async def test_commits_go_on_when_their_waiters_were_cancelled(path: Path) -> None:
    store = await Store.open(path)
    heard: list[StoreError | None] = []
    waiting = [asyncio.create_task(store.commit(one(n), heard.append)) for n in (1, 2)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.gather(*waiting)
    await store.close()
    assert heard == [None, None]
    assert await stored(path) == [1, 2]


CHILD = """
import asyncio, os, sys
from pathlib import Path
from random import Random
sys.path.insert(0, "tests")
from gateway.lorawan.session import Changes
from gateway.store.buffer import Buffer
from gateway.store.database import Store
from store_tools import number_of, reading

def say(word, numbers):
    os.write(1, "".join(f"{word} {number}\\n" for number in numbers).encode())

async def forward(buffer):
    for turn in range(10**9):
        batch = await buffer.next_batch(3, 0)
        say("batch", [batch.number])
        if turn % 3 == 0:
            say("delivered", map(number_of, batch.records))
            buffer.delivered(batch)
        else:
            buffer.returned(batch)
        await asyncio.sleep(0.001)

async def main(path, first):
    store = await Store.open(path)
    buffer = Buffer(store, 0.02, lambda records: say("safe", map(number_of, records)))
    await buffer.open()
    tasks = [asyncio.create_task(buffer.run()), asyncio.create_task(forward(buffer))]
    for number in range(first, 10**9):
        if number % 5 == 0:
            await buffer.keep([reading(number)], Changes())
            say("kept", [number])
        else:
            buffer.add(reading(number))
        await asyncio.sleep(0.0005)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def run_until_killed(path: Path, first: int, lines: int) -> list[tuple[str, int]]:
    """What the child said before SIGKILL; its last line may be cut and is left out."""
    arguments = [sys.executable, "-c", CHILD, str(path), str(first)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, cwd=HOUSE) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(lines)]
        os.kill(child.pid, signal.SIGKILL)
        said += child.stdout.readlines()
    assert child.returncode == -signal.SIGKILL
    words = [line.decode().split() for line in said if line.endswith(b"\n")]
    return [(word, int(number)) for word, number in words]


async def test_committed_reading_survives_kill(path: Path) -> None:
    promised: set[int] = set()
    delivered: set[int] = set()
    batches: list[int] = []
    for turn in range(5):
        said = await asyncio.to_thread(run_until_killed, path, turn * 100_000, 150 + 67 * turn)
        promised |= {number for word, number in said if word in {"safe", "kept"}}
        delivered |= {number for word, number in said if word == "delivered"}
        batches += [number for word, number in said if word == "batch"]
    assert len(promised) > 100
    found = await World(path).stored()
    assert promised - delivered <= set(found)
    assert len(found) == len(set(found))
    assert batches == sorted(set(batches))
