"""`kogge doctor`: what is wrong, what it means, what to do. Exit 0 all well, 1 look here, 2 bad.

With the daemon up or down; what only root may see is `?`, with the command that shows it.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.cli.language import _, mark, plural
from gateway.cli.screen import Level, Row, Style, heading, rows, style_for, worst
from gateway.cli.status import arguments_for_the_socket

if TYPE_CHECKING:
    from gateway.doctor.finding import Found, Known

HELP = mark("Check after check: what was found, what it means, what to do next.")
EXIT: Final[dict[Level, int]] = {"ok": 0, "note": 1, "bad": 2}


def arguments(parser: argparse.ArgumentParser) -> None:
    arguments_for_the_socket(parser)
    parser.add_argument("--plain", action="store_true", help="no colours, one line a part")
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway.doctor.examine import examine

    begun, found = time.monotonic(), []
    style = style_for(sys.stdout, os.environ, args.plain)
    for one in examine(known(args)):
        found.append(one)
        if not args.json:
            print("\n".join(rows([row(one)], style)), flush=True)
    level = worst(one.finding.level for one in found)
    if args.json:
        print(json.dumps(told(found, time.monotonic() - begun)))
    else:
        print("\n" + "\n".join(heading(conclusion(found), level, style)))
    return EXIT[level]


def screen(found: Iterable["Found"], style: Style) -> Iterator[str]:
    """All that `run` prints."""
    told = list(found)
    yield from rows(map(row, told), style)
    yield ""
    yield from heading(conclusion(told), worst(one.finding.level for one in told), style)


def row(found: "Found") -> Row:
    check, finding = found
    more = []
    if finding.means:
        more.append(_("Means: {means}", means=finding.means))
    if finding.do:
        more.append(_("Do: {do}", do=finding.do))
    return Row(finding.level, _(check.title), finding.what, (*more,), wide=True)


def conclusion(found: Iterable["Found"]) -> str:
    """The last sentence: how many are bad, and which to begin with."""
    levels = [(one.finding.level, _(one.check.title)) for one in found]
    bad = [title for level, title in levels if level == "bad"]
    notes = [title for level, title in levels if level == "note"]
    if not bad and not notes:
        return _("All is well.")
    said = []
    if bad:
        said.append(plural("{n} check is bad", "{n} checks are bad", len(bad)))
    if notes:
        said.append(plural("{n} is worth a look", "{n} are worth a look", len(notes)))
    return _("{said}. Begin with: {first}.", said=", ".join(said), first=(bad or notes)[0])


def told(found: Iterable["Found"], seconds: float) -> dict[str, Any]:
    """As config/schema/cli/doctor.json has it."""
    findings = [{"check": one.check.name, **one.finding._asdict()} for one in found]
    return {
        "v": 1,
        "health": worst(finding["level"] for finding in findings),
        "findings": findings,
        "seconds": round(seconds, 3),
    }


def known(args: argparse.Namespace) -> "Known":
    """What every check may ask for; nothing here waits long. Raises PermissionError: to who may not
    ask the daemon or read its files it would look as if nothing ran.
    """
    from gateway import clock, files, settings
    from gateway.diagnostics import machine
    from gateway.doctor.finding import Known
    from gateway.errors import GatewayError

    file = args.config or files.DEFAULT_FILE
    found, problem, warnings = None, "", []
    try:
        found = settings.load(file)
        warnings = settings.warnings(found)
    except GatewayError as error:
        problem = str(error)
    status, status_problem = _daemon(args, found.config.gateway.control_socket if found else None)
    source = found.config.clock.source if found else "auto"
    now = clock.Clock(clock.Trust(source, clock.was_synchronised()), clock.boot_id()).now()
    state_dir = status.get("state_dir") if status else None
    if state_dir is None and found is not None:
        state_dir = found.config.gateway.state_dir
    looked = machine.look(state_dir, status.get("pid") if status else None)
    return Known(file, found, problem, (*warnings,), status, status_problem, looked,
                 now.time_quality, now.at)  # fmt: skip


def _daemon(args: argparse.Namespace, socket: str | None) -> tuple[dict[str, Any] | None, str]:
    from gateway.diagnostics.client import ask
    from gateway.errors import ControlError
    from gateway.files import DEFAULT_CONTROL_SOCKET

    path = args.socket or Path(socket or DEFAULT_CONTROL_SOCKET)
    try:
        return ask(path, "status"), ""
    except ControlError as error:
        return None, str(error)
