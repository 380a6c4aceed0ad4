"""An SX1302 or SX1303 behind a USB microcontroller, as a `Concentrator`.

The rules:

- `start` opens a new link, brings the chip from reset to receiving and opens a new chip session.
- Polling the FIFO while it is empty costs one request; on a quiet air it is looked at less often,
  but many times before it could be full. The counter is read after the FIFO, so that its wraps are
  never older than the packets.
- Every few seconds the chip's health is looked at; a sick chip is a ChipError (`health`).
- When the link dies every waiter gets `LinkLost`. After any error only `start` and `stop` make
  sense.
"""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable
from dataclasses import replace

from drivers.concentrator import (
    ChipError,
    ConcentratorStatus,
    Counter,
    DriverError,
    LinkLost,
    RxPacket,
    TxPacket,
    TxStatus,
)
from drivers.link import Link
from drivers.sx1302 import noise, startup, transmit
from drivers.sx1302.chip import Chip, Sleep
from drivers.sx1302.counter import RunningCount
from drivers.sx1302.firmware import AGC_VERSION, ARB_VERSION, Firmware
from drivers.sx1302.health import Hearing, Vitals
from drivers.sx1302.noise import ChannelNoise
from drivers.sx1302.receive import Receiver
from drivers.sx1302.settings import Settings
from drivers.sx1302.transmissions import Transmissions

RX_FIFO, FIFO_COUNT = 0x4000, 0x58C8
POLL_PAUSE = 0.01  # s between two looks at an empty FIFO
QUIET = 1.0  # s without a packet after which `receive` says so, and after which it is looked at
QUIET_PAUSE = 0.04  # s apart: its 4096 bytes fill in 0.3 s at best, and RX1 is a second away
HEALTH_PERIOD = 3.0  # s
TEMPERATURE_PERIOD = 1.0  # s while packets come
QUIET_TEMPERATURE_PERIOD = 30.0  # s


class Sx1302:
    """One board. `firmware` reads the images, at every start: a missing one may come later.

    `sleep` and `now` (seconds) are asyncio's and the monotonic clock's unless a test is in a hurry.
    """

    lead_us = 40_000  # the chip holds one packet: it is programmed just in time

    def __init__(
        self,
        settings: Settings,
        open_link: Callable[[], Awaitable[Link]],
        firmware: Callable[[], Firmware],
        sleep: Sleep = asyncio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._open_link = open_link
        self._firmware = firmware
        self._sleep, self._now = sleep, now
        self._status = ConcentratorStatus()
        self._drops: Tally[str] = Tally()
        self._session = 0
        self._link: Link | None = None
        self._running: Chip | None = None
        self._begin_session()

    def _begin_session(self) -> None:
        self._count = RunningCount(self._now)
        self._receiver = Receiver(self._settings, self._count.extension)
        self._transmissions = Transmissions(self._settings, self._count, self._drops, self._now)
        self._hearing = Hearing()
        self._heard_at = self._checked_at = self._now()
        self._temperature_read_at = float("-inf")

    @property
    def _chip(self) -> Chip:
        if self._running is None:
            raise LinkLost("the concentrator is not started")
        return self._running

    async def start(self) -> None:
        await self._close()
        self._link = await self._open_link()
        try:
            await self._start(Chip(self._link, self._sleep, self._now))
        except BaseException:
            await self._close()
            raise

    async def _start(self, chip: Chip) -> None:
        firmware = await asyncio.to_thread(self._firmware)
        identity = await chip.identity()
        health = await chip.health()
        await startup.power_up(chip)
        await startup.start(chip, self._settings, firmware)
        unverified = "" if firmware.verified else ", unverified firmware"
        self._status = ConcentratorStatus(
            eui=await startup.read_eui(chip),
            model=await startup.read_model(chip),
            firmware=f"MCU {identity.version}, AGC {AGC_VERSION}, ARB {ARB_VERSION}{unverified}",
            temperature=health.temperature,
            chip_session=self._session + 1,
        )
        self._version = (await Vitals.read(chip)).version
        self._begin_session()
        await self._count.read(chip)
        self._session += 1
        self._running = chip

    async def receive(self) -> list[RxPacket]:
        until = self._now() + QUIET
        while not (packets := await self._poll(self._chip)) and (now := self._now()) < until:
            await self._sleep(POLL_PAUSE if now - self._heard_at < QUIET else QUIET_PAUSE)
        return packets

    async def _poll(self, chip: Chip) -> list[RxPacket]:
        now = self._now()
        if now - self._checked_at >= HEALTH_PERIOD:
            await self._check(chip, now)
        await self._transmissions.look_after(chip)
        data = await self._fetch(chip)
        if not data:
            return []
        self._heard_at = now
        await self._read_count(chip)
        temperature = await self._temperature(chip, now, TEMPERATURE_PERIOD)
        packets = self._receiver.packets(data, temperature, self._session, self._drops)
        _demand(self._hearing.fault(packets, now))
        return [replace(each, ended_at=self._count.second(each.counter_us)) for each in packets]

    async def _check(self, chip: Chip, now: float) -> None:
        """Look at the chip's health; a fault is only believed when it is read twice."""
        if (await Vitals.read(chip)).fault(self._version) is not None:
            _demand((await Vitals.read(chip)).fault(self._version))
        await self._read_count(chip)
        await self._temperature(chip, now, QUIET_TEMPERATURE_PERIOD)
        self._checked_at = now

    async def _fetch(self, chip: Chip) -> bytes:
        size = await self._fifo_count(chip)
        if size == 0:
            return b""
        size = max(size, await self._fifo_count(chip))  # a reading of two bytes may tear
        return await chip.read(RX_FIFO, size)

    async def _fifo_count(self, chip: Chip) -> int:
        return int.from_bytes(await chip.read(FIFO_COUNT, 2), "big") & 0x1FFF

    async def _temperature(self, chip: Chip, now: float, period: float) -> float:
        if now - self._temperature_read_at > period:
            self._status.temperature = (await chip.health()).temperature
            self._temperature_read_at = now
        return self._status.temperature or 0.0

    async def counter(self) -> Counter:
        chip, session = self._chip, self._session
        return Counter(await self._read_count(chip), session)

    async def _read_count(self, chip: Chip) -> int:
        """Where the count has gone wrong, the registers may tell why."""
        try:
            return await self._count.read(chip)
        except ChipError:
            _demand((await Vitals.read(chip)).fault(self._version))
            raise

    async def send(self, packet: TxPacket) -> TxStatus:
        chip = self._chip
        if packet.chip_session != self._session:
            return TxStatus.TOO_LATE
        return await self._transmissions.send(chip, packet)

    async def noise(self) -> list[ChannelNoise]:
        """How loud each enabled multi-SF channel is; about a second in all."""
        temperature = (await self._chip.health()).temperature
        return await noise.measure(self._chip, self._settings, temperature)

    def status(self) -> ConcentratorStatus:
        return replace(self._status, pulses=self._count.pulses, drops=dict(self._drops))

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


def _demand(fault: str | None) -> None:
    if fault is not None:
        raise ChipError(fault)
