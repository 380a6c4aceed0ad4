"""What `kogge report` asks of whom: each part by itself, so that what is broken hides nothing else.

A part that cannot be had is absent, with the reason. Nothing here is scrubbed yet.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.cli import devices_known
from gateway.cli.language import _
from gateway.doctor.finding import Found
from gateway.doctor.programs import said
from gateway.errors import ControlError, GatewayError
from gateway.history import Sample

T = TypeVar("T")
Line = dict[str, Any]

LOG_LINES: Final = "5000"
LOG_SECONDS: Final = 20.0  # a slow card
LOG_CHARACTERS: Final = 2 << 20
LINE_CHARACTERS: Final = 1000
UNKNOWN_OP: Final = "not understood"


@dataclass
class Parts:
    """`status` is the daemon's, or with `health` "down" what is known without it; `at` is Unix
    seconds, None while nobody knows; `absent` by the name of the file that it would be.
    """

    status: Line
    at: float | None
    findings: list[Found]
    config: Line = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    signals: list[Line] = field(default_factory=list)
    devices: list[Line] = field(default_factory=list)
    database: Line = field(default_factory=dict)
    metrics: str = ""
    log: str = ""
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def is_up(self) -> bool:
        return bool(self.status["health"] != "down")

    def ask(self, name: str, work: Callable[[], T], otherwise: T) -> T:
        try:
            return work()
        except (GatewayError, PermissionError) as error:
            self.absent[name] = str(error)
            return otherwise


def collected(args: argparse.Namespace, file: Path, socket: Path) -> Parts:
    """Raises PermissionError: this user may not ask the daemon."""
    from gateway.cli import doctor
    from gateway.doctor.examine import examine

    status = _status(args, socket)
    known = doctor.known(args)
    found = Parts(status, known.at, list(examine(known)))
    found.config = found.ask("config.json", lambda: _config(file), {})
    found.samples = found.ask("history.csv", lambda: _samples(args, found, file), [])
    found.signals = found.ask("signals.json", lambda: _signals(args, found, file), [])
    found.devices = found.ask("devices.json", lambda: devices_known.known(args).devices, [])
    found.database = found.ask("database.json", lambda: _database(args, found, file), {})
    found.metrics = found.ask("metrics.txt", lambda: _metrics(args, found), "")
    found.log = found.ask("log.txt", _log, "")
    return found


def _status(args: argparse.Namespace, socket: Path) -> Line:
    from gateway.cli import status, status_down

    try:
        return status.asked(socket)
    except ControlError as error:
        return status_down.known(args.config, socket, error)


def _config(file: Path) -> Line:
    """What counts, defaults too. The user's name may be a token."""
    from gateway import config

    told = config.told(config.load(file))
    if told["mqtt"]["username"]:
        told["mqtt"]["username"] = "(set)"
    return told


def _samples(args: argparse.Namespace, found: Parts, file: Path) -> list[Sample]:
    if not found.is_up:
        from gateway.files import database
        from gateway.report import at_rest

        return at_rest.samples(database(file))
    lines = devices_known.lines(args, "history")
    return [Sample(*one) for line in lines for one in line.get("samples", ())]


def _signals(args: argparse.Namespace, found: Parts, file: Path) -> list[Line]:
    if not found.is_up:
        from gateway.files import database
        from gateway.report import at_rest

        return at_rest.signals(database(file))
    lines = devices_known.lines(args, "devices", action="signals")
    return [one for line in lines for one in line.get("signals", ())]


def _database(args: argparse.Namespace, found: Parts, file: Path) -> Line:
    from gateway.cli import buffer_at_rest
    from gateway.cli.status import socket_path
    from gateway.diagnostics.client import ask

    if found.is_up:
        return ask(socket_path(args), "buffer", action="status")
    return next(buffer_at_rest.lines(file, {"action": "status"}))


def _metrics(args: argparse.Namespace, found: Parts) -> str:
    from gateway.cli.status import socket_path
    from gateway.diagnostics.client import ask

    if not found.is_up:
        raise ControlError(_("the daemon does not run"))
    answer = ask(socket_path(args), "metrics")
    if UNKNOWN_OP in answer.get("error", ""):
        raise ControlError(_("this daemon knows no metrics"))
    return str(answer.get("text", ""))


def _log() -> str:
    """The service's last words, the newest of them if there are too many."""
    command = ("journalctl", "-u", "kogge", "-n", LOG_LINES, "-o", "short-iso")
    lines = said(*command, "-q", "--no-pager", seconds=LOG_SECONDS)
    if not lines:
        raise ControlError(_("the service has no journal, or this user may not read it: use sudo"))
    return "\n".join(map(cut, lines))[-LOG_CHARACTERS:] + "\n"


def cut(line: str) -> str:
    """What is longer than any line of ours ends before a word: no half of a secret is left."""
    if len(line) <= LINE_CHARACTERS:
        return line
    return line[:LINE_CHARACTERS].rpartition(" ")[0] + " …"
