"""The metrics made when somebody asks, and where they are to be had: docs/metrics.md."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import config
from gateway.metrics import exposition, listen
from gateway.metrics.facts import Parts
from gateway.metrics.textfile import Textfile

if TYPE_CHECKING:
    from gateway.metrics.endpoint import Endpoint


class Metrics:
    """`parts` are asked when somebody asks."""

    def __init__(self, wanted: config.Metrics, parts: Parts) -> None:
        self._parts = parts
        self._textfile = Textfile(Path(wanted.textfile), self.text) if wanted.textfile else None
        place = listen.place(wanted.listen) if wanted.listen else None
        self._endpoint = self._at(place) if place else None

    def _at(self, place: listen.Place) -> "Endpoint":
        from gateway.metrics.endpoint import Endpoint  # 0.1 MiB, for who wants it

        return Endpoint(place, self.text)

    @property
    def wanted(self) -> bool:
        """Whether there is anything to run."""
        return bool(self._textfile or self._endpoint)

    async def answer(self, _: dict[str, Any]) -> dict[str, Any]:
        """What `kogge status --metrics` asks on the control socket."""
        return {"text": await self.text()}

    async def text(self) -> str:
        from gateway.metrics.table import TABLE  # 0.2 MiB, for who asks

        unwritten = self._textfile.failures if self._textfile else 0
        return exposition.text(TABLE, await self._parts.facts(unwritten))

    async def run(self, beat: Callable[[], None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            if self._endpoint:
                tasks.create_task(self._endpoint.run(beat), name="metrics.listen")
            if self._textfile:
                tasks.create_task(self._textfile.run(beat), name="metrics.textfile")
