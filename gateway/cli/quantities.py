"""What was measured, as a technician reads it: the numbers and units of this language. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.cli import codes
from gateway.cli.language import _, number
from gateway.one_line import one_line
from gateway.units import FOR_PEOPLE

DIGITS: Final = 15  # what a float holds, without what arithmetic leaves at its end


def measured(reading: Mapping[str, Any], decimals: int = DIGITS) -> Iterator[str]:
    """Each measurement with its unit, and why it is not to be believed."""
    units, flags = reading["units"], reading.get("flags") or {}
    for name, value in reading["measurements"].items():
        rounded = round(value, decimals) if isinstance(value, float) else value
        yield f"{name} {with_unit(rounded, units.get(name, ''))}{doubt(flags.get(name))}"


def doubt(flag: str | None) -> str:
    return f" ({codes.word(flag, codes.FLAGS)})" if flag else ""


def with_unit(value: float | bool | str, unit: str) -> str:
    return f"{shown(value)} {FOR_PEOPLE.get(unit, unit)}".rstrip()


def megahertz(frequency: float, digits: int = 1) -> str:
    """Of Hz, with as many digits as it has, and at least these: 868.1, 867.125."""
    told = f"{frequency / 1e6:.6f}".rstrip("0")
    return number(frequency / 1e6, max(digits, len(told.partition(".")[2])))


def shown(value: float | bool | str) -> str:
    """With the digits that tell something; text on one line, and it steers no terminal."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    text = value if isinstance(value, str) else f"{value:.{DIGITS}g}"
    if isinstance(value, str) or not text.lstrip("-").replace(".", "", 1).isdecimal():
        return one_line(text)
    return number(value, len(text.partition(".")[2]))
