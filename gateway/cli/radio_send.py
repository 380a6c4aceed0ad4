"""`kogge radio send`: a test transmission within the law.

Rules:

- What the limits forbid (gateway.cli.radio_limits) is refused before anything is started.
- Airtime is claimed before each packet, on disk where the daemon's database is, and stays claimed,
  sent or not.
- A packet's result is told after its end: what the chip took and then never sent is no OK.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from drivers.concentrator import Concentrator, TxPacket, TxStatus
from drivers.sx1302.transmit import time_on_air_us
from gateway.air.duty_cycle import DutyCycle
from gateway.cli import EX_FAILED, codes
from gateway.cli.language import _, mark, number
from gateway.cli.quantities import shown
from gateway.cli.radio_bench import Bench, started, until_stopped
from gateway.cli.radio_limits import Wish, allowed, demand_airtime, seconds_left
from gateway.cli.screen import tell
from gateway.clock import Clock
from gateway.errors import StoreError
from gateway.files import DATABASE
from gateway.lorawan.duty_cycle import Spent
from gateway.lorawan.region import SubBand
from gateway.store.database import Store

Report: TypeAlias = dict[str, Any]

END_MARGIN = 0.2  # s after a packet's end; by then the driver has looked after it
NOT_SENT = ("never_sent", "overran")
OVERRAN = mark("the board took it and did not send it as planned")

HINTS: dict[str, str] = {
    **dict.fromkeys(NOT_SENT, OVERRAN),
    TxStatus.TX_FREQ: mark("the board's channel plan does not transmit there"),
    TxStatus.TX_POWER: mark("the board cannot send as weakly as that"),
    TxStatus.COLLISION_PACKET: mark("another packet is on its way"),
    TxStatus.DUTY_CYCLE_OVERFLOW: mark("the sub-band's airtime of this hour is used up"),
}


async def send(bench: Bench, wish: Wish, clock: Clock, as_json: bool) -> int:
    """Send what is wished, as far as the law allows; raises Refused, DriverError, StoreError."""
    band, power = allowed(wish, bench.region)
    airtime_us = time_on_air_us(wish.packet(1, 0, power))
    async with airtime_book(bench, clock) as (duty_cycle, kept):
        demand_airtime(wish, band, airtime_us, seconds_left(band, duty_cycle.seconds_left()))
        sender = Sender(bench.concentrator, wish, (band, power), duty_cycle)
        async with started(bench.concentrator):
            await until_stopped(sender.run(_print_object if as_json else _print_line))
    summary = sender.summary() | {"kept": kept}
    tell(json.dumps(summary) if as_json else summary_line(summary))
    return 0 if summary["sent"] == wish.count else EX_FAILED


@asynccontextmanager
async def airtime_book(bench: Bench, clock: Clock) -> AsyncIterator[tuple[DutyCycle, bool]]:
    """What was sent within the hour, and whether that is kept: in the daemon's database, which its
    lock guards; where there is none (it would be root's), for this run only."""
    file, bands = Path(bench.configuration.gateway.state_dir) / DATABASE, bench.region.sub_bands
    if not await asyncio.to_thread(_is_there, file):
        yield DutyCycle(bands, (), _forget, clock.now), False
        return
    store = await Store.open(file)
    try:
        known = await store.load()
        yield DutyCycle(bands, known.airtime, store.spend, clock.now), True
    finally:
        await store.close()


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except PermissionError as error:
        raise StoreError(f"{file} may not be read by this user") from error


async def _forget(_spent: Spent) -> None:
    """There is no database to keep it in."""


def _print_object(report: Report) -> None:
    print(json.dumps(report), flush=True)


def _print_line(report: Report) -> None:
    tell(line(report), flush=True)


class Sender:
    """Sends one packet after the other on a started concentrator."""

    def __init__(
        self,
        concentrator: Concentrator,
        wish: Wish,
        limits: tuple[SubBand, int],
        duty_cycle: DutyCycle,
    ) -> None:
        self._concentrator, self._wish = concentrator, wish
        self._band, self._power = limits
        self._duty_cycle = duty_cycle
        self._results: list[str] = []

    async def run(self, show: Callable[[Report], None]) -> None:
        """Until all are sent, or the duty cycle forbids the next; raises DriverError."""
        for nth in range(1, self._wish.count + 1):
            chip_session = self._concentrator.status().chip_session
            packet = self._wish.packet(nth, chip_session, self._power)
            begun = time.monotonic()
            status = await self._send(packet, time_on_air_us(packet))
            self._results.append(status)
            show(self._report(nth, packet, status))
            if status == TxStatus.DUTY_CYCLE_OVERFLOW:
                return
            if nth < self._wish.count:
                await self._listen(begun + self._wish.interval - time.monotonic())

    async def _send(self, packet: TxPacket, airtime_us: int) -> str:
        """What became of it, known after its end."""
        if not self._duty_cycle.allows(packet.frequency, airtime_us):
            return TxStatus.DUTY_CYCLE_OVERFLOW
        await self._duty_cycle.claim(packet.frequency, airtime_us, 0)
        before = self._concentrator.status().drops
        status = await self._concentrator.send(packet)
        if status is not TxStatus.OK:
            return status
        await self._listen(airtime_us / 1e6 + END_MARGIN)
        drops = self._concentrator.status().drops
        stuck = (each for each in NOT_SENT if drops.get(each, 0) > before.get(each, 0))
        return next(stuck, status)

    async def _listen(self, seconds: float) -> None:
        """Let time pass; receiving is when the driver looks after a transmission."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0, seconds)):
                while True:
                    await self._concentrator.receive()

    def _report(self, nth: int, packet: TxPacket, status: str) -> Report:
        return {
            "event": "sent",
            "number": nth,
            "status": str(status),
            "frequency": packet.frequency,
            "power": packet.power,
            "airtime_us": time_on_air_us(packet),
            "seconds_left": seconds_left(self._band, self._duty_cycle.seconds_left()),
            "payload": packet.payload.hex(),
        }

    def summary(self) -> Report:
        return {
            "event": "summary",
            "sent": self._results.count(TxStatus.OK),
            "wanted": self._wish.count,
        }


def line(report: Report) -> str:
    """A packet's result for a reader."""
    left = report["seconds_left"]
    budget = _("no duty cycle")
    if left is not None:
        budget = _("{left} s of airtime left in this hour", left=number(left, 1))
    frequency = shown(report["frequency"] / 1e6)
    return (
        f"  {report['number']:3} {_fate(report['status'])}: {frequency} MHz,"
        f" {report['power']} dBm, {number(report['airtime_us'] / 1000, 1)} ms; {budget}"
    )


def _fate(status: str) -> str:
    if status == TxStatus.OK:
        return status
    hint = HINTS.get(status)
    return f"{status} ({_(hint)})" if hint else codes.worded(status, codes.SENT)


def summary_line(summary: Report) -> str:
    kept = (
        _("The daemon and later runs know of this airtime.")
        if summary["kept"]
        else _("There is no database of the daemon: later runs do not know of this airtime.")
    )
    counted = _("{sent} of {wanted} sent.", sent=summary["sent"], wanted=summary["wanted"])
    return f"{counted} {kept}"
