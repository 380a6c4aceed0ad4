"""`kogge radio send`: a test transmission within the law.

Rules:

- What the limits forbid (gateway.cli.radio_limits) is refused before anything is started.
- Airtime is claimed before each packet and stays claimed, sent or not.
- A packet's result is told after its end: what the chip took and then never sent is no OK.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from drivers.concentrator import Concentrator, TxPacket, TxStatus
from drivers.sx1302.transmit import time_on_air_us
from gateway.cli import EX_FAILED
from gateway.cli.radio_bench import Bench, started, until_stopped
from gateway.cli.radio_limits import Wish, allowed_power, demand_airtime
from gateway.lorawan.duty_cycle import Ledger

Report: TypeAlias = dict[str, Any]

END_MARGIN = 0.2  # s after a packet's end; by then the driver has looked after it
NOT_SENT = ("never_sent", "overran")

HINTS = {
    TxStatus.TX_FREQ: "the board's channel plan does not transmit there",
    TxStatus.TX_POWER: "the board cannot send as weakly as that",
    TxStatus.COLLISION_PACKET: "another packet is on its way",
    TxStatus.DUTY_CYCLE_OVERFLOW: "the sub-band's airtime of this hour is used up",
}


async def send(
    bench: Bench,
    wish: Wish,
    ledger: Ledger,
    as_json: bool,
    now: Callable[[], float] = time.monotonic,
) -> int:
    """Send what is wished, as far as the law allows; raises Refused and DriverError."""
    power = allowed_power(wish, bench.region)
    airtime_us = time_on_air_us(wish.packet(1, 0, power))
    demand_airtime(wish, bench.region, ledger, airtime_us, now())
    sender = Sender(bench.concentrator, wish, power, ledger, now)
    async with started(bench.concentrator):
        await until_stopped(sender.run(_print_object if as_json else _print_line))
    summary = sender.summary()
    print(json.dumps(summary) if as_json else summary_line(summary))
    return 0 if summary["sent"] == wish.count else EX_FAILED


def _print_object(report: Report) -> None:
    print(json.dumps(report), flush=True)


def _print_line(report: Report) -> None:
    print(line(report), flush=True)


class Sender:
    """Sends one packet after the other on a started concentrator."""

    def __init__(
        self,
        concentrator: Concentrator,
        wish: Wish,
        power: int,
        ledger: Ledger,
        now: Callable[[], float],
    ) -> None:
        self._concentrator, self._wish, self._power = concentrator, wish, power
        self._ledger, self._now = ledger, now
        self._results: list[str] = []

    async def run(self, show: Callable[[Report], None]) -> None:
        """Until all are sent, or the duty cycle forbids the next; raises DriverError."""
        for number in range(1, self._wish.count + 1):
            chip_session = self._concentrator.status().chip_session
            packet = self._wish.packet(number, chip_session, self._power)
            begun = self._now()
            status = await self._send(packet, time_on_air_us(packet))
            self._results.append(status)
            show(self._report(number, packet, status))
            if status == TxStatus.DUTY_CYCLE_OVERFLOW:
                return
            if number < self._wish.count:
                await self._listen(begun + self._wish.interval - self._now())

    async def _send(self, packet: TxPacket, airtime_us: int) -> str:
        """What became of it, known after its end."""
        now = self._now()
        if not self._ledger.allows(packet.frequency, airtime_us, now):
            return TxStatus.DUTY_CYCLE_OVERFLOW
        self._ledger.add(packet.frequency, airtime_us, now)
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

    def _report(self, number: int, packet: TxPacket, status: str) -> Report:
        return {
            "event": "sent",
            "number": number,
            "status": str(status),
            "frequency": packet.frequency,
            "power": packet.power,
            "airtime_us": time_on_air_us(packet),
            "seconds_left": self._seconds_left(packet.frequency),
            "payload": packet.payload.hex(),
        }

    def _seconds_left(self, frequency: int) -> float | None:
        """Airtime that the sub-band has left in this hour; None where there is no limit."""
        for band, left in self._ledger.seconds_left(self._now()).items():
            if band.low <= frequency < band.high:
                return round(left, 3)
        return None

    def summary(self) -> Report:
        return {
            "event": "summary",
            "sent": self._results.count(TxStatus.OK),
            "wanted": self._wish.count,
            "ledger": "this run",
        }


def line(report: Report) -> str:
    """A packet's result for a reader."""
    left = report["seconds_left"]
    budget = "no duty cycle" if left is None else f"{left:.1f} s of airtime left in this hour"
    hint = HINTS.get(report["status"], "the board took it and did not send it as planned")
    because = "" if report["status"] == TxStatus.OK else f" ({hint})"
    return (
        f"  {report['number']:3} {report['status']}{because}: {report['frequency'] / 1e6:g} MHz,"
        f" {report['power']} dBm, {report['airtime_us'] / 1000:.1f} ms; {budget}"
    )


def summary_line(summary: Report) -> str:
    return (
        f"{summary['sent']} of {summary['wanted']} sent. The airtime is counted for this run alone:"
        " the daemon does not learn of it, nor does the next run."
    )
