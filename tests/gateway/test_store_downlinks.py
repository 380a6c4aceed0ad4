"""The downlink queue on disk: as it was after a restart, and bounded."""

from dataclasses import replace

import pytest
from store_tools import World, event, numbers_of

from gateway.lorawan.order import Order, Queued, State
from gateway.lorawan.session import Changes
from gateway.store import downlinks

WAITS = Queued(1, Order("a", 0xFFFF_FFFF_FFFF_FFFF, 223, bytes(242), priority=255, at=9.25))
SENT = Queued(2, Order("b", 1, 1, b"", True, 0, 0.5), State.AWAITS_ACK, 2, b"\0\1", 0xFFFF_FFFF)


async def kept(world: World, *changed: Queued) -> tuple[Queued, ...]:
    """What the next run finds after these were written, each in a transaction of its own."""
    async with world.buffer() as buffer:
        for queued in changed:
            await buffer.keep([], Changes(downlinks=(queued,)))
    async with world.store() as store:
        return (await store.load()).downlinks


async def test_downlinks_come_back_as_they_were(world: World) -> None:
    assert await kept(world, SENT, WAITS) == (WAITS, SENT)


async def test_last_state_counts(world: World) -> None:
    done = replace(SENT, state=State.DONE)
    assert await kept(world, SENT, done) == (done,)


async def test_what_is_done_stays_done(world: World) -> None:
    done = replace(SENT, state=State.DONE)
    assert await kept(world, done, SENT) == (done,)


TRIED = replace(SENT, state=State.HANDED_OVER, attempts=0)
AGAIN = replace(SENT, state=State.WAITING, attempts=1, session=b"", f_cnt=None)
GONE = replace(SENT, state=State.HANDED_OVER, attempts=1, f_cnt=7)
HEARD = replace(GONE, state=State.AWAITS_ACK)
LIFE = (TRIED, AGAIN, GONE, HEARD, replace(HEARD, state=State.DONE))


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("lived", range(1, len(LIFE) + 1))
async def test_downlink_only_goes_on_in_whatever_order_commits_come(
    world: World, lived: int, backwards: bool
) -> None:
    """That it waits again, written late, would have it sent a second time after a crash."""
    steps = LIFE[:lived]
    assert await kept(world, *(reversed(steps) if backwards else steps)) == (steps[-1],)


async def test_result_and_its_event_are_one_transaction(world: World) -> None:
    async with world.buffer() as buffer:
        await buffer.keep([event(1)], Changes(downlinks=(SENT,)))
        ruin = world.after_power_cut()
    async with ruin.store() as store:
        assert (await store.load()).downlinks == (SENT,)
    async with ruin.buffer() as buffer:
        assert numbers_of(await buffer.next_batch(10, 0)) == [1]


async def test_only_the_last_that_are_done_are_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downlinks, "REMEMBERED", 2)
    done = [Queued(n, Order(str(n), 1, 1, b""), State.DONE) for n in range(3, 8)]
    found = await kept(world, WAITS, SENT, *done)
    assert [queued.number for queued in found] == [1, 2, 6, 7]
