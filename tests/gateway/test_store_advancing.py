"""A restored state is never behind what the old gateway may have used, whatever that was."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_tools import World, event, reading, session

from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.nonces import Nonces
from gateway.lorawan.order import Order, Queued, State
from gateway.lorawan.queue import DownlinkQueue
from gateway.lorawan.session import Changes, Join, KnownState, Rejoin
from gateway.store import advancing, copying, opening
from gateway.store.counts import Count
from gateway.store.migrations import schema
from gateway.store.tables import Segment, Write

DATABASES = Path(__file__).parents[1] / "databases"
A, B = 1, 2  # DevEUIs
JOIN_EUI = 7
SCHEMA = len(schema())
DEVICES = [(f"{A:016x}", f"{JOIN_EUI:016x}"), (f"{B:016x}", f"{JOIN_EUI:016x}")]


async def copy_of(world: World, *writes: Write) -> bytes:
    async with world.store() as store:
        for write in writes:
            await store.commit(write, lambda fault: None)
        return await store.inspect(copying.copy)


async def restored(
    world: World, image: bytes, rows: Sequence[copying.Row] = (), name: str = "new"
) -> World:
    """The copy, advanced, as another box has it."""
    return await asyncio.to_thread(_restored, world, image, rows, name)


def _restored(world: World, image: bytes, rows: Sequence[copying.Row], name: str) -> World:
    place = world.path.parent / name
    place.mkdir()
    if world.key_file.exists():
        (place / "kogge.key").write_bytes(world.key_file.read_bytes())
    new = World(place / world.path.name)
    connection = advancing.open_copy(new.path, image)
    with closing(connection):
        advancing.add_readings(connection, rows)
        advancing.advance(connection, 1000, DEVICES)
        advancing.finish(connection)
    return new


async def known(world: World) -> KnownState:
    async with world.store() as store:
        return await store.load()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    f_cnts=st.tuples(st.integers(0, 5000), st.integers(0, 5000)),
    since=st.integers(0, 1000),
    version=st.sampled_from(["1.0", "1.1"]),
    join_nonces=st.lists(st.integers(1, 60_000), max_size=5, unique=True),
    rejoin=st.none() | st.integers(1, 60_000),
    joins_since=st.integers(0, 1000),
)
async def test_restored_state_is_never_behind_what_the_old_gateway_may_have_used(
    tmp_path_factory: pytest.TempPathFactory,
    f_cnts: tuple[int, int],
    since: int,
    version: str,
    join_nonces: list[int],
    rejoin: int | None,
    joins_since: int,
) -> None:
    world = World(tmp_path_factory.mktemp("old") / "kogge.db")
    one = session(A)
    one.version = version  # type: ignore[assignment]
    for _ in range(f_cnts[0]):
        one.take_f_cnt_down()
    for _ in range(f_cnts[1]):
        one.take_f_cnt_down(1)
    joins = tuple(Join(A, JOIN_EUI, n, nonce) for n, nonce in enumerate(join_nonces))
    rejoins = () if rejoin is None else (Rejoin(A, JOIN_EUI, 3, rejoin),)
    changes = Changes(sessions=(one,), joins=joins, rejoins=rejoins)
    image = await copy_of(world, Write.of(changes, reserved={"batch": 77, "sequence": 5}))
    # what the old one does after the copy
    last = [one.f_cnt_down - 1, one.a_f_cnt_down - 1]
    for _ in range(since):
        last = [one.take_f_cnt_down(), one.take_f_cnt_down(1) if version == "1.1" else -1]
    old = Nonces(joins, rejoins)
    last_join_nonce = old.next_join_nonce(A) - 1 + joins_since
    state = await known(await restored(world, image))
    (new,) = state.sessions
    new.skip_reserved()
    assert new.next_f_cnt_down(None) > last[0]
    assert new.next_f_cnt_down(1) > last[1]
    assert new.f_cnt_down - last[0] < 16_384  # or a device of 1.0.3 refuses it
    nonces = Nonces(state.joins, state.rejoins)
    assert nonces.next_join_nonce(A) > last_join_nonce
    assert nonces.next_join_nonce(B) > joins_since
    assert nonces.last_rj_count_1(A, JOIN_EUI) == old.last_rj_count_1(A, JOIN_EUI)
    assert all(nonces.has_spent(A, JOIN_EUI, join.dev_nonce) for join in joins)


async def test_copy_holds_all_but_readings_and_numbers_go_on_above(tmp_path: Path) -> None:
    world = World(tmp_path / "kogge.db")
    async with world.buffer(window=0.2) as buffer:
        await buffer.keep([reading(1), event(2)], Changes())
        before = (await buffer._store.stock()).reserved
        image = await buffer._store.inspect(copying.copy)
        rows = await buffer._store.inspect(lambda connection: copying.rows(connection, 0))
    new = await restored(world, image)
    async with new.store() as store:
        stock = await store.stock()
    assert stock.records == 0
    assert stock.reserved["sequence"] > before["sequence"] + 1_000_000
    assert stock.reserved["batch"] > before.get("batch", 1) + 1_000_000
    assert await (await restored(world, image, rows, "with")).stored() == [1, 2]


async def test_counters_of_the_compact_table_and_airtime_go_along(tmp_path: Path) -> None:
    world = World(tmp_path / "kogge.db")
    one = session(A, f_cnt_up=5)
    image = await copy_of(
        world,
        Write.of(Changes(sessions=(one,))),
        Write(f_cnts=(Count(A, one.id, 4711),), airtime=(Spent(868_000_000, 36_000_000, 1.79e9),)),
    )
    state = await known(await restored(world, image))
    assert state.sessions[0].f_cnt_up == 4711
    assert state.sessions[0].app_s_key == one.app_s_key
    assert state.airtime == (Spent(868_000_000, 36_000_000, 1.79e9),)


@pytest.mark.parametrize("state", [State.WAITING, State.HANDED_OVER, State.AWAITS_ACK])
@pytest.mark.parametrize("confirmed", [True, False])
async def test_no_downlink_that_waited_is_sent_and_each_has_one_final_result(
    tmp_path: Path, state: State, confirmed: bool
) -> None:
    world = World(tmp_path / "kogge.db")
    order = Order("valve", A, 10, b"open", confirmed=confirmed)
    sent = (b"\0\0\1\0\2", 9) if state is not State.WAITING else (b"", None)
    image = await copy_of(world, Write.of(Changes(downlinks=(Queued(1, order, state, 0, *sent),))))
    assert (await asyncio.to_thread(copying.held, image)).downlinks == 1
    queue = DownlinkQueue((await known(await restored(world, image))).downlinks)
    step = queue.recover({A})
    assert [(one.status, one.final) for one in step.results] == [("NOT_ACKED", True)]
    assert "backup" in (step.results[0].reason or "")
    assert queue.next_for(A, 100, None)[0] is None
    assert len(queue) == 0


@pytest.mark.parametrize("version", range(1, SCHEMA + 1))
async def test_backup_of_every_older_schema_is_migrated(tmp_path: Path, version: int) -> None:
    world = World(tmp_path / "kogge.db")
    image = await asyncio.to_thread(old_copy, world, version)
    state = await known(await restored(world, image))
    assert state.sessions
    assert all(one.f_cnt_down_reserved >= 1000 for one in state.sessions)


def old_copy(world: World, version: int) -> bytes:
    with closing(sqlite3.connect(world.path.with_name("old.db"), isolation_level=None)) as old:
        old.executescript((DATABASES / f"{version:04}.sql").read_text(encoding="utf-8"))
        image = copying.copy(old)
    assert copying.held(image).schema == version
    world.key_file.write_text(bytes(range(32)).hex() + "\n")  # it seals them, since schema 3
    return image


def test_margin_grows_with_age_and_stays_within_what_devices_take() -> None:
    day = advancing.DAY
    assert advancing.margin(0) == 1000
    assert advancing.margin(7 * day) == 1000 + 7 * 144
    assert advancing.margin(1000 * day) == advancing.margin(None) == advancing.margin(-5.0) == 8000


async def test_copy_of_a_database_that_may_only_be_read_is_the_same(tmp_path: Path) -> None:
    world = World(tmp_path / "kogge.db")
    image = await copy_of(world, Write.of(Changes(sessions=(session(A),))))

    def read() -> bytes:
        with closing(opening.connect_to_read(world.path)) as connection:
            return copying.copy(connection)

    found = await asyncio.to_thread(read)
    assert [await asyncio.to_thread(copying.held, one) for one in (found, image)] == [
        copying.Held(SCHEMA, 1, 0, 0)
    ] * 2


async def test_copying_ends_with_its_connection_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path / "kogge.db")
    async with world.store() as store:
        for _ in range(3):
            await store.inspect(copying.copy)
        await store.commit(Write(segments=(Segment(1, [reading(1)]),)), lambda fault: None)
