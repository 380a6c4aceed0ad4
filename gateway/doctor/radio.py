"""Checks of the concentrator: its port, who may open it, what answers, what it hears."""

import asyncio
import grp
import os
import pwd
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from drivers.concentrator import ConcentratorStatus, DriverError
from drivers.sx1302.firmware import KNOWN, digest
from drivers.sx1302.noise import ChannelNoise
from gateway.board import hardware
from gateway.cli import codes
from gateway.cli.heard import heard
from gateway.cli.language import _, mark, number, plural, span
from gateway.cli.radio_scan import DISTURBANCE, NO_READING, Meter, verdict
from gateway.doctor.finding import Check, Finding, Group, Known

USER: Final = "kogge"
SERIAL_GROUPS: Final = ("dialout", "plugdev", USER)  # the unit's own, and the udev rule's
CHIP_SECONDS: Final = 8.0
AT_THE_BENCH: Final = mark("measure it: sudo systemctl stop kogge; sudo kogge radio scan")
HOT, VERY_HOT = 75.0, 85.0  # °C; docs/sx1302.md: the chip is made for up to 85


class Radio(NamedTuple):
    """`port` as kogge.toml has it, "" if that is wrong. `chip`: what the board says of itself where
    no daemon has it, `chip_problem` why it does not.
    """

    port: str = ""
    present: bool = False
    owner: str = ""  # the group of the port's file
    allowed: bool = False
    images: tuple[tuple[str, str], ...] = ()  # (name, good | unknown | missing)
    chip: ConcentratorStatus | None = None
    chip_problem: str = ""
    noise: tuple[ChannelNoise, ...] = ()  # measured, by channel


def gather(known: Known) -> Radio:
    if known.settings is None:
        return Radio()
    wanted = known.settings.config.concentrator
    images = tuple((name, _image(Path(wanted.firmware_dir) / name)) for name in KNOWN)
    if "://" in wanted.port:
        found = Radio(wanted.port, True, "", True, images)
    elif not Path(wanted.port).exists():
        return Radio(wanted.port, images=images)
    else:
        file = Path(wanted.port).stat()
        found = Radio(wanted.port, True, _group(file.st_gid), _allowed(wanted.port, file), images)
    if known.status is not None:
        return found
    chip, noise, problem = _asked(known)
    return found._replace(chip=chip, noise=noise, chip_problem=problem)


def _image(file: Path) -> str:
    try:
        return "good" if digest(file.read_bytes()) == KNOWN[file.name] else "unknown"
    except OSError:
        return "missing"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _allowed(port: str, file: os.stat_result) -> bool:
    """Whether the service's user may open it; where there is none, this one."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        return os.access(port, os.R_OK | os.W_OK)
    name = _group(file.st_gid)
    member = file.st_gid == user.pw_gid or name in SERIAL_GROUPS or _is_member(name)
    wide = stat.S_IROTH | stat.S_IWOTH
    return (
        file.st_uid == user.pw_uid
        or (member and bool(file.st_mode & stat.S_IWGRP))
        or file.st_mode & wide == wide
    )


def _is_member(group: str) -> bool:
    try:
        return USER in grp.getgrnam(group).gr_mem
    except KeyError:
        return False


def _asked(known: Known) -> tuple[ConcentratorStatus | None, tuple[ChannelNoise, ...], str]:
    """Start the board, measure how loud the air is, and leave it."""
    assert known.settings is not None
    board = hardware.concentrator(known.settings.config.concentrator, known.settings.radio)

    async def ask() -> tuple[ConcentratorStatus, tuple[ChannelNoise, ...]]:
        try:
            async with asyncio.timeout(CHIP_SECONDS):
                await board.start()
                noise = await board.noise() if isinstance(board, Meter) else []
            return board.status(), tuple(noise)
        finally:
            await board.stop()

    try:
        return *asyncio.run(ask()), ""
    except DriverError as error:
        return None, (), str(error)
    except TimeoutError:
        return None, (), _("no answer within {n} s", n=number(CHIP_SECONDS))


def port_present(known: Known, facts: Radio) -> Finding:
    if not facts.port:
        return _no_configuration()
    if facts.present:
        return Finding("ok", _("{port} is there", port=facts.port))
    return Finding(
        "bad",
        _("{port} is not there", port=facts.port),
        _("the board has no power, its cable is loose, or it has another name here"),
        _("push the cable in; then ls /dev/serial/by-id/ and concentrator.port in kogge.toml"),
    )


def port_permission(known: Known, facts: Radio) -> Finding:
    if not facts.port:
        return _no_configuration()
    if not facts.present:
        return Finding("unknown", _("there is no port to open"))
    if facts.allowed or (known.status and known.status["radio"]["state"] == "receiving"):
        return Finding("ok", _("the service may open it"))
    what = _("the service may not open {port}: it belongs to the group {group}", port=facts.port,
             group=facts.owner)  # fmt: skip
    do = _("sudo adduser kogge {group}; sudo systemctl restart kogge", group=facts.owner)
    return Finding("bad", what, _("the radio is not reached"), do)


def board_answers(known: Known, facts: Radio) -> Finding:
    starts = facts.port.startswith("udp://") or not _missing(facts)
    do = _("pull the board's plug, wait 10 s, put it in again; if it stays so: another board")
    if known.status is not None:
        radio = known.status["radio"]
        if radio["state"] == "receiving":
            return Finding("ok", _("the daemon receives with it"))
        means = _("nothing is received; the daemon tries again every few seconds")
        if radio["state"] == "starting":
            return Finding("note", _("the radio is starting"), means)
        do = do if starts else _("the firmware: see below")
        return Finding("bad", heard(radio["reason"]), means, do)
    if facts.chip is not None:
        return Finding("ok", _("it was started, and answers"))
    if facts.chip_problem and not starts:
        return Finding("unknown", _("it does not start without firmware: see below"))
    if facts.chip_problem:
        return Finding("bad", heard(facts.chip_problem), _("nothing can be received"), do)
    return Finding("unknown", _("there is no board to ask"))


def firmware(known: Known, facts: Radio) -> Finding:
    if not facts.port:
        return _no_configuration()
    if facts.port.startswith("udp://"):
        return Finding("ok", _("a packet forwarder brings its own"))
    if missing := _missing(facts):
        means = _("the concentrator cannot be started without Semtech's images")
        return Finding("bad", _("missing: {names}", names=missing), means,
                       _("sudo kogge firmware import PATH of sx1302_hal 2.1.0"))  # fmt: skip
    unknown = ", ".join(name for name, state in facts.images if state == "unknown")
    if unknown:
        means = _("they are not the images of sx1302_hal 2.1.0, which alone are known to work")
        return Finding("note", _("not verified: {names}", names=unknown), means,
                       _("sudo kogge firmware import PATH of sx1302_hal 2.1.0"))  # fmt: skip
    return Finding("ok", _("the images are verified"))


def _missing(facts: Radio) -> str:
    return ", ".join(name for name, state in facts.images if state == "missing")


def chip(known: Known, facts: Radio) -> Finding:
    found = _chip(known, facts)
    if not found.get("model"):
        return Finding("unknown", _("it has not been read"))
    eui = _(", EUI {eui}", eui=found["eui"]) if found["eui"] else ""
    return Finding("ok", f"{found['model']}, {codes.firmware(found['firmware'])}{eui}")


def radio_temperature(known: Known, facts: Radio) -> Finding:
    heat = _chip(known, facts).get("temperature")
    if heat is None:
        return Finding("unknown", _("it has not been read"))
    what = _("the radio has {heat} °C", heat=number(heat, 1))
    if heat < HOT:
        return Finding("ok", what)
    means = _("above 85 °C it hears badly, and ages fast")
    return Finding("bad" if heat >= VERY_HOT else "note", what, means, _("shade, air, a heat sink"))


def noise_floor(known: Known, facts: Radio) -> Finding:
    """Measured where no daemon has the board, else estimated from what it has heard."""
    if known.status is None:
        return _measured(facts.noise)
    found = known.status["radio"].get("heard") or {}
    if found.get("noise") is None:
        return Finding("unknown", _("no packet of the last hour was weak enough to tell it"), "",
                       _(AT_THE_BENCH))  # fmt: skip
    several = plural("{n} weak packet", "{n} weak packets", found["noise_packets"])
    what = _("about {level} dBm in 125 kHz, estimated from {packets} of the last hour",
             level=number(found["noise"]), packets=several)  # fmt: skip
    return _judged(what, verdict(found["noise"]), _(AT_THE_BENCH))


def _measured(noise: Sequence[ChannelNoise]) -> Finding:
    """The loudest channel counts."""
    if not noise:
        return Finding("unknown", _("it has not been measured"))
    low, high = min(one.median for one in noise), max(one.median for one in noise)
    what = plural("{low} to {high} dBm on {n} channel, by the chip's own meter",
                  "{low} to {high} dBm on {n} channels, by the chip's own meter", len(noise),
                  low=number(low), high=number(high))  # fmt: skip
    if verdict(low) == NO_READING:
        return Finding("unknown", _("less than heat alone makes: its meter shows nothing here"))
    return _judged(what, verdict(high), _("which ones: sudo kogge radio scan"))


def _judged(what: str, word: str, where: str) -> Finding:
    if word != DISTURBANCE:
        return Finding("ok", f"{what}: {_(word)}")
    means = _("far devices are not heard: each dB more is a dB of reach less")
    do = _("the antenna away from power supplies, LED drivers and displays; {where}", where=where)
    return Finding("note", f"{what}: {_(word)}", means, do)


def packets(known: Known, facts: Radio) -> Finding:
    heard = known.status and known.status["radio"].get("heard")
    if not heard:
        return Finding("unknown", _("the daemon counts them, and it does not answer"))
    several = plural("{n} packet", "{n} packets", heard["packets"])
    what = _("{packets} in {minutes} min", packets=several, minutes=heard["minutes"])
    if heard["packets"]:
        return Finding("ok", what)
    if heard["seconds"] is None:
        what += "; " + _("none since the daemon's start")
    else:
        what += "; " + _("the last {span} ago", span=span(heard["seconds"]))
    means = _("at night, or with few devices, nothing is wrong; else the antenna is")
    return Finding("note", what, means, _("is the antenna's plug tight? kogge watch; then send"
                                          " something with a device"))  # fmt: skip


def _chip(known: Known, facts: Radio) -> dict[str, Any]:
    """Of the daemon's status, or of what the board has said itself."""
    if known.status is not None:
        found: dict[str, Any] = known.status["radio"]
        return found
    if facts.chip is None:
        return {}
    eui = None if facts.chip.eui is None else f"{facts.chip.eui:016x}"
    one = facts.chip
    return {
        "model": one.model,
        "firmware": one.firmware,
        "temperature": one.temperature,
        "eui": eui,
    }


def _no_configuration() -> Finding:
    return Finding("unknown", _("the configuration does not tell: see above"))


GROUP: Final = Group("radio", gather, (
    Check("port", mark("Port"), port_present),
    Check("port_permission", mark("Permission"), port_permission),
    Check("board", mark("Board"), board_answers),
    Check("firmware", mark("Firmware"), firmware),
    Check("chip", mark("Chip"), chip),
    Check("radio_temperature", mark("Radio's heat"), radio_temperature),
    Check("noise_floor", mark("Noise floor"), noise_floor),
    Check("packets", mark("Packets"), packets),
))  # fmt: skip
