"""A database that takes long to open: systemd is asked to wait, and not for ever."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import daemon
from gateway.config import Config
from gateway.store.bounds import MIB
from gateway.store.database import Store


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[dict[str, object]]":
    """What systemd hears."""
    heard: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    monkeypatch.setattr(daemon, "TOLD_EVERY", 0.001)
    monkeypatch.setattr(daemon, "tell_systemd", lambda **state: heard.put_nowait(state))
    return heard


def opens(
    monkeypatch: pytest.MonkeyPatch, until: Callable[[], Any]
) -> tuple[Config, dict[str, object]]:
    """Store.open returns when that has; with what it was called."""
    asked: dict[str, object] = {}

    async def slowly(path: Path, **more: object) -> object:
        asked.update(more, path=path)
        await until()
        return SimpleNamespace()

    monkeypatch.setattr(Store, "open", slowly)
    return Config(), asked


def asking() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "opening"]


async def test_systemd_waits_while_a_large_database_is_copied(
    told: "asyncio.Queue[dict[str, object]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told_twice() -> None:
        for _ in range(2):
            assert (await told.get())["EXTEND_TIMEOUT_USEC"] == 3000

    config, asked = opens(monkeypatch, told_twice)
    await daemon._opened(config)
    assert asked["min_free"] == config.store.min_free_mib * MIB
    await asyncio.sleep(0)
    assert asking() == [], "nothing is asked for when it is open"


async def test_disk_that_hangs_is_not_waited_for_for_ever(
    told: "asyncio.Queue[dict[str, object]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "OPENING", 0.005)

    async def silent() -> None:
        (one,) = asking()
        await one

    config, _ = opens(monkeypatch, silent)
    await daemon._opened(config)
    assert told.qsize() == 5
