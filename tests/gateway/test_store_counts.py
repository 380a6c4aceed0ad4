"""FCntUp of quiet uplinks: a few bytes on disk, and never lost by their folding."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_tools import World, event, session

from gateway.lorawan.adr import Link
from gateway.lorawan.mac_state import Mac
from gateway.lorawan.session import Changes, Session
from gateway.store import counts
from gateway.store.chores import WAIT
from gateway.store.counts import Count

IDS = st.sampled_from([b"\0\0\1\0\2", b"\0\0\2\0\7"])
COUNTS = st.lists(
    st.builds(Count, st.integers(0, 3), IDS, st.integers(0, 2**32 - 1)), min_size=1, max_size=5
)


MADE: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """What `tables` has made."""
    yield
    while MADE:
        MADE.pop().close()


def tables() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    MADE.append(connection)
    connection.execute(
        "CREATE TABLE f_cnt_up (number INTEGER PRIMARY KEY, counts BLOB NOT NULL, crc INTEGER)"
    )
    connection.execute(
        "CREATE TABLE session (dev_eui TEXT, id TEXT, f_cnt_up INTEGER, crc INTEGER)"
    )
    return connection


def live(connection: sqlite3.Connection, one: Session) -> None:
    row = f"{one.dev_eui:016x}", one.id.hex(), one.f_cnt_up, counts.crc_of(one.f_cnt_up)
    connection.execute("INSERT INTO session VALUES (?, ?, ?, ?)", row)


@given(st.lists(COUNTS, max_size=200))
def test_highest_counter_of_each_living_session_is_known(commits: list[list[Count]]) -> None:
    connection, expected = tables(), dict[tuple[int, bytes], int]()
    for dev_eui in range(3):
        live(connection, session(dev_eui, f_cnt_up=-1))
    for commit in commits:
        counts.write(connection, commit)
        for count in commit:
            key = count.dev_eui, count.id
            expected[key] = max(count.f_cnt_up, expected.get(key, -1))
    known = counts.latest(connection)
    for dev_eui in range(3):
        key = dev_eui, session().id
        assert known.get(key) == expected.get(key)
    (rows,) = connection.execute("SELECT count(*) FROM f_cnt_up").fetchone()
    assert rows <= counts.MANY


def test_folding_forgets_sessions_that_have_ended() -> None:
    connection = tables()
    live(connection, session(1, f_cnt_up=-1))
    for number in range(counts.MANY):
        counts.write(connection, [Count(1, session().id, number), Count(2, b"12345", number)])
    assert counts.latest(connection) == {(1, session().id): counts.MANY - 1}


def test_folding_keeps_what_is_one_above_its_row_and_not_what_stands_there() -> None:
    connection = tables()
    live(connection, session(1, f_cnt_up=5))
    live(connection, session(2, f_cnt_up=5))
    for _ in range(counts.MANY):
        counts.write(connection, [Count(1, session().id, 6), Count(2, session().id, 5)])
    assert counts.latest(connection) == {(1, session().id): 6}


@given(st.lists(COUNTS, min_size=1, max_size=5), st.data())
def test_flipped_bit_is_put_right_and_told_once(
    commits: list[list[Count]], data: st.DataObject
) -> None:
    connection = tables()
    for commit in commits:
        counts.write(connection, commit)
    known = counts.latest(connection)
    number = data.draw(st.integers(1, len(commits)))
    flip(connection, number, data.draw(st.integers(0, len(commits[number - 1]) * 17 * 8 - 1)))
    assert counts.latest(connection) == known
    (told,) = counts.mend(connection)
    assert "put right" in told
    assert counts.mend(connection) == []
    assert counts.latest(connection) == known


def test_flipped_bit_of_a_check_value_changes_nothing() -> None:
    connection = tables()
    counts.write(connection, [Count(1, b"12345", 7)])
    connection.execute("UPDATE f_cnt_up SET crc = (crc | 64) - (crc & 64)")
    assert counts.latest(connection) == {(1, b"12345"): 7}
    assert len(counts.mend(connection)) == 1
    assert counts.mend(connection) == []


def test_bit_that_is_put_right_in_a_street_s_worth_of_counters() -> None:
    connection = tables()
    many = [Count(n, b"12345", n) for n in range(2000)]
    counts.write(connection, many)
    flip(connection, 1, 17 * 8 * 1000 + 13 * 8)
    assert counts.latest(connection) == {(one.dev_eui, one.id): one.f_cnt_up for one in many}


def test_folding_puts_a_flipped_bit_right() -> None:
    connection = tables()
    live(connection, session(1, f_cnt_up=-1))
    counts.write(connection, [Count(1, session().id, 7)])
    flip(connection, 1, 13 * 8)
    for _ in range(counts.MANY):
        counts.write(connection, [Count(2, b"12345", 1)])
    assert counts.latest(connection)[1, session().id] == 7
    assert counts.mend(connection) == []


def test_what_cannot_be_put_right_lets_no_older_frame_in_and_is_told_once() -> None:
    """Believed too low, a counter would accept again what was heard long ago."""
    connection = tables()
    counts.write(connection, [Count(1, b"12345", 7), Count(2, b"12345", 8)])
    for bit in (0, 11, 25):
        flip(connection, 1, bit)
    assert counts.latest(connection)[2, b"12345"] == 8
    (told,) = counts.mend(connection)
    assert "too high" in told
    assert counts.mend(connection) == []
    assert counts.latest(connection)[2, b"12345"] == 8


def test_row_of_an_older_version_is_believed() -> None:
    connection = tables()
    counts.write(connection, [Count(1, b"12345", 7)])
    connection.execute("UPDATE f_cnt_up SET crc = NULL")
    assert counts.latest(connection) == {(1, b"12345"): 7}
    assert counts.mend(connection) == []


async def test_damaged_counters_are_told_at_the_start_and_the_device_is_heard(
    world: World,
) -> None:
    one = session(f_cnt_up=5)
    async with world.buffer() as buffer:
        await buffer.keep([event(1)], Changes((one,)))
        one.f_cnt_up = 6
        buffer.touch(one)
        world.time += WAIT
        await buffer.flush()
    with closing(sqlite3.connect(world.path)) as card, card:
        flip(card, 1, 13 * 8)
    for told in (1, 0):
        async with world.store() as store:
            assert len(store.salvages) == told
            assert store.quarantined == []
            assert [found.f_cnt_up for found in (await store.load()).sessions] == [6]


def written(f_cnt_up: int) -> sqlite3.Connection:
    connection = tables()
    live(connection, session(1, f_cnt_up=f_cnt_up))
    return connection


def own(connection: sqlite3.Connection) -> int:
    (f_cnt_up, crc) = connection.execute("SELECT f_cnt_up, crc FROM session").fetchone()
    return counts.righted(f_cnt_up, crc)


@given(st.integers(-1, 2**32 - 1), st.data())
def test_flipped_bit_of_a_session_s_own_counter_is_put_right(
    f_cnt_up: int, data: st.DataObject
) -> None:
    """As SQLite has it in its file: in as few bytes as hold it, the first bit being the sign."""
    connection = written(f_cnt_up)
    size = next(n for n in (1, 2, 3, 4, 6) if -(1 << 8 * n - 1) <= f_cnt_up < 1 << 8 * n - 1)
    raw = bytearray(f_cnt_up.to_bytes(size, "big", signed=True))
    raw[data.draw(st.integers(0, size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    flipped = int.from_bytes(raw, "big", signed=True)
    connection.execute("UPDATE session SET f_cnt_up = ?", (flipped,))
    assert own(connection) == f_cnt_up
    (told,) = counts.mend_sessions(connection)
    assert "put right" in told
    assert "0000000000000001" in told
    assert counts.mend_sessions(connection) == []
    assert connection.execute("SELECT f_cnt_up FROM session").fetchone() == (f_cnt_up,)


def test_flipped_bit_of_a_check_value_changes_no_counter() -> None:
    connection = written(7)
    connection.execute("UPDATE session SET crc = ?", (counts.crc_of(7) ^ 65536,))
    assert own(connection) == 7
    assert len(counts.mend_sessions(connection)) == 1
    assert counts.mend_sessions(connection) == []
    assert own(connection) == 7


def test_session_s_counter_that_cannot_be_put_right_is_believed_and_told_once() -> None:
    connection = written(7)
    connection.execute("UPDATE session SET f_cnt_up = ?", (7 ^ 0b101 << 16,))
    (told,) = counts.mend_sessions(connection)
    assert "too high" in told
    assert counts.mend_sessions(connection) == []
    assert own(connection) == 7 ^ 0b101 << 16


def test_session_s_row_of_an_older_version_is_believed_and_gets_its_check_value() -> None:
    connection = written(7)
    connection.execute("UPDATE session SET crc = NULL")
    assert counts.mend_sessions(connection) == []
    assert connection.execute("SELECT f_cnt_up, crc FROM session").fetchone() == (
        7, counts.crc_of(7),
    )  # fmt: skip


def test_sessions_of_an_older_version_get_their_check_values_in_one_commit() -> None:
    """A commit for each would keep a large gateway from its start for minutes, on a card."""
    connection, said = tables(), list[str]()
    for dev_eui in range(100):
        live(connection, session(dev_eui, f_cnt_up=7))
    connection.execute("UPDATE session SET crc = NULL")
    connection.set_trace_callback(said.append)
    assert counts.mend_sessions(connection) == []
    written = [one for one in said if not one.startswith("SELECT")]
    assert len(written) == 102
    assert (written[0], written[-1]) == ("BEGIN", "COMMIT")


def test_folding_keeps_what_a_flipped_row_seems_to_know_better() -> None:
    connection = written(-1)
    connection.execute("UPDATE session SET f_cnt_up = ?", (-1 + (1 << 31),))
    for number in range(counts.MANY):
        counts.write(connection, [Count(1, session().id, number)])
    assert counts.latest(connection) == {(1, session().id): counts.MANY - 1}


@pytest.mark.parametrize("bit", [3, 12, 15])
async def test_device_of_which_the_card_flipped_the_counter_is_heard(
    world: World, bit: int
) -> None:
    """Bit 15 is the sign of what the file has: no counter can be so."""
    one = session(f_cnt_up=500)
    async with world.buffer() as buffer:
        await buffer.keep([event(1)], Changes((one,)))
    flipped = 500 ^ (1 << bit if bit < 15 else -1 << 15)
    with closing(sqlite3.connect(world.path)) as card, card:
        card.execute("UPDATE session SET f_cnt_up = ?", (flipped,))
    for told in (1, 0):
        async with world.store() as store:
            assert len(store.salvages) == told
            assert store.quarantined == []
            assert [found.f_cnt_up for found in (await store.load()).sessions] == [500]


async def test_session_that_begins_knows_nothing_of_one_of_the_same_name(world: World) -> None:
    ended, other = session(f_cnt_up=5), session(2, f_cnt_up=5)
    async with world.buffer() as buffer:
        await buffer.keep([], Changes((ended, other)))
        for one in (ended, other):
            one.f_cnt_up = 900
            buffer.touch(one)
        world.time += WAIT
        await buffer.flush()
        await buffer.keep([], Changes(ended=((1, ended.id),)))
        await buffer.keep([], Changes((session(f_cnt_up=0),)))
    async with world.store() as store:
        found = {known.dev_eui: known.f_cnt_up for known in (await store.load()).sessions}
    assert found == {1: 0, 2: 900}


def test_torn_row_says_what_is_whole() -> None:
    connection = tables()
    counts.write(connection, [Count(1, b"12345", 7), Count(2, b"12345", 8)])
    connection.execute("UPDATE f_cnt_up SET counts = substr(counts, 1, 20)")
    assert counts.latest(connection) == {(1, b"12345"): 7}


async def test_quiet_uplink_writes_its_counter_alone(world: World) -> None:
    one = session(f_cnt_up=5)
    async with world.buffer() as buffer:
        await buffer.keep([event(1)], Changes((one,)))
        one.f_cnt_up = 6
        buffer.touch(one)
        world.time += WAIT
        await buffer.flush()
    assert in_row(world) == 5
    async with world.store() as store:
        assert [found.f_cnt_up for found in (await store.load()).sessions] == [6]


async def test_session_whose_mac_changed_too_is_written_whole(world: World) -> None:
    one = session(f_cnt_up=5)
    async with world.buffer() as buffer:
        await buffer.keep([event(1)], Changes((one,)))
        one.f_cnt_up, one.mac = 6, Mac(link=Link(5))
        buffer.touch(one)
        await buffer.close()
    assert in_row(world) == 6
    async with world.store() as store:
        assert (await store.load()).sessions[0].mac.link == Link(5)


async def test_session_that_nobody_has_written_yet_is_written_whole(world: World) -> None:
    async with world.buffer() as buffer:
        buffer.touch(session(f_cnt_up=5))
        await buffer.close()
    assert in_row(world) == 5


def flip(connection: sqlite3.Connection, number: int, bit: int) -> None:
    row = "SELECT counts FROM f_cnt_up WHERE number = ?"
    (blob,) = connection.execute(row, (number,)).fetchone()
    flipped = bytearray(blob)
    flipped[bit // 8] ^= 0x80 >> bit % 8
    connection.execute("UPDATE f_cnt_up SET counts = ? WHERE number = ?", (flipped, number))


def in_row(world: World) -> int:
    connection = sqlite3.connect(world.path)
    (f_cnt_up,) = connection.execute("SELECT f_cnt_up FROM session").fetchone()
    connection.close()
    return int(f_cnt_up)
