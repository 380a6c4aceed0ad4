"""The transmissions of one chip session: refused, programmed, looked after until their end.

The rules:

- A transmission is refused rather than sent late: a trigger in the past would fire 134 s later,
  so would one further ahead than the tick counter reaches.
- It is refused, too, rather than sent louder than wanted: where the weakest row of the power table
  is still too strong (the reference sends with that row).
- One at a time on each chain. One that is still scheduled after its end is taken back and counted
  as `never_sent`, one that is still on the air then is cut off and counted as `overran`.
- A chain that does not become free is a ChipError; a status that is unknown is none.
"""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable

from drivers.concentrator import TxPacket, TxStatus
from drivers.sx1302 import transmit
from drivers.sx1302.chip import Chip
from drivers.sx1302.counter import RunningCount
from drivers.sx1302.settings import GainRow, Radio, Settings
from drivers.sx1302.timestamps import since
from drivers.sx1302.transmit import TxState

TOO_LATE_US = transmit.START_DELAY_US + 1000
TOO_EARLY_US = 120_000_000
END_MARGIN = 0.1  # s after the end of a transmission until it is looked after
_STUCK = {TxState.SCHEDULED: "never_sent", TxState.EMITTING: "overran"}


class Transmissions:
    """`drops` counts what did not go as planned; `now` is in seconds."""

    def __init__(
        self,
        settings: Settings,
        count: RunningCount,
        drops: Tally[str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._count, self._drops, self._now = settings, count, drops, now
        self._ends: dict[int, float] = {}
        self._turn = asyncio.Lock()

    async def send(self, chip: Chip, packet: TxPacket) -> TxStatus:
        """Program one packet; ValueError when no chip could send it."""
        fault = transmit.refusal(packet)
        if fault is not None:
            raise ValueError(f"this cannot be sent: {fault}")
        chosen = self._transmitter(packet.frequency)
        if chosen is None:
            return TxStatus.TX_FREQ
        number, radio = chosen
        row = transmit.power_row(radio, packet.power - self._settings.antenna_gain)
        if row.rf_power + self._settings.antenna_gain > packet.power:
            return TxStatus.TX_POWER
        async with self._turn:
            if await self._occupied(chip, number):
                return TxStatus.COLLISION_PACKET
            return await self._program(chip, packet, number, row)

    def _transmitter(self, frequency: int) -> tuple[int, Radio] | None:
        for number, radio in self._settings.radio_chains:
            if radio.transmit and radio.transmit[0] <= frequency <= radio.transmit[1]:
                return number, radio
        return None

    async def _program(self, chip: Chip, packet: TxPacket, number: int, row: GainRow) -> TxStatus:
        count = await self._count.read(chip)
        read_at = self._now()
        lead = 0 if packet.counter_us is None else since(packet.counter_us, count)
        if packet.counter_us is not None and lead < TOO_LATE_US:
            return TxStatus.TOO_LATE
        if lead > TOO_EARLY_US:
            return TxStatus.TOO_EARLY
        writes = transmit.program(packet, number, row, self._settings.public)
        await chip.write([*writes, *transmit.trigger(packet, number)])
        ends = read_at + (lead + transmit.time_on_air_us(packet)) / 1e6 + END_MARGIN
        self._ends[number] = ends
        if packet.counter_us is not None and await self._missed(chip, number, read_at, lead):
            return TxStatus.TOO_LATE
        return TxStatus.OK

    async def _occupied(self, chip: Chip, number: int) -> bool:
        """Whether a transmission is under way or to come; one past its end is ended.

        Where the status is unknown the time tells.
        """
        ends = self._ends.setdefault(number, float("-inf"))
        if self._now() >= ends:
            await self._end(chip, number)
            return False
        state = await transmit.state(chip, number)
        over = state is TxState.UNKNOWN and self._now() >= ends - END_MARGIN
        return state is not TxState.FREE and not over

    async def _missed(self, chip: Chip, number: int, read_at: float, lead: int) -> bool:
        """Whether arming took until after the trigger; then the packet is taken back."""
        elapsed = (self._now() - read_at) * 1e6
        if elapsed < lead - transmit.START_DELAY_US:
            return False
        if await transmit.state(chip, number) is not TxState.SCHEDULED:
            return False
        await transmit.abort(chip, number)
        return True

    async def look_after(self, chip: Chip) -> None:
        """See to it that what should have ended has ended.

        Waits while a packet is being programmed: whoever polls the chip lets that go first, which
        has milliseconds left.
        """
        async with self._turn:
            for number, ends in list(self._ends.items()):
                if self._now() >= ends:
                    await self._end(chip, number)

    async def _end(self, chip: Chip, number: int) -> None:
        """After its time: take back what was never sent, cut off what does not stop."""
        reason = _STUCK.get(await transmit.state(chip, number))
        if reason is not None:
            await transmit.abort(chip, number)
            self._drops[reason] += 1
        self._ends.pop(number, None)
