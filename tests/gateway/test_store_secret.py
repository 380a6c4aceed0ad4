"""gateway.store.secret: made once, kept for good, and on disk but sealed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from store_tools import World

from gateway.store.secret import SIZE, secret

NAME = "a secret"


async def asked(world: World) -> bytes:
    async with world.store() as store:
        return await secret(store, NAME)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "kogge.db")


async def test_secret_is_made_once_and_stands_nowhere_in_plain(world: World) -> None:
    first = await asked(world)
    assert len(first) == SIZE
    assert await asked(world) == first
    for file in world.path.parent.iterdir():
        content = file.read_bytes()
        assert first not in content, file
        assert first.hex().encode() not in content, file


async def test_secret_outlives_the_change_of_the_sealing_key(world: World) -> None:
    first = await asked(world)
    key_file = world.path.with_name("kogge.key")
    old = key_file.read_text()
    key_file.write_text("ab" * 32 + "\n" + old)
    assert await asked(world) == first
    key_file.write_text("ab" * 32)
    assert await asked(world) == first, "it was sealed again under the new one"


async def test_secret_that_no_key_opens_is_made_anew_and_said(
    world: World,
) -> None:
    first = await asked(world)
    world.path.with_name("kogge.key").unlink()
    async with world.store() as store:
        second = await secret(store, NAME)
        (said,) = store.salvages
    assert second != first
    assert f"no key opens the {NAME} of {world.path}" in said
    assert await asked(world) == second


@pytest.mark.parametrize("bit", range(8))
async def test_secret_of_which_the_card_has_flipped_a_bit_is_made_anew_and_keeps_no_start_up(
    world: World, bit: int
) -> None:
    first = await asked(world)
    with closing(sqlite3.connect(world.path)) as card, card:
        (note,) = card.execute("SELECT value FROM note WHERE name = ?", (NAME,)).fetchone()
        hurt = note[:5] + chr(ord(note[5]) ^ 1 << bit) + note[6:]
        card.execute("UPDATE note SET value = ? WHERE name = ?", (hurt, NAME))
    second = await asked(world)
    assert second == await asked(world)
    assert (second == first) == (hurt.lower() == note)


async def test_two_secrets_are_bound_to_their_names(world: World) -> None:
    await asked(world)
    with closing(sqlite3.connect(world.path)) as connection, connection:
        connection.execute(
            "INSERT INTO note SELECT 'another', value FROM note WHERE name = ?", (NAME,)
        )
    async with world.store() as store:
        assert await secret(store, "another") != await secret(store, NAME)
