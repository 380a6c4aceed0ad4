"""What is read anew while all goes on: the codecs' files, and devices.toml."""

import asyncio
from typing import Any

from gateway.diagnostics.devices import changed
from gateway.errors import GatewayError
from gateway.settings import codecs, with_devices_anew
from gateway.sides.air import Air
from gateway.sides.ground import Ground


class Renewing:
    def __init__(self, ground: Ground, air: Air) -> None:
        self._ground, self._air = ground, air

    async def codecs(self, _: dict[str, Any]) -> dict[str, Any]:
        """The codecs' files have changed: what comes from now on, and what is not decoded yet, is
        decoded by them. Wrong files change nothing.
        """
        try:
            found = await asyncio.to_thread(codecs, self._ground.settings)
        except GatewayError as error:
            return {"error": str(error)}
        self._air.codecs.update(found)
        self._air.javascript.forgive()
        return {"codecs": sorted(found)}

    async def devices(self) -> dict[str, Any]:
        """devices.toml has changed: others notice nothing. A wrong file changes nothing, and raises
        ConfigError.
        """
        found = await asyncio.to_thread(with_devices_anew, self._ground.settings)
        now = self._ground.network.devices
        before = dict(now)
        self._air.codecs.update(found.codecs)
        self._ground.describe(found)
        self._air.uplinks.facts.keep_only(now)
        return changed(before, now)
