"""`kogge radio scan`: how loud each channel is while nobody speaks.

In 125 kHz heat alone makes -123 dBm, and the receiver adds a few dB to it. A LoRa packet is heard
up to 20 dB below the noise (SF12): each dB of noise more is a dB of reach less.
"""

import json
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, Protocol, TypeAlias, runtime_checkable

from drivers.concentrator import DriverError
from drivers.sx1302.noise import ChannelNoise
from gateway.cli.language import _, mark, number
from gateway.cli.progress import Progress
from gateway.cli.radio_bench import Bench, started, until_stopped
from gateway.cli.screen import tell

Report: TypeAlias = dict[str, Any]

IMPOSSIBLE, QUIET, DISTURBED = -130.0, -110.0, -100.0  # dBm, medians
NO_READING, DISTURBANCE = mark("no reading"), mark("disturbed")
LEFT, RIGHT = -130, -70  # dBm at the ends of a bar
DB_A_CHARACTER = 2


@runtime_checkable
class Meter(Protocol):
    """A concentrator that can say how loud its channels are."""

    async def noise(self) -> list[ChannelNoise]: ...


async def scan(bench: Bench, seconds: float, as_json: bool) -> int:
    """Measure again and again until the time is up or Ctrl-C, once at least."""
    meter = bench.concentrator
    if not isinstance(meter, Meter):
        raise DriverError(
            f"the concentrator at {bench.wanted.port} cannot measure noise: only a board on a"
            " serial port can, a packet forwarder passes packets on and nothing else"
        )
    rounds: list[list[ChannelNoise]] = []
    with Progress(_("measuring")):
        async with started(bench.concentrator):
            rounds.append(await meter.noise())
            await until_stopped(_again(meter, rounds), seconds)
    report = scan_report(rounds)
    tell(json.dumps(report) if as_json else "\n".join(lines(report)))
    return 0


async def _again(meter: Meter, rounds: list[list[ChannelNoise]]) -> None:
    while True:
        rounds.append(await meter.noise())


def scan_report(rounds: Sequence[Sequence[ChannelNoise]]) -> Report:
    """All rounds as one: the median of the medians, and the lowest and highest of all, in dBm."""
    channels = [
        {
            "chain": found[0].chain,
            "frequency": found[0].frequency,
            "median": round(median(each.median for each in found), 1),
            "low": round(min(each.low for each in found), 1),
            "high": round(max(each.high for each in found), 1),
            "verdict": verdict(median(each.median for each in found)),
        }
        for found in zip(*rounds, strict=True)
    ]
    return {"rounds": len(rounds), "channels": channels}


def verdict(level: float) -> str:
    """A median in dBm, in a word."""
    if level < IMPOSSIBLE:
        return NO_READING
    if level < QUIET:
        return mark("quiet")
    return DISTURBANCE if level > DISTURBED else mark("fair")


def lines(report: Report) -> Iterator[str]:
    """The report for a reader, in order of frequency."""
    for channel in sorted(report["channels"], key=lambda channel: channel["frequency"]):
        frequency, level = number(channel["frequency"] / 1e6, 3), number(channel["median"], 1)
        yield (
            f"  {frequency} MHz {bar(channel)} {level:>6} dBm"
            f"  {number(channel['low'])}…{number(channel['high'])}  {_(channel['verdict'])}"
        )
    yield "  " + _(
        "bars from {left} to {right} dBm: # median, - lowest to highest", left=LEFT, right=RIGHT
    )
    yield advice([channel["verdict"] for channel in report["channels"]])


def bar(channel: Report) -> str:
    """Where the level is between LEFT and RIGHT."""
    width = (RIGHT - LEFT) // DB_A_CHARACTER
    low, at, high = (_place(channel[name], width) for name in ("low", "median", "high"))
    marks = ["-" if low <= i <= high else " " for i in range(width)]
    marks[at] = "#"
    return f"|{''.join(marks)}|"


def _place(level: float, width: int) -> int:
    return min(max(int((level - LEFT) // DB_A_CHARACTER), 0), width - 1)


def advice(verdicts: Sequence[str]) -> str:
    disturbed = verdicts.count(DISTURBANCE)
    if NO_READING in verdicts:
        return _(
            "Less than {limit} dBm is less than heat alone makes: the chip's meter shows nothing,"
            " and this says nothing about the site.",
            limit=number(IMPOSSIBLE),
        )
    if not disturbed:
        return _(
            "The site is usable: no channel's median is above {limit} dBm; below {quiet} dBm it is"
            " quiet.",
            limit=number(DISTURBED),
            quiet=number(QUIET),
        )
    return _(
        "{disturbed} of {n} channels are disturbed (median above {limit} dBm): far devices will"
        " not be heard there. Move the antenna away from power supplies, LED drivers, displays and"
        " mobile-phone antennas, and scan again.",
        disturbed=disturbed,
        n=len(verdicts),
        limit=number(DISTURBED),
    )
