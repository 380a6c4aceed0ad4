"""The life of one end device: join if it must, then measure, send, listen, sleep; and what it saw.

LoRaWAN is ALOHA: two that speak at once are both lost on the air. A device does not learn of it;
the demo does, and counts such a frame apart. A confirmed uplink is repeated until its ACK comes.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from gateway.demo.air import Antenna
from gateway.demo.device import Device, Heard, Uplink
from gateway.demo.judge import Frame, FrameKey
from gateway.demo.street import Resident

JOIN_LISTEN_S = 8.5  # RX2 opens 6 s after the request; a Join-Accept at SF12 takes 2.1 s
LISTEN_S = 3.5  # RX2 opens after 2 s; an ACK at SF12 takes 1.2 s
ATTEMPTS = 4
MINUTES_PER_SECOND = 5.0  # the demo's city lives faster than its devices speak


@dataclass(slots=True)
class Diary:
    """What all devices did and heard."""

    frames: dict[FrameKey, Frame] = field(default_factory=dict)
    joined: set[str] = field(default_factory=set)
    asked: int = 0
    acked: int = 0
    repeated: int = 0


class Life:
    """One resident on its antenna. `joined` is told when it has its session, `heard` of each frame
    that the gateway's antenna received."""

    def __init__(
        self,
        resident: Resident,
        antenna: Antenna,
        diary: Diary,
        random: Random,
        joined: Callable[[Resident], None],
        heard: Callable[[Resident], None],
    ) -> None:
        self._resident, self._antenna, self._diary = resident, antenna, diary
        self._random, self._joined, self._heard = random, joined, heard
        self._device = Device(resident.keys)
        self._now = asyncio.get_running_loop().time

    async def live(self, wakes_in: float, over: asyncio.Event) -> None:
        """From in `wakes_in` seconds until `over`; what is on the air then is finished first."""
        await _sleep(wakes_in, over)
        while self._device.activation is None and not over.is_set():
            await self._join(over)
        await _sleep(self._random.uniform(0, self._resident.pace / 4), over)
        while not over.is_set():
            pause = self._resident.pace * self._random.uniform(0.8, 1.2)
            woke = self._now()
            await self._report(pause * MINUTES_PER_SECOND, over)
            await _sleep(woke + pause - self._now(), over)

    async def _join(self, over: asyncio.Event) -> None:
        await self._transmit(self._device.join_request())
        if await self._listen(JOIN_LISTEN_S) is Heard.JOINED:
            self._diary.joined.add(self._resident.dev_eui)
            self._joined(self._resident)
        else:
            await _sleep(self._random.uniform(0.5, 2), over)

    async def _report(self, minutes: float, over: asyncio.Event) -> None:
        """One uplink; a confirmed one up to ATTEMPTS times, as it was."""
        report = self._resident.sensor.report(minutes)
        confirmed = self._resident.confirmed
        uplink = self._device.uplink(report.f_port, report.payload, confirmed)
        self._diary.asked += confirmed
        for attempt in range(ATTEMPTS if confirmed else 1):
            self._diary.repeated += attempt > 0
            await self._transmit(uplink)
            await self._listen(LISTEN_S)
            if self._device.acked or over.is_set():
                break
            await _sleep(self._random.uniform(0, 1), over)
        self._diary.acked += confirmed and self._device.acked

    async def _transmit(self, uplink: Uplink) -> None:
        """Send on one of the device's channels, and open its windows."""
        while not self._antenna.downlinks.empty():
            self._antenna.downlinks.get_nowait()  # spoken while nobody listened
        frequency = self._random.choice(self._device.channels)
        resident = self._resident
        frame = self._begun(uplink)
        sent = await self._antenna.uplink(
            uplink.phy_payload, frequency, resident.sf, resident.rssi, resident.snr
        )
        self._device.sent(sent.end_us, frequency, resident.sf)
        if frame is not None and sent.received and not frame.heard:
            self._diary.frames[frame.key] = replace(frame, at=self._now(), heard=True)
            self._heard(resident)

    def _begun(self, uplink: Uplink) -> Frame | None:
        """Enter a data frame in the diary before anyone can have heard it."""
        if uplink.f_cnt is None or self._device.activation is None:
            return None
        key = FrameKey(self._resident.dev_eui, self._device.activation.id.hex(), uplink.f_cnt)
        return self._diary.frames.setdefault(key, Frame(key, self._now(), heard=False))

    async def _listen(self, seconds: float) -> Heard | None:
        """The downlink that this device took, or None when its windows have passed."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    heard = self._device.hear(await self._antenna.downlinks.get())
                    if heard in (Heard.JOINED, Heard.ACCEPTED):
                        return heard
        except TimeoutError:
            return None


async def _sleep(seconds: float, over: asyncio.Event) -> None:
    """Sleep, but not longer than until `over`."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await over.wait()
    except TimeoutError:
        pass
