"""The gateway's EUI: whose it is, when it is known, and what the next run begins with."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway import gateway_eui
from gateway.gateway_eui import NAME, GatewayEui

CHIP, TEXT = 0x16C001FF10A235, "0016c001ff10a235"
OTHER = "0016c001ff999999"


class Memory:
    """What the store keeps by name."""

    def __init__(self, eui: str | None = None) -> None:
        self.kept = {} if eui is None else {NAME: eui}

    async def remember(self, name: str, value: str) -> None:
        self.kept[name] = value

    async def recall(self, name: str) -> str | None:
        return self.kept.get(name)


async def started(memory: Memory, configured: str = "") -> GatewayEui:
    one = GatewayEui(configured, memory, at_once)
    await one.recall()
    return one


def at_once(work: Coroutine[Any, Any, None]) -> None:
    with pytest.raises(StopIteration):
        work.send(None)


async def test_configured_eui_is_ours_whatever_the_chip_says() -> None:
    memory = Memory(TEXT)
    one = await started(memory, OTHER)
    one.learn(CHIP)
    assert (one.text, memory.kept) == (OTHER, {NAME: TEXT})


async def test_first_eui_of_a_chip_is_ours_and_remembered() -> None:
    memory = Memory()
    one = await started(memory)
    assert one.text == ""
    one.learn(None)
    assert one.text == ""
    one.learn(CHIP)
    assert (one.text, memory.kept) == (TEXT, {NAME: TEXT})


@pytest.mark.parametrize("noted", ["0016c001ff10a2#5", "0016c001ff10a23", "", "+" * 16])
async def test_what_the_card_has_made_of_a_noted_eui_names_no_gateway(noted: str) -> None:
    """An MQTT client raises at a topic with # or +: at each start."""
    memory = Memory(noted)
    one = await started(memory)
    assert one.text == ""
    one.learn(CHIP)
    assert (one.text, memory.kept) == (TEXT, {NAME: TEXT})


async def test_another_chip_is_for_the_next_run() -> None:
    memory = Memory(OTHER)
    one = await started(memory)
    one.learn(CHIP)
    assert one.text == OTHER
    assert (await started(memory)).text == TEXT


async def test_who_waits_for_it_beats_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_eui, "BEAT_EVERY", 0.001)
    one, beats, several = await started(Memory()), 0, asyncio.Event()

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            several.set()

    waiting = asyncio.create_task(one.known(beat))
    await several.wait()
    assert not waiting.done()
    one.learn(CHIP)
    assert await waiting == TEXT
