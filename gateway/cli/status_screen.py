"""What `kogge status` shows: a verdict in words first, then a row for each part. Pure.

`status` is the daemon's answer (docs/interfaces.md), with `machine` as `machine.told` has it; a key
that an older daemon does not know is left out of the screen. Sentences of the daemon, such as why
the broker is not reached, are shown in its own English.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from gateway.cli import codes
from gateway.cli.heard import heard
from gateway.cli.language import NO_BREAK, _, mark, moment, number, plural, size, span
from gateway.cli.screen import Level, Row, Style, heading, rows, worst
from gateway.cli.status_machine import machine_rows
from gateway.cli.status_verdict import disk_fails, verdict

HEALTH: Final[dict[str, Level]] = {"healthy": "ok", "degraded": "note", "broken": "bad"}
CLOCKS: Final = {
    "ntp": mark("set by a time service"),
    "gnss": mark("set by satellites"),
    "rtc": mark("from the battery clock"),
}
VERDICTS: Final[dict[Level, str]] = {
    "ok": mark("All is well"), "note": mark("Look here"), "bad": mark("Broken"),
}  # fmt: skip


def screen(status: dict[str, Any], style: Style) -> Iterator[str]:
    found = list(parts(status))
    yield title(status)
    yield from heading(*said_first(status, found), style)
    if style.width is not None:
        yield ""
    yield from rows(found, style)


def title(status: dict[str, Any]) -> str:
    """Which gateway it is."""
    return f"{named(status)}, Kogge {status['version']}"


def said_first(status: dict[str, Any], found: Iterable[Row]) -> tuple[str, Level]:
    """The verdict; `found` are the screen's rows."""
    level = worst([HEALTH[status["health"]], *(_softer(row.level) for row in found)])
    return f"{_(VERDICTS[level])}: {verdict(status)}", level


def parts(status: dict[str, Any]) -> Iterator[Row]:
    """The rows of the screen."""
    yield _radio(status)
    yield _lorawan(status)
    yield _buffer(status)
    yield _broker(status["city"])
    yield _clock(status)
    if status["stuck"]:
        late = ", ".join(status["stuck"])
        yield Row("bad", _("Daemon"), _("STUCK: {tasks}; systemd starts it anew", tasks=late))
    yield from machine_rows(status.get("machine") or {})
    yield _versions(status)


def _radio(status: dict[str, Any]) -> Row:
    radio = status["radio"]
    level: Level = "ok" if radio["state"] == "receiving" else "bad"
    said = f"{codes.word(radio['state'], codes.STATES)}{_because(radio)}{_heard(radio)}"
    more = [_board(radio, status["gateway"])] if radio["model"] else []
    if radio["faults"]:
        more.append(_faults(radio))
    if status["silence"]:
        more.append(_("SILENT: {why}", why=heard(status["silence"])))
    return Row("note" if level == "ok" and status["silence"] else level, _("Radio"), said, (*more,))


def _heard(radio: dict[str, Any]) -> str:
    lately = radio.get("heard")
    if lately is None:
        return ""
    if lately["seconds"] is None:
        return _("; no packet yet")
    packets = plural("{n} packet", "{n} packets", lately["packets"])
    return _(
        "; {packets} in {minutes} min, the last {span} ago",
        packets=packets, minutes=lately["minutes"], span=span(lately["seconds"]),
    )  # fmt: skip


def _board(radio: dict[str, Any], gateway: str) -> str:
    """The chip's EUI is told where it is not the gateway's."""
    eui = f", EUI {radio['eui']}" if radio["eui"] not in (None, gateway) else ""
    heat = "" if radio["temperature"] is None else f", {number(radio['temperature'], 1)} °C"
    pulses = _(", pulses per second") if radio["pulses"] else ""
    starts = plural("{n} start", "{n} starts", radio["starts"])
    return f"{radio['model']}{eui}, {codes.firmware(radio['firmware'])}{heat}{pulses}, {starts}"


def _faults(radio: dict[str, Any]) -> str:
    """What ailed the radio, also after it has healed itself."""
    faults = sorted(radio["faults"].items())
    counted = ", ".join(_counted(n, codes.word(kind, codes.FAULTS)) for kind, n in faults)
    restarts = plural("{n} restart", "{n} restarts", radio["restarts"])
    told = _("faults: {counted}; {restarts}", counted=counted, restarts=restarts)
    if radio["reason"]:
        return told
    at = "" if radio["last_fault_at"] is None else f" {moment(radio['last_fault_at'])}"
    return told + _("; last{at}: {reason}", at=at, reason=heard(radio["last_reason"]))


def _counted(n: int, what: str) -> str:
    return f"{number(n)}{NO_BREAK}× {what}"


def _lorawan(status: dict[str, Any]) -> Row:
    counts = status["counts"]
    said = ", ".join([
        plural("{n} device", "{n} devices", status["devices"]),
        plural("{n} reading", "{n} readings", counts["readings"]),
        plural("{n} join", "{n} joins", counts["joins"]),
    ])  # fmt: skip
    if status["downlinks"]:
        said += _(", downlinks waiting {n}", n=number(status["downlinks"]))
    more = [*_airtime(status["duty_cycle"]), *_joining(status["join"]), *_codecs(status)]
    if drops := sorted(status["drops"].items(), key=lambda drop: -drop[1]):
        told = (_counted(n, codes.worded(name, codes.DROPS)) for name, n in drops)
        more.append(_("dropped: {drops}", drops=", ".join(told)))
    if status["locked"]:
        more.append(_(
            "LOCKED: {n} devices are not heard: their sessions are sealed under another key"
            " (journalctl -u kogge names them)", n=number(status["locked"]),
        ))  # fmt: skip
    level: Level = "bad" if status["codec_worker"]["disabled"] or status["locked"] else "ok"
    return Row(level, "LoRaWAN", said, (*more,))


def _airtime(duty_cycle: dict[str, dict[str, float]]) -> Iterator[str]:
    """The sub-bands that have been sent in within the hour."""
    for band, left in duty_cycle.items():
        if left["seconds_left"] < left["seconds"]:
            seconds, whole = number(left["seconds_left"], 1), number(left["seconds"])
            edges = "–".join(_as_written(edge) for edge in band.split("-"))
            yield _(
                "airtime: {band} MHz {left} of {all} s left", band=edges, left=seconds, all=whole
            )


def _as_written(text: str) -> str:
    """868.6, with this language's point."""
    return number(float(text), len(text.partition(".")[2]))


def _joining(join: dict[str, Any]) -> Iterator[str]:
    """Unless it is open to any device and for ever."""
    if join["join"] == "closed":
        yield _("joining: closed")
    elif join["seconds_left"] is not None:
        yield _("joining: open for {span} more", span=span(join["seconds_left"]))
    if join["join"] == "open" and join["allow"]:
        prefixes = ", ".join(join["allow"])
        yield _("joining: DevEUIs that begin with {prefixes} only", prefixes=prefixes)


def _codecs(status: dict[str, Any]) -> Iterator[str]:
    """The JavaScript codecs, where there is something to say of them."""
    worker = status["codec_worker"]
    for name, reason in sorted(worker["disabled"].items()):
        yield _("CODEC {name}: {reason}; its readings go on raw", name=name, reason=heard(reason))
    if worker["faults"] and not worker["disabled"]:
        faults = plural("{n} fault", "{n} faults", worker["faults"])
        yield _("codecs: {faults}; last: {reason}", faults=faults, reason=heard(worker["reason"]))


def _buffer(status: dict[str, Any]) -> Row:
    level: Level = "ok"
    said = _("{n} not yet acknowledged", n=number(status["backlog"]))
    if status["lost"]:
        level = "bad"
        said += _(
            "; {n} GIVEN UP: the buffer was full or they were too old", n=number(status["lost"])
        )
    archive = status["archive"]
    more = [_archive(archive)] if any(archive.values()) else []
    if disk_fails(status):
        level = "bad"
        said += _("; the disk is failing: {reason}", reason=heard(status["store"]["reason"]))
        more.append(_failing(status["store"]))
    if kept := ", ".join(status.get("store", {}).get("quarantined", ())):
        more.append(_("databases that were put aside are in gateway.state_dir: {kept}", kept=kept))
    if status.get("store", {}).get("uncopied"):
        more.append(
            _("no room for a copy before the upgrade: the version before cannot read the database")
        )
    return Row("bad" if archive["damaged"] else level, _("Buffer"), said, (*more,))


def _failing(store: dict[str, Any]) -> str:
    alone = plural("{n} reading is nowhere else", "{n} readings are nowhere else",
                   store["memory_records"])  # fmt: skip
    return _(
        "readings go on from memory, {alone}; nobody joins, orders are refused; tried again"
        " {n} times", alone=alone, n=number(store["retries"]),
    )  # fmt: skip


def _archive(archive: dict[str, Any]) -> str:
    """What the city has, and may ask for once more."""
    told = _("archive: {n} delivered", n=number(archive["readings"]))
    told += f", {size(archive['bytes'])}"
    if archive["from"] is not None:
        begins, ends = moment(archive["from"]), moment(archive["to"])
        told += _(", from {begins} to {ends}", begins=begins, ends=ends)
    told += _(", {n} given up", n=number(archive["given_up"])) if archive["given_up"] else ""
    told += _(", {n} DAMAGED", n=number(archive["damaged"])) if archive["damaged"] else ""
    told += _(", replays waiting: {n}", n=number(archive["replays"])) if archive["replays"] else ""
    return told


def _broker(city: dict[str, Any]) -> Row:
    connected = city["state"] == "connected"
    said = _("connected") if connected else _("not connected")
    if city.get("seconds") is not None:
        said += _(" for {span}", span=span(city["seconds"]))
    said += _because(city)
    url = city.get("url")
    more = [url] if url and url not in said else []
    level: Level = "ok" if connected else "bad"
    if connected and not city["commands"]:
        level = "note"
        more.append(_("lets no command through: check its access list"))
    if (left := city.get("paused")) is not None:
        level = "note"
        more.append(_("PAUSED: goes on in {span}, or with: kogge forward resume", span=span(left)))
    if city.get("parked"):
        level = "bad"
        parked = number(city["parked"])
        more.append(_("PARKED: the broker refuses {n} for good (journalctl -u kogge)", n=parked))
    if warnings := city.get("warnings", ()):
        level = "note" if level == "ok" else level
        more.extend(map(heard, warnings))
    return Row(level, _("Broker"), said, (*more,))


def _clock(status: dict[str, Any]) -> Row:
    quality = status["time_quality"]
    if quality == "unsynchronised":
        said = _("not set since power-up: readings are dated once it is (timedatectl)")
        return Row("note", _("Clock"), said)
    at = "" if status.get("now") is None else f"{moment(status['now'])}, "
    return Row("ok", _("Clock"), f"{at}{_(CLOCKS[quality])}")


def _versions(status: dict[str, Any]) -> Row:
    said = f"Kogge {status['version']}"
    machine = status.get("machine") or {}
    if machine:
        said += f", Python {machine['python']}, Linux {machine['kernel']}"
    more = []
    if status.get("up") is not None:
        more.append(_("the daemon runs for {span}", span=span(status["up"])))
    if machine.get("up") is not None:
        more.append(_("the machine for {span}", span=span(machine["up"])))
    return Row("ok", _("Versions"), said, (", ".join(more),) if more else ())


def named(status: dict[str, Any]) -> str:
    name = status["name"] or _("gateway")
    if status["gateway"]:
        return f"{name} {status['gateway']}"
    return _("{name} without an EUI yet", name=name)


def _softer(level: Level) -> Level:
    """The daemon alone says that it is broken; a bad part is a reason to look."""
    return "note" if level == "bad" else level


def _because(part: dict[str, Any]) -> str:
    return f": {heard(part['reason'])}" if part["reason"] else ""
