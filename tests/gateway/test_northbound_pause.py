"""A pause ends when it is told to, and by itself."""

import asyncio

import pytest
from patience import HUNG

from gateway.northbound.pause import Pause


async def test_pause_begins_and_ends() -> None:
    pause = Pause()
    assert pause.seconds_left is None
    await pause.over()
    begun = asyncio.create_task(pause.begun())
    await asyncio.sleep(0)
    assert not begun.done()
    pause.begin(60)
    await begun
    assert pause.seconds_left == pytest.approx(60, abs=5)
    over = asyncio.create_task(pause.over())
    await asyncio.sleep(0)
    assert not over.done()
    pause.end()
    await over
    assert pause.seconds_left is None


async def test_forgotten_pause_ends_by_itself() -> None:
    pause = Pause()
    pause.begin(0.02)
    async with asyncio.timeout(HUNG):
        await pause.over()


async def test_pause_may_be_made_longer_and_shorter() -> None:
    pause = Pause()
    pause.begin(3600)
    over = asyncio.create_task(pause.over())
    await asyncio.sleep(0)
    pause.begin(0.02)
    async with asyncio.timeout(HUNG):
        await over
