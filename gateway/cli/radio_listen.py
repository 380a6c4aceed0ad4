"""`kogge radio listen`: every packet off the air, as it is, without keys.

What a packet says about itself is shown only where its CRC is good: damaged bytes say nothing.
"""

import json
from collections import Counter as Tally
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from drivers.concentrator import Concentrator, Crc, Modulation, RxPacket
from drivers.sx1302.settings import FSK_CHAIN, Settings
from gateway.cli import codes, say
from gateway.cli.decode import M_TYPES
from gateway.cli.language import NO_BREAK, _, instant, number, plural
from gateway.cli.quantities import megahertz, shown
from gateway.cli.radio_bench import Bench, started, until_stopped
from gateway.cli.screen import tell
from gateway.clock import Clock
from native import frames, join
from native.rfc3339 import rfc3339

Report: TypeAlias = dict[str, Any]

CHAINS = FSK_CHAIN + 1


async def listen(
    bench: Bench, clock: Clock, seconds: float | None, count: int, as_json: bool
) -> int:
    """Until the time is up, `count` packets have come (0: without end), or Ctrl-C."""
    listener = Listener(bench.concentrator, clock, _print_object if as_json else _print_line)
    async with started(bench.concentrator):
        say(_("listening to {channels}; Ctrl-C ends it", channels=channels(bench.settings)))
        await until_stopped(listener.run(count), seconds)
        summary = listener.summary()
    tell(json.dumps(summary) if as_json else summary_line(summary))
    return 0


def _print_object(report: Report) -> None:
    print(json.dumps(report), flush=True)


def _print_line(report: Report) -> None:
    tell(line(report), flush=True)


def channels(settings: Settings) -> str:
    """The frequencies that the board listens to."""
    found = {settings.centre(each) for each in map(settings.chain, range(CHAINS)) if each}
    return f"{'  '.join(shown(frequency / 1e6) for frequency in sorted(found))} MHz"


class Listener:
    """Shows and counts what a started concentrator hears."""

    def __init__(
        self, concentrator: Concentrator, clock: Clock, show: Callable[[Report], None]
    ) -> None:
        self._concentrator, self._clock, self._show = concentrator, clock, show
        self._crcs: Tally[Crc] = Tally()

    async def run(self, count: int) -> None:
        """Until so many packets have come; raises DriverError."""
        while True:
            for packet in await self._concentrator.receive():
                self._crcs[packet.crc] += 1
                self._show(packet_report(packet, self._clock.now().at))
                if self._crcs.total() == count:
                    return

    def summary(self) -> Report:
        return {
            "event": "summary",
            "packets": self._crcs.total(),
            "bad_crc": self._crcs[Crc.BAD],
            "no_crc": self._crcs[Crc.NONE],
            "drops": self._concentrator.status().drops,
        }


def summary_line(summary: Report) -> str:
    found = sorted(summary["drops"].items())
    drops = ", ".join(f"{codes.word(why, codes.DAMAGED)} {number(n)}" for why, n in found)
    return _(
        "{packets}, {bad} with a bad CRC, {without} without CRC; damaged on the way from the chip:"
        " {drops}",
        packets=plural("{n} packet", "{n} packets", summary["packets"]),
        bad=number(summary["bad_crc"]),
        without=number(summary["no_crc"]),
        drops=drops or _("none"),
    )


def packet_report(packet: RxPacket, at: float | None) -> Report:
    """One packet as an object; `at` is wall time in Unix seconds, None while nobody knows it."""
    is_fsk = packet.modulation is Modulation.FSK
    return {
        "event": "packet",
        "received_at": None if at is None else rfc3339(at),
        "counter_us": packet.counter_us,
        "frequency": packet.frequency,
        "modulation": packet.modulation,
        **({"bit_rate": packet.bit_rate} if is_fsk else {"sf": packet.sf}),
        "bw": packet.bandwidth,
        "rssi": round(packet.rssi, 1),
        "snr": packet.snr,
        "crc": packet.crc.value,
        "size": len(packet.payload),
        "payload": packet.payload.hex(),
        **(frame(packet.payload) if packet.crc is not Crc.BAD else {}),
    }


def frame(payload: bytes) -> Report:
    """Which LoRaWAN frame it could be: its MType, and whose it says it is; null for none."""
    details = _details(payload)
    return {"m_type": None} if details is None else {"m_type": M_TYPES[payload[0] >> 5], **details}


def _details(payload: bytes) -> Report | None:
    m_type = payload[0] >> 5 if payload else -1
    if m_type == 0:
        request = join.parse_join_request(payload)
        return request and {"dev_eui": f"{request[1]:016x}"}
    if 2 <= m_type <= 5:
        data = frames.parse(payload)
        return data and {"dev_addr": f"{data[1]:08x}", "f_cnt": data[3], "f_port": data[5]}
    return None if m_type == -1 else {}


def line(report: Report) -> str:
    """The report for a reader."""
    at = report["received_at"]
    when = _clock(at) if at else f"{number(report['counter_us'] / 1e6, 6)} s"
    crc = codes.word(report["crc"], codes.CRCS)
    snr = "" if report["snr"] is None else f"{number(report['snr'], 1):>5} dB  "
    size = plural("{n} byte", "{n} bytes", report["size"])
    return (
        f"{when}  {megahertz(report['frequency'], 3)} MHz {_data_rate(report)}"
        f"  {number(report['rssi'])} dBm  {snr}{crc}  {size}"
        f"  {_what(report)}  {report['payload']}"
    )


def _clock(at: str) -> str:
    """Local time of day of an RFC 3339 time."""
    return instant(datetime.fromisoformat(at).timestamp()).rpartition(NO_BREAK)[2]


def _data_rate(report: Report) -> str:
    if "sf" in report:
        return f"SF{report['sf']}/{report['bw'] // 1000}"
    return f"FSK {shown(report['bit_rate'] / 1000)} kbit/s"


def _what(report: Report) -> str:
    if "m_type" not in report:
        return _("damaged")
    if report["m_type"] is None:
        return _("no LoRaWAN frame")
    whose = report.get("dev_eui") or report.get("dev_addr")
    counter = f" FCnt {report['f_cnt']}" if "f_cnt" in report else ""
    return f"{report['m_type']}{f' {whose}' if whose else ''}{counter}"
