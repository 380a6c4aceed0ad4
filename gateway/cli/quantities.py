"""What was measured, as a technician reads it: the numbers and units of this language. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.cli.language import _, number
from gateway.one_line import one_line
from gateway.units import FOR_PEOPLE

DIGITS: Final = 15  # what a float holds, without what arithmetic leaves at its end


def measured(reading: Mapping[str, Any]) -> Iterator[str]:
    """Each measurement with its unit."""
    units = reading["units"]
    for name, value in reading["measurements"].items():
        yield f"{name} {with_unit(value, units.get(name, ''))}"


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
