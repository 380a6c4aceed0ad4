"""The devices of a trial, and the air between them and the board: they know what they have sent.

Speakers send as fast as they may and never listen (ABP); listeners want each uplink acknowledged
(ABP); joiners come by OTAA first. Air and daemon go away together and come back together.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from crash_trials.starter import SPEED

from gateway.demo.air import Antenna, Sent, antenna
from gateway.demo.device import Device, Downlink, Heard, Keys, Uplink
from gateway.demo.judge import Frame, FrameKey, identity

DEV_EUI, JOIN_EUI, DEV_ADDR = 0x70B3D57ED0020000, 0x70B3D57ED0010000, 0x00A1B200
LISTEN = 3.5 / SPEED  # RX2 opens after 2 s
JOIN_LISTEN = 6.5 / SPEED  # and after 6 s
PAUSE = 0.3 / SPEED
FASTEST = 5  # data rate: SF7


@dataclass(eq=False)
class Resident:
    """`listens`: it opens its windows, and asks for ACKs; `last` is its newest data frame."""

    device: Device
    listens: bool
    random: Random
    last: FrameKey | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)


def residents(chance: Random, speakers: int, listeners: int, joiners: int) -> list[Resident]:
    def keys(number: int) -> Keys:
        if number < joiners:
            return Keys(DEV_EUI + number, join_eui=JOIN_EUI, app_key=chance.randbytes(16))
        session = chance.randbytes(16), chance.randbytes(16)
        return Keys(DEV_EUI + number, 0, b"", DEV_ADDR + number, *session)

    def resident(number: int) -> Resident:
        own = Random(chance.random())
        device = Device(keys(number), random=own)
        device.settings.dr = FASTEST
        return Resident(device, number < joiners + listeners, own)

    return [resident(number) for number in range(joiners + listeners + speakers)]


def devices_toml(city: list[Resident]) -> str:
    return "\n".join(_table(each.device.keys) for each in city)


def _table(keys: Keys) -> str:
    own = (
        [f'join_eui = "{keys.join_eui:016x}"', f'app_key = "{keys.app_key.hex()}"']
        if keys.otaa
        else [
            f'dev_addr = "{keys.dev_addr:08x}"',
            f'nwk_s_key = "{keys.nwk_s_key.hex()}"',
            f'app_s_key = "{keys.app_s_key.hex()}"',
        ]
    )
    head = ["[[device]]", f'dev_eui = "{keys.dev_eui:016x}"', f'name = "{keys.dev_eui:x}"']
    return "\n".join([*head, f'lorawan = "{keys.lorawan}"', *own, ""])


@dataclass
class Street:
    """`sent` is every data frame that may have been heard; `emissions` every downlink there was;
    `answered` the ids of those that a downlink answered. `notice` hears "uplink" and "downlink".
    """

    port: int
    city: list[Resident]
    notice: Callable[[str], None]
    sent: dict[FrameKey, Frame] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    emissions: list[bytes] = field(default_factory=list)
    uplinks: int = 0
    _antenna: Antenna | None = None
    _there: asyncio.Event = field(default_factory=asyncio.Event)
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Finds the air again whenever it comes back."""
        while True:
            with suppress(OSError):
                async with antenna("127.0.0.1", self.port) as own, asyncio.TaskGroup() as tasks:
                    self._gone.clear()
                    self._antenna = own
                    self._there.set()
                    hearing = tasks.create_task(self._hear(own))
                    await _end(own)
                    hearing.cancel()
            self._there.clear()
            self._gone.set()
            await asyncio.sleep(0.005)

    async def _hear(self, own: Antenna) -> None:
        while True:
            downlink = await own.downlinks.get()
            self.emissions.append(downlink.phy_payload)
            self.notice("downlink")
            for resident in self.city:
                if resident.listens:
                    self._reach(resident, downlink)

    def _reach(self, resident: Resident, downlink: Downlink) -> None:
        heard = resident.device.hear(downlink)
        if heard is Heard.ACCEPTED and resident.last is not None:
            self.answered.add(identity(resident.last))
        if heard in (Heard.ACCEPTED, Heard.JOINED):
            resident.news.set()

    async def live(self, resident: Resident, over: asyncio.Event) -> None:
        """Until it is over; what is on the air then, and its windows, are waited for."""
        while not over.is_set():
            if resident.device.activation is None:
                await self._put(resident, resident.device.join_request())
                await self._listen(resident, JOIN_LISTEN)
            else:
                await self.report(resident)
            await asyncio.sleep(resident.random.uniform(0, 2 * PAUSE))

    async def report(self, resident: Resident) -> FrameKey | None:
        """One data frame and its windows; None when the antenna has not heard it."""
        payload = resident.random.randbytes(resident.random.randint(1, 12))
        confirmed = resident.listens and resident.random.random() < 0.8
        uplink = resident.device.uplink(resident.random.randint(1, 223), payload, confirmed)
        assert uplink.f_cnt is not None
        assert resident.device.activation is not None
        session = resident.device.activation.id.hex()
        key = FrameKey(f"{resident.device.keys.dev_eui:016x}", session, uplink.f_cnt)
        self.sent[key] = Frame(key, 0.0, heard=False)
        resident.last = key
        heard = await self._put(resident, uplink)
        if resident.listens:
            await self._listen(resident, LISTEN)
        return key if heard else None

    async def _put(self, resident: Resident, uplink: Uplink) -> bool:
        """On the air, as soon as there is one and it is free; whether the antenna heard it."""
        resident.news.clear()
        async with self._turn:
            await self._there.wait()
            assert self._antenna is not None
            sending = asyncio.create_task(
                self._antenna.uplink(
                    uplink.phy_payload, uplink.frequency, uplink.rate.sf, -80.0, 8.0
                )
            )
            try:
                if not await _first(sending, self._gone):
                    return False
                done = sending.result()
            except ConnectionError:
                return False
            finally:
                sending.cancel()
            resident.device.sent(done.end_us)
        self.uplinks += done.received
        self.notice("uplink")
        return done.received

    async def _listen(self, resident: Resident, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await resident.news.wait()

    def violations(self) -> Iterator[str]:
        """But for windows that were missed: here a device may be late itself, on a busy machine."""
        for resident in self.city:
            for each in resident.device.violations:
                if "came with" not in each:
                    yield f"device {resident.device.keys.dev_eui:016x}: {each}"


async def _end(own: Antenna) -> None:
    """Returns when the air has gone away."""
    with suppress(ConnectionError):
        await own.listen()


async def _first(sending: "asyncio.Task[Sent]", gone: asyncio.Event) -> bool:
    """Whether it was sent before the air went away."""
    going = asyncio.create_task(gone.wait())
    both: set[asyncio.Task[Any]] = {sending, going}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        going.cancel()
    return sending.done()
