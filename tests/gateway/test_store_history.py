"""A row an hour, for a week; what the disk refuses is written when it is back."""

import sqlite3
from contextlib import closing

from store_tools import World

from gateway.history import HOURS
from gateway.store.database import Store
from gateway.store.history import read


async def kept(store: Store) -> dict[int, bytes]:
    return await store.inspect(read)


async def test_rows_outlive_the_run(world: World) -> None:
    async with world.store() as store:
        await store.keep_history({1000: b"old", 1001: b"half"})
        await store.keep_history({1001: b"whole"})
    async with world.store() as store:
        assert await kept(store) == {1000: b"old", 1001: b"whole"}


async def test_rows_older_than_a_week_and_of_a_time_to_come_go(world: World) -> None:
    async with world.store() as store:
        await store.keep_history({999_999: b"of a wrong clock"})
        await store.keep_history({1000: b"a"})
        await store.keep_history({1000 + HOURS - 1: b"b"})
        assert await kept(store) == {1000: b"a", 1000 + HOURS - 1: b"b"}
        await store.keep_history({1000 + HOURS: b"c"})
        assert list(await kept(store)) == [1000 + HOURS - 1, 1000 + HOURS]


async def test_row_whose_samples_are_none_is_left_out_and_no_damaged_database(world: World) -> None:
    """A bit of a row's head makes a text of its blob; seldom one that can be read."""
    async with world.store() as store:
        await store.keep_history({1000: b"text", 1001: b"\xff", 1002: b"whole"})
    with closing(sqlite3.connect(world.path)) as card, card:
        card.execute("UPDATE history SET samples = CAST(samples AS TEXT) WHERE hour < 1002")
    async with world.store() as store:
        assert await kept(store) == {1002: b"whole"}
        assert store.quarantined == []
