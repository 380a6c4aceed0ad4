"""How long a test waits for what must come: against hanging alone, never to judge speed.

A machine that is ten times slower, and busy, is waited for. What the contract promises within a
time is asserted where it is promised.
"""

import asyncio
from collections.abc import Callable

HUNG = 120.0  # seconds; pytest's own time-out for a test is longer (pyproject.toml)


async def until(holds: Callable[[], object]) -> None:
    """Look again and again until it holds: for what tells nobody that it has come."""
    async with asyncio.timeout(HUNG):
        while not holds():
            await asyncio.sleep(0.001)
