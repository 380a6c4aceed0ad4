"""`kogge report FILE`: one archive for support, with a page to look at, and without secrets."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway import VERSION
from gateway.cli import EX_FAILED, EX_USAGE, complain
from gateway.cli.heard import heard
from gateway.cli.language import _, mark, size
from gateway.cli.progress import Progress
from gateway.cli.screen import Level, Row, Style, tell
from gateway.cli.status import arguments_for_the_socket, socket_path
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.cli.report_parts import Parts
    from gateway.report.page import Facts
    from gateway.report.scrubbing import Scrubber

HELP = mark(
    "One archive for support: status, doctor, log, metrics, configuration and statistics, and a"
    " page with plots that opens without a network. Keys, passwords and payloads are not in it."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="a name that ends in .zip, .tar.gz or .html"
    )
    arguments_for_the_socket(parser)
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import report_parts
    from gateway.files import DEFAULT_FILE
    from gateway.report import archive, scrubbing, secrets

    if archive.kind(args.file) is None:
        wrong = _("{file}: say which kind: FILE.zip, FILE.tar.gz, or FILE.html for the page alone",
                  file=args.file)  # fmt: skip
        return complain(GatewayError(wrong), EX_USAGE)
    file = args.config or DEFAULT_FILE
    if not args.json:
        tell(_("Looking around: ten seconds at most …"), sys.stderr)
    with Progress(_("collecting")):
        parts = report_parts.collected(args, file, socket_path(args))
        scrubber = scrubbing.Scrubber(secrets.known(file))
        files = dict(texts(parts, scrubber))
    try:
        written = archive.write(args.file, files, parts.at, archive.owner())
    except PermissionError:
        raise PermissionError(_("{file} may not be written by this user", file=args.file)) from None
    except OSError as error:
        cannot = _(
            "{file} cannot be written: {why}", file=args.file, why=heard(error.strerror or "")
        )
        return complain(GatewayError(cannot), EX_FAILED)
    absent = scrubber.value(parts.absent)
    tell(_told(args, sorted(files), absent, written))
    return 0


def _told(args: argparse.Namespace, files: list[str], absent: dict[str, str], written: int) -> str:
    if args.json:
        told = {"file": str(args.file), "bytes": written, "files": files, "absent": absent}
        return json.dumps({"v": 1, **told})
    lines = [
        _("{file}: {size}, readable by its owner alone.", file=args.file, size=size(written)),
        _("Names, places and DevEUIs are in it; keys, passwords and payloads are not."),
        *(_("Not in it: {name}: {why}", name=name, why=heard(why)) for name, why in absent.items()),
    ]
    return "\n".join(lines)


def texts(parts: "Parts", scrubber: "Scrubber") -> Iterator[tuple[str, str]]:
    """The archive's files, without secrets."""
    from gateway.cli import doctor, status_down, status_screen
    from gateway.report.page import page
    from gateway.report.tables import history

    def structured(value: Any) -> str:
        return json.dumps(scrubber.value(value), indent=1, ensure_ascii=False) + "\n"

    screen = status_screen.screen if parts.is_up else status_down.screen
    yield "report.html", page(facts(parts, scrubber))
    yield "status.json", structured(parts.status)
    yield "status.txt", scrubber.text("\n".join(screen(parts.status, Style())) + "\n")
    yield "doctor.json", structured(doctor.told(parts.findings, 0.0))
    yield "doctor.txt", scrubber.text("\n".join(doctor.screen(parts.findings, Style())) + "\n")
    for name, value in (
        ("config.json", parts.config),
        ("signals.json", parts.signals),
        ("devices.json", parts.devices),
        ("database.json", parts.database),
    ):
        if name not in parts.absent:
            yield name, structured(value)
    plain = {"history.csv": history(parts.samples), "metrics.txt": parts.metrics,
             "log.txt": parts.log}  # fmt: skip
    for name, text in plain.items():
        if name not in parts.absent:
            yield name, scrubber.text(text)
    if parts.absent:
        yield "absent.json", structured(parts.absent)


def facts(parts: "Parts", scrubber: "Scrubber") -> "Facts":
    """What the page shows; all of it scrubbed."""
    from gateway.cli.status_screen import named
    from gateway.report.page import Facts

    status, clean = parts.status, scrubber.text
    level, verdict, shown = judged(status)
    absent = [(name, clean(why)) for name, why in parts.absent.items()]
    return Facts(
        who=clean(named(status) if parts.is_up else _("a gateway whose daemon does not run")),
        version=VERSION,
        at=parts.at,
        level=level,
        verdict=clean(verdict),
        rows=[_clean_row(row, scrubber) for row in shown],
        findings=[
            one._replace(finding=one.finding._replace(
                what=clean(one.finding.what), means=clean(one.finding.means),
                do=clean(one.finding.do),
            ))
            for one in parts.findings
        ],
        samples=parts.samples,
        signals=scrubber.value(parts.signals),
        absent=absent,
    )  # fmt: skip


def judged(status: dict[str, Any]) -> tuple[Level, str, list[Row]]:
    """As `kogge status` has it: level, verdict, rows."""
    from gateway.cli import status_down, status_screen

    if status["health"] == "down":
        return "bad", status_down.verdict(), list(status_down.parts(status))
    rows = list(status_screen.parts(status))
    verdict, level = status_screen.said_first(status, rows)
    return level, verdict, rows


def _clean_row(row: Row, scrubber: "Scrubber") -> Row:
    return row._replace(
        text=scrubber.text(row.text), more=tuple(scrubber.text(more) for more in row.more)
    )
