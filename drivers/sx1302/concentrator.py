"""An SX1302 or SX1303 behind a USB microcontroller, as a `Concentrator`.

The rules:

- `start` opens a new link, brings the chip from reset to receiving and opens a new chip session.
- Polling the FIFO while it is empty costs one request. The counter is read after the FIFO, so
  that its wraps are never older than the packets, and at least every 30 s.
- A transmission is refused rather than sent late: a trigger in the past would fire 134 s later,
  so does one further ahead than the tick counter reaches.
- A packet that is still scheduled after its end is taken back.
- When the link dies every waiter gets `LinkLost`; only `start` and `stop` make sense then.
"""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable
from dataclasses import replace

from drivers.concentrator import (
    ConcentratorStatus,
    Counter,
    DriverError,
    LinkLost,
    RxPacket,
    TxPacket,
    TxStatus,
)
from drivers.link import Link
from drivers.sx1302 import startup, transmit
from drivers.sx1302.chip import Chip, Sleep
from drivers.sx1302.firmware import AGC_VERSION, ARB_VERSION, Firmware
from drivers.sx1302.receive import Receiver
from drivers.sx1302.settings import Radio, Settings
from drivers.sx1302.timestamps import TICKS_PER_US, CounterExtension, since
from drivers.sx1302.transmit import TxState

RX_FIFO, FIFO_COUNT, COUNTERS = 0x4000, 0x58C8, 0x6101
POLL_PAUSE = 0.01  # s between two looks at an empty FIFO
QUIET = 1.0  # s without a packet after which `receive` says so
COUNTER_PERIOD = 30.0  # s; a wrap takes 134 s
TEMPERATURE_PERIOD = 1.0  # s
TORN_BY = 250_000  # µs; a torn reading is wrong by 2^24 ticks, half a second, or more
TOO_LATE_US = transmit.START_DELAY_US + 1000
TOO_EARLY_US = 120_000_000
END_MARGIN = 0.1  # s after the end of a transmission until it is looked after


class Sx1302:
    """One board. `firmware` reads the images, at every start: a missing one may come later.

    `sleep` is asyncio's unless a test is in a hurry.
    """

    lead_us = 40_000  # the chip holds one packet: it is programmed just in time

    def __init__(
        self,
        settings: Settings,
        open_link: Callable[[], Awaitable[Link]],
        firmware: Callable[[], Firmware],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._open_link = open_link
        self._firmware = firmware
        self._sleep = sleep
        self._status = ConcentratorStatus()
        self._drops: Tally[str] = Tally()
        self._session = 0
        self._link: Link | None = None
        self._running: Chip | None = None
        self._sending = asyncio.Lock()
        self._counting = asyncio.Lock()
        self._begin_session()

    def _begin_session(self) -> None:
        self._extension = CounterExtension()
        self._receiver = Receiver(self._settings, self._extension)
        self._counter_us = 0
        self._counter_read_at = float("-inf")
        self._temperature_read_at = float("-inf")
        self._transmission_ends: dict[int, float] = {}

    @property
    def _chip(self) -> Chip:
        if self._running is None:
            raise LinkLost("the concentrator is not started")
        return self._running

    async def start(self) -> None:
        await self._close()
        self._link = await self._open_link()
        try:
            await self._start(Chip(self._link, self._sleep))
        except BaseException:
            await self._close()
            raise

    async def _start(self, chip: Chip) -> None:
        firmware = await asyncio.to_thread(self._firmware)
        identity = await chip.identity()
        health = await chip.health()
        await startup.power_up(chip)
        await startup.start(chip, self._settings, firmware)
        self._begin_session()
        self._session += 1
        unverified = "" if firmware.verified else ", unverified firmware"
        self._status = ConcentratorStatus(
            eui=await startup.read_eui(chip),
            model=await startup.read_model(chip),
            firmware=f"MCU {identity.version}, AGC {AGC_VERSION}, ARB {ARB_VERSION}{unverified}",
            temperature=health.temperature,
            chip_session=self._session,
        )
        self._running = chip
        await self._read_counter(chip)

    async def receive(self) -> list[RxPacket]:
        until = time.monotonic() + QUIET
        while not (packets := await self._poll(self._chip)) and time.monotonic() < until:
            await self._sleep(POLL_PAUSE)
        return packets

    async def _poll(self, chip: Chip) -> list[RxPacket]:
        data = await self._fetch(chip)
        now = time.monotonic()
        if data or now - self._counter_read_at > COUNTER_PERIOD:
            await self._read_counter(chip)
        await self._look_after_transmissions(chip, now)
        if not data:
            return []
        temperature = await self._temperature(chip, now)
        return self._receiver.packets(data, temperature, self._session, self._drops)

    async def _fetch(self, chip: Chip) -> bytes:
        size = await self._fifo_count(chip)
        if size == 0:
            return b""
        size = max(size, await self._fifo_count(chip))  # a reading of two bytes may tear
        return await chip.read(RX_FIFO, size)

    async def _fifo_count(self, chip: Chip) -> int:
        return int.from_bytes(await chip.read(FIFO_COUNT, 2), "big") & 0x1FFF

    async def _temperature(self, chip: Chip, now: float) -> float:
        if now - self._temperature_read_at > TEMPERATURE_PERIOD:
            self._status.temperature = (await chip.health()).temperature
            self._temperature_read_at = now
        return self._status.temperature or 0.0

    async def counter(self) -> Counter:
        return Counter(await self._read_counter(self._chip), self._session)

    async def _read_counter(self, chip: Chip) -> int:
        """Read and extend the µs counter; one request if it is about where it should be."""
        async with self._counting:
            asked_at = time.monotonic()
            counts = await chip.read(COUNTERS, 8)
            if not self._plausible(counts, asked_at):
                counts = await self._read_untorn(chip, counts)
            self._counter_us = self._extension.advance(_microseconds(counts))
            self._counter_read_at = asked_at
            return self._counter_us

    def _plausible(self, counts: bytes, asked_at: float) -> bool:
        elapsed = asked_at - self._counter_read_at
        if elapsed > COUNTER_PERIOD:
            return False
        advanced = (_microseconds(counts) - self._extension.reference) % (1 << 27)
        return abs(advanced - elapsed * 1e6) < TORN_BY

    async def _read_untorn(self, chip: Chip, first: bytes) -> bytes:
        second = await chip.read(COUNTERS, 8)
        if (first[0], first[4]) == (second[0], second[4]):
            return first
        return await chip.read(COUNTERS, 8)

    async def send(self, packet: TxPacket) -> TxStatus:
        fault = transmit.refusal(packet)
        if fault is not None:
            raise ValueError(f"this cannot be sent: {fault}")
        async with self._sending:
            return await self._send(self._chip, packet)

    async def _send(self, chip: Chip, packet: TxPacket) -> TxStatus:
        if packet.chip_session != self._session:
            return TxStatus.TOO_LATE
        chosen = self._transmitter(packet.frequency)
        if chosen is None:
            return TxStatus.TX_FREQ
        number, radio = chosen
        if await self._occupied(chip, number):
            return TxStatus.COLLISION_PACKET
        now = await self._read_counter(chip)
        read_at = time.monotonic()
        lead = 0 if packet.counter_us is None else since(packet.counter_us, now)
        if packet.counter_us is not None and lead < TOO_LATE_US:
            return TxStatus.TOO_LATE
        if lead > TOO_EARLY_US:
            return TxStatus.TOO_EARLY
        row = transmit.power_row(radio, packet.power)
        writes = transmit.program(packet, number, row, self._settings.public)
        await chip.write([*writes, *transmit.trigger(packet, number)])
        ends = read_at + (lead + transmit.time_on_air_us(packet)) / 1e6 + END_MARGIN
        self._transmission_ends[number] = ends
        if packet.counter_us is not None and await self._missed(chip, number, read_at, lead):
            return TxStatus.TOO_LATE
        return TxStatus.OK

    def _transmitter(self, frequency: int) -> tuple[int, Radio] | None:
        for number, radio in self._settings.radio_chains:
            if radio.transmit and radio.transmit[0] <= frequency <= radio.transmit[1]:
                return number, radio
        return None

    async def _occupied(self, chip: Chip, number: int) -> bool:
        """Whether a transmission is under way or to come; one past its end is taken back."""
        if await transmit.state(chip, number) is TxState.FREE:
            return False
        if time.monotonic() < self._transmission_ends.get(number, 0.0):
            return True
        await transmit.abort(chip, number)
        return False

    async def _missed(self, chip: Chip, number: int, read_at: float, lead: int) -> bool:
        """Whether arming took until after the trigger; then the packet is taken back."""
        elapsed = (time.monotonic() - read_at) * 1e6
        if elapsed < lead - transmit.START_DELAY_US:
            return False
        if await transmit.state(chip, number) is not TxState.SCHEDULED:
            return False
        await transmit.abort(chip, number)
        return True

    async def _look_after_transmissions(self, chip: Chip, now: float) -> None:
        for number, ends in list(self._transmission_ends.items()):
            if now < ends or self._sending.locked():
                continue
            async with self._sending:
                if await transmit.state(chip, number) is TxState.SCHEDULED:
                    await transmit.abort(chip, number)
                    self._drops["never_sent"] += 1
                del self._transmission_ends[number]

    def status(self) -> ConcentratorStatus:
        return replace(self._status, drops=dict(self._drops))

    async def stop(self) -> None:
        chip = self._running
        try:
            if chip is not None:
                await self._switch_off(chip)
        except DriverError:
            pass  # the board no longer answers: there is nothing left to switch off
        finally:
            await self._close()

    async def _switch_off(self, chip: Chip) -> None:
        try:
            for number in (0, 1):
                await transmit.abort(chip, number)
        finally:
            await startup.power_up(chip)

    async def _close(self) -> None:
        link, self._link, self._running = self._link, None, None
        if link is not None:
            await link.close()


def _microseconds(counts: bytes) -> int:
    """The free-running count among the eight bytes of both counters, in µs of 27 bits."""
    return int.from_bytes(counts[4:8], "big") // TICKS_PER_US
