"""Checks of the machine: clock, power supply, heat, memory."""

from typing import Final

from gateway.cli.language import _, mark, moment, number, size
from gateway.doctor.finding import Check, Finding, Group, Known
from gateway.doctor.programs import said

HOT, VERY_HOT = 75.0, 85.0  # °C; a Raspberry Pi slows down at 80
SCARCE: Final = 0.1  # of the memory
_LOW_NOW, _LOW_BEFORE = 1 << 0, 1 << 16  # of `vcgencmd get_throttled`

Throttled = int | None


def throttled(_known: Known) -> Throttled:
    """The bits of `vcgencmd get_throttled`; None: no such program."""
    lines = said("vcgencmd", "get_throttled")
    value = lines[0].partition("=")[2] if lines else ""
    return int(value, 16) if value.startswith("0x") else None


def clock(known: Known, _facts: Throttled) -> Finding:
    quality = known.status["time_quality"] if known.status else known.clock
    if quality == "unsynchronised":
        return Finding(
            "note",
            _("the clock is not set"),
            _(
                "no time service has set it since power-up; readings are dated later,"
                " nothing is lost"
            ),
            _("timedatectl; is NTP (UDP port 123) let through?"),
        )
    at = "" if known.at is None else moment(known.at)
    ways = {"ntp": _("a time service"), "gnss": _("satellites"), "rtc": _("the battery clock")}
    return Finding("ok", _("{at}, from {source}", at=at, source=ways[quality]))


def undervoltage(known: Known, facts: Throttled) -> Finding:
    now, before = known.machine.undervoltage, False
    if facts is not None:
        now, before = bool(facts & _LOW_NOW) or bool(now), bool(facts & _LOW_BEFORE)
    means = _("the processor slows down, USB fails, and the card may be damaged")
    do = _("a supply of 5.1 V and 3 A, and a short thick cable")
    if now:
        return Finding("bad", _("the supply voltage is too low now"), means, do)
    if before:
        return Finding("note", _("the supply voltage was too low since power-up"), means, do)
    if now is None:
        return Finding("unknown", _("this machine has no sensor for it"))
    return Finding("ok", _("the supply voltage is high enough"))


def temperature(known: Known, _facts: Throttled) -> Finding:
    heat = known.machine.temperature
    if heat is None:
        return Finding("unknown", _("this machine has no sensor for it"))
    what = _("the processor has {heat} °C", heat=number(heat, 1))
    if heat < HOT:
        return Finding("ok", what)
    means = _("it slows down at 80 °C and switches itself off at 85")
    return Finding("bad" if heat >= VERY_HOT else "note", what, means, _("shade, air, a heat sink"))


def memory(known: Known, _facts: Throttled) -> Finding:
    found = known.machine.memory
    if found is None:
        return Finding("unknown", _("the kernel does not say"))
    what = _("{free} of {all} free", free=size(found.available), all=size(found.total))
    if found.available >= SCARCE * found.total:
        return Finding("ok", what)
    means = _("the kernel may end programs, the daemon too")
    return Finding("note", what, means, _("what else runs here? ps aux --sort=-rss | head"))


GROUP: Final = Group("machine", throttled, (
    Check("clock", mark("Clock"), clock),
    Check("undervoltage", mark("Power supply"), undervoltage),
    Check("temperature", mark("Temperature"), temperature),
    Check("memory", mark("Memory"), memory),
))  # fmt: skip
