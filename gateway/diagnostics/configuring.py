"""`{"op":"config"}` on the control socket: the configuration that is in use.

With `"action":"reload"` kogge.toml is read anew and checked as at a start; the live keys of
`gateway.live_config` are taken over, and the answer tells which, and which want a restart. A wrong
file changes nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from gateway import live_config, settings
from gateway.config import told
from gateway.errors import GatewayError
from gateway.settings import Settings


async def answer(
    running: Settings, request: dict[str, Any], follow: Callable[[Sequence[str]], None]
) -> dict[str, Any]:
    """`follow` hears which keys of `running` have changed."""
    changed: dict[str, Any] = {}
    if request.get("action") == "reload":
        try:
            found = await asyncio.to_thread(settings.load, running.file)
        except (GatewayError, PermissionError) as error:
            return {"error": str(error)}
        taken, restart = live_config.take_over(running.config, found.config)
        follow(taken)
        changed = {"taken": taken, "restart": restart}
    return {"file": str(running.file.absolute()), "config": told(running.config), **changed}
