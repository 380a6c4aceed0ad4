"""The rows of `kogge status` for the machine, with a daemon or without one. Pure.

`machine` is as `gateway.diagnostics.machine.told` has it.
"""

from collections.abc import Iterator
from typing import Any, Final

from gateway.cli.language import _, number, size
from gateway.cli.screen import Level, Row
from gateway.cli.status_verdict import FULL, NEARLY_FULL, used_percent

HOT, VERY_HOT = 75.0, 85.0  # °C; a Raspberry Pi slows down at 80
SCARCE: Final = 0.1  # of the memory


def machine_rows(machine: dict[str, Any]) -> Iterator[Row]:
    """Disk, memory and temperature, as far as they are known."""
    if disk := machine.get("disk"):
        used = used_percent(disk)
        said = _("{percent} % used, {free} free", percent=number(used), free=size(disk["free"]))
        if disk["read_only"]:
            said += _("; READ-ONLY: nothing can be stored")
        level: Level = "bad" if used >= FULL or disk["read_only"] else "ok"
        yield Row("note" if level == "ok" and used >= NEARLY_FULL else level, _("Disk"), said)
    if memory := machine.get("memory"):
        free, whole = size(memory["available"]), size(memory["total"])
        said = _("{free} of {all} free", free=free, all=whole)
        if memory["daemon"]:
            said += _(", the daemon has {size}", size=size(memory["daemon"]))
        scarce = memory["available"] < SCARCE * memory["total"]
        yield Row("note" if scarce else "ok", _("Memory"), said)
    yield from _heat(machine)


def _heat(machine: dict[str, Any]) -> Iterator[Row]:
    heat = machine.get("temperature")
    said = "" if heat is None else _("processor {heat} °C", heat=number(heat, 1))
    level: Level = "ok"
    if heat is not None and heat >= HOT:
        level = "bad" if heat >= VERY_HOT else "note"
    if machine.get("undervoltage"):
        level = "bad"
        said += "; " if said else ""
        said += _("UNDERVOLTAGE: the power supply is too weak")
    if said:
        yield Row(level, _("Temperature"), said)
