"""The receive task: brings the concentrator up, keeps it up, and hands on what it hears.

A fault of the hardware never ends the process: it is named, the chip is started anew after a
jittered back-off, and the backlog goes on draining meanwhile. A new start is a new chip session.
The back-off begins anew once the chip has been listened to, not with its mere start.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Literal, TypeAlias

from drivers.concentrator import Concentrator, DriverError, RxPacket

log = logging.getLogger(__name__)

State: TypeAlias = Literal["starting", "receiving", "fault"]

BACK_OFF = (1.0, 2.0, 4.0, 5.0)  # seconds; a cable that is put back is heard within ten


class Radio:
    """Supervises one concentrator. `told` hears each change of state with its reason."""

    def __init__(
        self,
        concentrator: Concentrator,
        heard: Callable[[RxPacket], None],
        told: Callable[[State, str], None],
        random: Callable[[], float],
    ) -> None:
        self._concentrator, self._heard, self._told = concentrator, heard, told
        self._random = random
        self.state: State = "starting"
        self.reason = ""
        self.starts = 0
        self._failures = 0
        self.first_result = asyncio.Event()

    async def run(self, beat: Callable[[], None]) -> None:
        try:
            while True:
                try:
                    await self._concentrator.start()
                    self.starts += 1
                    self._is("receiving", "")
                    await self._receive(beat)
                except DriverError as error:
                    self._is("fault", str(error))
                await self._concentrator.stop()
                beat()
                await asyncio.sleep(self._pause())
                self._failures += 1
        finally:
            await self._concentrator.stop()

    async def _receive(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            packets = await self._concentrator.receive()
            self._failures = 0
            for packet in packets:
                self._heard(packet)

    def _pause(self) -> float:
        return BACK_OFF[min(self._failures, len(BACK_OFF) - 1)] * (0.5 + self._random() / 2)

    def _is(self, state: State, reason: str) -> None:
        if (state, reason) != (self.state, self.reason):
            log.log(
                logging.WARNING if state == "fault" else logging.INFO,
                "radio %s%s",
                state,
                f": {reason}" if reason else "",
            )
            self.state, self.reason = state, reason
            self._told(state, reason)
        self.first_result.set()
