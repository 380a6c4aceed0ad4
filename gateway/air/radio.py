"""The receive task: brings the concentrator up, keeps it up, and hands on what it hears.

The rules:

- A fault of the hardware never ends the process: it is named and counted by its kind, the chip is
  started anew after a jittered back-off, and the backlog goes on draining meanwhile. A new start is
  a new chip session. The last fault is remembered, also once all is well again.
- The back-off begins anew once the chip has been listened to, not with its mere start.
- Each verb of the concentrator has a deadline here, whatever the deadlines of its requests are.
- Reception that is silent though known devices must have spoken is a fault (`gateway.air.rhythm`).
- A fault that stays is told and counted once: what its sentence says after a colon may differ from
  try to try (the bytes of a GPS that is no concentrator).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar

from drivers.concentrator import (
    ChipError,
    Concentrator,
    Crc,
    DriverError,
    LinkLost,
    McuError,
    RxPacket,
)
from gateway.air.rhythm import Rhythm
from gateway.diagnostics.heard import Heard
from gateway.records import Moment

log = logging.getLogger(__name__)

State: TypeAlias = Literal["starting", "receiving", "fault"]
T = TypeVar("T")

BACK_OFF = (1.0, 2.0, 4.0, 5.0)  # seconds; a cable that is put back is heard within ten
START_SECONDS: Final = 12.0  # a board takes one or two, a forwarder may speak only every ten
RECEIVE_SECONDS: Final = 5.0  # it answers after one
STOP_SECONDS: Final = 3.0


class Stuck(DriverError):
    """A verb of the concentrator did not end in its time."""


class Silence(DriverError):
    """The radio seems to receive, but known devices are not heard."""


KINDS: Final = {LinkLost: "link", McuError: "mcu", ChipError: "chip", Stuck: "stuck",
                Silence: "silence"}  # fmt: skip


class Fault(NamedTuple):
    """What was wrong, in a word and in a sentence, and when it was first seen."""

    kind: str
    reason: str
    moment: Moment


class Radio:
    """Supervises one concentrator. `told` hears each change of state with its reason.

    `starts` counts the chip's; `faults` by kind; `rhythm` gets to know what is heard; `heard`
    counts the packets of the last minutes that are not damaged.
    """

    def __init__(
        self,
        concentrator: Concentrator,
        heard: Callable[[RxPacket], None],
        told: Callable[[State, str], None],
        random: Callable[[], float],
        now: Callable[[], Moment],
        rhythm: Rhythm,
    ) -> None:
        self._concentrator, self._heard, self._told = concentrator, heard, told
        self._random, self._now, self._rhythm = random, now, rhythm
        self.state: State = "starting"
        self.reason = ""
        self.starts = 0
        self.faults: Counter[str] = Counter()
        self.last_fault: Fault | None = None
        self._failures = 0
        self.first_result = asyncio.Event()
        self.heard = Heard()

    @property
    def restarts(self) -> int:
        """How often the chip was started after its first start."""
        return max(0, self.starts - 1)

    async def run(self, beat: Callable[[], None]) -> None:
        try:
            while True:
                try:
                    await _within(START_SECONDS, "start", self._concentrator.start())
                    self.starts += 1
                    self._rhythm.listening(self._now().monotonic_s)
                    self._is("receiving", "")
                    await self._receive(beat)
                except DriverError as error:
                    self._failed(error)
                await self._stop()
                beat()
                await asyncio.sleep(self._pause())
                self._failures += 1
        finally:
            await self._stop()

    async def _receive(self, beat: Callable[[], None]) -> None:
        while True:
            beat()
            packets = await _within(RECEIVE_SECONDS, "receive", self._concentrator.receive())
            self._failures = 0
            for packet in packets:
                self._heard(packet)
            self._listen(packets)

    def _listen(self, packets: list[RxPacket]) -> None:
        """Damaged packets are no sign of hearing: a deaf receiver makes them of noise."""
        now = self._now().monotonic_s
        if good := [packet for packet in packets if packet.crc is not Crc.BAD]:
            self._rhythm.packet(now)
            self.heard.note(good, now)
        elif silence := self._rhythm.silence(now):
            raise Silence(silence)

    async def _stop(self) -> None:
        try:
            await _within(STOP_SECONDS, "stop", self._concentrator.stop())
        except DriverError as error:
            self._failed(error)

    def _pause(self) -> float:
        return BACK_OFF[min(self._failures, len(BACK_OFF) - 1)] * (0.5 + self._random() / 2)

    def _failed(self, error: DriverError) -> None:
        kind, reason = _kind(error), str(error)
        if self.state == "fault" and _gist(self.reason) == _gist(reason):
            return
        self.faults[kind] += 1
        self.last_fault = Fault(kind, reason, self._now())
        self._is("fault", reason, kind)

    def _is(self, state: State, reason: str, kind: str | None = None) -> None:
        level = logging.WARNING if state == "fault" else logging.INFO
        extra = {"reason": kind, "happening": f"radio_{state}"}
        log.log(level, "radio %s%s", state, f": {reason}" if reason else "", extra=extra)
        self.state, self.reason = state, reason
        self._told(state, reason)
        self.first_result.set()


def _kind(error: DriverError) -> str:
    """The word for the nearest of an error's classes that has one."""
    return next((KINDS[each] for each in type(error).__mro__ if each in KINDS), "driver")


def _gist(reason: str) -> str:
    return reason.partition(":")[0]


async def _within(seconds: float, verb: str, doing: Awaitable[T]) -> T:
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await doing
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Stuck(
            f"the concentrator did not {verb} within {seconds:g} s: the board or its cable hangs"
        ) from error
