"""The first sentence of `kogge status`: what is wrong, then what is right. Pure."""

from collections.abc import Iterator
from typing import Any

from gateway.cli.language import _, number, plural, span

FULL, NEARLY_FULL = 97.0, 90.0  # percent of the disk


def verdict(status: dict[str, Any]) -> str:
    """One sentence: what is wrong, then what is right."""
    said = [
        _broker_verdict(status), _safe_verdict(status), _radio_verdict(status["radio"]),
        *_further_verdicts(status), *_disk_verdict(status),
    ]  # fmt: skip
    troubles = [text for is_trouble, text in said if is_trouble]
    return "; ".join(troubles + [text for is_trouble, text in said if not is_trouble])


def _broker_verdict(status: dict[str, Any]) -> tuple[bool, str]:
    city = status["city"]
    if city.get("paused") is not None:
        return True, _("forwarding is paused")
    if city["state"] == "connected":
        return False, _("broker connected")
    if city.get("seconds") is None:
        return True, _("broker unreachable")
    return True, _("broker unreachable for {span}", span=span(city["seconds"]))


def _safe_verdict(status: dict[str, Any]) -> tuple[bool, str]:
    waiting = status["backlog"]
    if not waiting:
        return False, _("nothing waits")
    if disk_fails(status):
        return False, plural("{n} reading waits", "{n} readings wait", waiting)
    return False, plural("{n} reading safe on disk", "{n} readings safe on disk", waiting)


def _radio_verdict(radio: dict[str, Any]) -> tuple[bool, str]:
    match radio["state"]:
        case "receiving":
            return False, _("radio receiving")
        case "starting":
            return True, _("radio is starting")
        case _:
            return True, _("radio does not receive")


def _further_verdicts(status: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """What is seldom wrong is said only then."""
    if status["stuck"]:
        yield True, _("the daemon is stuck")
    if disk_fails(status):
        alone = status["store"]["memory_records"]
        yield True, plural("{n} reading in memory only", "{n} readings in memory only", alone)
    if status["time_quality"] == "unsynchronised":
        yield True, _("clock not set")
    if broken := len(status["codec_worker"]["disabled"]):
        yield True, plural("{n} codec broken", "{n} codecs broken", broken)
    if status["lost"]:
        yield True, plural("{n} reading given up", "{n} readings given up", status["lost"])


def _disk_verdict(status: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    if (used := _percent(status)) is not None:
        yield used >= NEARLY_FULL, _("disk {percent} %", percent=number(used))


def disk_fails(status: dict[str, Any]) -> bool:
    """D1c."""
    return bool(status.get("store", {}).get("state", "well") != "well")


def _percent(status: dict[str, Any]) -> float | None:
    disk = (status.get("machine") or {}).get("disk")
    return used_percent(disk) if disk else None


def used_percent(disk: dict[str, Any]) -> float:
    """Percent, as df(1) says it."""
    return float(100 * disk["used"] / max(1, disk["used"] + disk["free"]))
