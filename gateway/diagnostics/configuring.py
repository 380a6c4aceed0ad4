"""`{"op":"config"}` on the control socket: the configuration that is in use.

With `"action":"reload"` kogge.toml is read anew and checked as at a start; the live keys of
`gateway.live_config` are taken over, and the answer tells which, and which want a restart. A wrong
file changes nothing.
"""

import asyncio
from collections.abc import Collection
from typing import Any, Protocol

from gateway import live_config, settings
from gateway.config import Lorawan, told
from gateway.errors import GatewayError
from gateway.lorawan.join_control import JoinControl
from gateway.settings import Settings


class Paced(Protocol):
    """The forwarder: it holds [mqtt] itself."""

    def change_pace(self) -> None: ...


async def answer(
    request: dict[str, Any], running: Settings, gate: JoinControl, forwarder: Paced | None
) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if request.get("action") == "reload":
        try:
            found = await asyncio.to_thread(settings.load, running.file)
        except (GatewayError, PermissionError) as error:
            return {"error": str(error)}
        taken, restart = live_config.take_over(running.config, found.config)
        _follow(running.config.lorawan, gate, taken)
        if forwarder is not None:
            forwarder.change_pace()
        changed = {"taken": taken, "restart": restart}
    return {"file": str(running.file.absolute()), "config": told(running.config), **changed}


def _follow(lorawan: Lorawan, gate: JoinControl, taken: Collection[str]) -> None:
    """What `kogge join` has opened or closed stays, unless the file says otherwise than it did."""
    if "lorawan.join" in taken:
        (gate.open if lorawan.join == "open" else gate.close)()
    gate.allow = tuple(lorawan.join_allow)
    gate.joins_per_minute = lorawan.joins_per_minute
