"""`kogge radio info` and `start`: what the board is, and how its start goes, step by step.

`info` asks a running daemon first, unless a port was named: the daemon has the port, and knows.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from drivers.concentrator import (
    COUNTER_MODULUS,
    ChipError,
    Concentrator,
    ConcentratorStatus,
    CounterUnknown,
    DriverError,
)
from drivers.sx1302 import firmware
from drivers.sx1302.concentrator import Sx1302
from gateway.cli import EX_FAILED, codes, say
from gateway.cli.heard import heard
from gateway.cli.language import _, mark, number
from gateway.cli.radio_bench import Bench, explained, started
from gateway.cli.screen import tell
from gateway.diagnostics.client import ask
from gateway.errors import ControlError

SYS_TTY = Path("/sys/class/tty")
PULSE = 1.1  # s within which a GPS gives its pulse
STEPS = {"images": mark("images"), "start": mark("start"), "counter": mark("counter")}
COUNTED = 0.2  # s of the counter that are watched


async def ask_chip(bench: Bench) -> dict[str, Any]:
    """Start the board and ask it; raises DriverError."""
    async with started(bench.concentrator):
        await asyncio.sleep(PULSE)
        with contextlib.suppress(CounterUnknown):
            await bench.concentrator.counter()  # with it come the pulses
        return chip_report(bench.concentrator.status())


def ask_daemon(bench: Bench) -> dict[str, Any] | None:
    """What a running daemon knows of its board; None where nobody answers."""
    try:
        status = ask(Path(bench.configuration.gateway.control_socket), "status")
    except (ControlError, PermissionError):
        return None
    return daemon_report(status)


def chip_report(status: ConcentratorStatus) -> dict[str, Any]:
    return {
        "asked": "chip",
        "state": "receiving",
        "reason": "",
        "eui": None if status.eui is None else f"{status.eui:016x}",
        "model": status.model,
        "firmware": status.firmware,
        "temperature": status.temperature,
        "pulses": status.pulses,
    }


def daemon_report(status: dict[str, Any]) -> dict[str, Any]:
    """The same from a daemon's status; its EUI is the gateway's."""
    radio = status["radio"]
    known = {name: radio[name] for name in ("state", "reason", "model", "firmware", "temperature")}
    return {"asked": "daemon", "eui": status["gateway"], "pulses": None, **known}


def show(bench: Bench, report: dict[str, Any], as_json: bool) -> int:
    wanted = bench.wanted
    where = {"port": wanted.port, "usb": usb(wanted.port), "board": wanted.board}
    report = {**report, **where, "region": wanted.region}
    tell(json.dumps(report) if as_json else "\n".join(info_lines(report)))
    return 0 if report["state"] == "receiving" else EX_FAILED


def info_lines(report: dict[str, Any]) -> Iterator[str]:
    """The report for a reader."""
    heat, unknown = report["temperature"], _("unknown")
    reason = f": {heard(report['reason'])}" if report["reason"] else ""
    source = _(" (the daemon says so)") if report["asked"] == "daemon" else ""
    facts = (
        (_("state"), f"{codes.word(report['state'], codes.STATES)}{reason}{source}"),
        (_("model"), report["model"] or unknown),
        ("EUI", report["eui"] or unknown),
        (_("firmware"), codes.firmware(report["firmware"]) or unknown),
        (_("temperature"), unknown if heat is None else f"{number(heat, 1)} °C"),
        ("PPS", pulse_words(report["pulses"])),
        (_("port"), report["port"]),
        ("USB", report["usb"] or _("not a USB port")),
        (_("board"), f"{report['board']}, {report['region']}"),
    )
    yield from (f"  {name:12} {text}" for name, text in facts)


def pulse_words(pulses: int | None) -> str:
    if pulses is None:
        return _("not asked")
    return _("pulses come") if pulses else _("no pulse: no GPS, or it has no fix yet")


def usb(port: str, tty: Path = SYS_TTY) -> str | None:
    """Vendor and product id, product, and the socket of a USB serial port; None of another."""
    device = (tty / Path(port).resolve().name / "device").resolve()
    for place in (device, *device.parents):
        if (place / "idVendor").is_file():
            ids = f"{_text(place / 'idVendor')}:{_text(place / 'idProduct')}"
            return f"{ids} {_text(place / 'product')} at {place.name}".replace("  ", " ")
    return None


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""


class Step(NamedTuple):
    """One step of a start: what it does, and does it; returns what is to be said of it."""

    name: str
    do: Callable[[], Awaitable[str]]


def steps(bench: Bench) -> Iterator[Step]:
    has_chip = isinstance(bench.concentrator, Sx1302)
    if has_chip:
        yield Step("images", partial(_images, bench))
    yield Step("start", partial(_start, bench.concentrator))
    if has_chip:
        yield Step("counter", partial(_counter, bench.concentrator))


async def _images(bench: Bench) -> str:
    directory = Path(bench.wanted.firmware_dir)
    load = partial(firmware.load, directory, check=bench.wanted.firmware_check)
    if (await asyncio.to_thread(load)).verified:
        return _("verified, in {directory}", directory=directory)
    return _("NOT verified, in {directory}", directory=directory)


async def _start(concentrator: Concentrator) -> str:
    await concentrator.start()
    status = concentrator.status()
    return f"{status.model}, {codes.firmware(status.firmware)}"


async def _counter(concentrator: Concentrator) -> str:
    """Whether the chip's clock runs, and at its pace: everything that is timed rests on it."""
    first, begun = await concentrator.counter(), time.monotonic()
    await asyncio.sleep(COUNTED)
    second, elapsed = await concentrator.counter(), time.monotonic() - begun
    counted = (second.us - first.us) % COUNTER_MODULUS / 1e6
    if abs(counted - elapsed) > COUNTED / 2:
        raise ChipError(f"the chip's counter went on by {counted:.3f} s in {elapsed:.3f} s")
    ms, of = number(counted * 1000), number(elapsed * 1000)
    return _("{counted} ms in {elapsed} ms", counted=ms, elapsed=of)


async def start(bench: Bench, as_json: bool) -> int:
    """Bring the board up once, step by step, and switch it off again."""
    begun = time.monotonic()
    done: list[dict[str, Any]] = []
    code = 0
    try:
        for step in steps(bench):
            taken, code = await _take(step, bench.wanted.port)
            done.append(taken)
            if not as_json:
                tell(step_line(taken), flush=True)
            if code:
                break
        seconds = time.monotonic() - begun
    finally:
        await bench.concentrator.stop()
    _conclude(done, round(seconds, 3), as_json)
    return code


async def _take(step: Step, port: str) -> tuple[dict[str, Any], int]:
    begun = time.monotonic()
    try:
        said, code = await step.do(), 0
    except DriverError as error:
        said, code = explained(error, port)
    seconds = round(time.monotonic() - begun, 3)
    return {"step": step.name, "ok": code == 0, "seconds": seconds, "said": said}, code


def step_line(step: dict[str, Any]) -> str:
    result = _("ok") if step["ok"] else _("FAILED")
    took = number(step["seconds"], 2)
    return f"  {_(STEPS[step['step']]):8} {took:>6} s  {result}: {step['said']}"


def _conclude(done: list[dict[str, Any]], seconds: float, as_json: bool) -> None:
    last = done[-1]
    up, reason = last["ok"], "" if last["ok"] else last["said"]
    if as_json:
        print(json.dumps({"up": up, "seconds": seconds, "reason": reason, "steps": done}))
    elif up:
        tell(_("up in {seconds} s", seconds=number(seconds, 1)))
    if not up:
        say(_("not up after {seconds} s: {why}", seconds=number(seconds, 1), why=reason))
