"""Waiting for a core of the chip, on a host that is busy."""

import math

import pytest
from sx1302_bench import Bench
from sx1302_standin import AGC_STATUS

from drivers.concentrator import ChipError
from drivers.sx1302 import agc
from drivers.sx1302.chip import Chip


class BusyHost(Bench):
    """Each request takes it `seconds`; the AGC has started when it is looked at the nth time."""

    def __init__(self, seconds: float, nth: float) -> None:
        super().__init__()
        self.taking, self.nth, self.looks = seconds, nth, 0
        self.chip = Chip(self, self.sleep, self.now)

    async def request(self, command: int, payload: bytes) -> bytes:
        self.pass_time(self.taking)
        self.looks += 1
        self.board.memory[AGC_STATUS] = self.looks >= self.nth
        return self.board.handle(command, payload)[1]

    async def close(self) -> None:
        pass

    async def waits(self) -> None:
        await self.chip.wait_for(agc.AGC_STATUS, 0x01, "the AGC did not start")


async def test_core_that_never_starts_is_a_fault_after_a_second_on_a_busy_host_too() -> None:
    host = BusyHost(seconds=0.03, nth=math.inf)
    began = host.seconds
    with pytest.raises(ChipError, match="did not start: status stayed 0x00"):
        await host.waits()
    assert 1 <= host.seconds - began < 1.1


async def test_host_that_was_held_up_looks_once_more_before_it_calls_a_core_dead() -> None:
    host = BusyHost(seconds=5, nth=2)
    await host.waits()
    assert host.looks == 2
