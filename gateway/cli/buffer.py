"""`kogge buffer`: what waits for the city, and what it has had. Asks the daemon, or reads the
database of one that has stopped.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.cli import EX_FAILED, EX_PERMISSION, EX_USAGE, complain, say
from gateway.cli.buffer_words import exported, listed, purged, standing, verified
from gateway.cli.heard import heard
from gateway.cli.language import _
from gateway.cli.progress import Progress
from gateway.cli.screen import tell
from gateway.cli.status import arguments_for_the_socket, socket_path
from gateway.cli.whole_or_not import point_of_no_return
from gateway.errors import ControlError

HELP = "What waits for the city, and the archive of what it has had: look at it, export it."

ANSWERS_WITHIN = 60.0  # seconds for each line


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    asking = actions.add_parser("status", help="how much, how old, how much room")
    listing = actions.add_parser("list", help="readings and events that wait")
    order = listing.add_mutually_exclusive_group()
    order.add_argument("--newest", action="store_true", help="newest first (default)")
    order.add_argument("--oldest", action="store_true", help="oldest first")
    listing.add_argument("--limit", type=_positive, default=20, metavar="N", help="20")
    exporting = actions.add_parser("export", help="write them to a file")
    _arguments_for_export(exporting)
    verifying = actions.add_parser("verify", help="whether all of it can be read; exit 1 if not")
    purging = actions.add_parser("purge", help="give up readings that the city has not had")
    _arguments_for_purge(purging)
    repairing = actions.add_parser("repair", help="save what can be read of a damaged database")
    for action in (listing, exporting):
        action.add_argument("--device", metavar="DEVEUI|NAME", help="of one device alone")
        action.add_argument("--from", dest="begins", type=_time, metavar="TIME", help="RFC 3339")
        action.add_argument("--to", dest="ends", type=_time, metavar="TIME", help="before it")
    for action in (asking, listing, exporting, verifying, purging, repairing):
        arguments_for_the_socket(action)
        action.add_argument("--json", action="store_true", help="one object a line")


def _arguments_for_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="which is made or replaced; - is stdout")
    kind = parser.add_mutually_exclusive_group(required=True)
    for name, what in (
        ("csv", "one row a reading"),
        ("jsonl", "one reading a line, as the city gets it"),
        ("sqlite", "a database: reading, measurement, event"),
    ):
        kind.add_argument(f"--{name}", dest="kind", action="store_const", const=name, help=what)
    parser.add_argument(
        "--archive", action="store_true", help="also what the city has had, as far as it is kept"
    )


def _arguments_for_purge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", metavar="DEVEUI|NAME", help="of one device alone")
    parser.add_argument(
        "--before", dest="ends", type=_time, metavar="TIME", help="received before it"
    )
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument(
        "--archive", action="store_true", help="also of the archive, by time or all"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    actions = {
        "status": _status,
        "list": _list,
        "export": _export,
        "verify": _verify,
        "purge": _purge,
        "repair": _repair,
    }
    return actions[args.action](args)


def _status(args: argparse.Namespace) -> int:
    found = next(_lines(args, {"action": "status"}))
    tell(json.dumps(found) if args.json else "\n".join(standing(found)))
    return 0


def _list(args: argparse.Namespace) -> int:
    wish = _wish(args) | {"newest": not args.oldest, "limit": args.limit}
    found = False
    with Progress(_("reading the buffer")) as progress:
        for line in _lines(args, wish):
            progress.at(line.get("passed", 0), line.get("of", 0))
            for record in line.get("records", ()):
                found = True
                with progress.aside():
                    tell(json.dumps(record) if args.json else listed(record))
    if not (found or args.json):
        say(_("no record of what was asked for"))
    return 0


def _export(args: argparse.Namespace) -> int:
    from gateway.cli.buffer_files import output

    if args.kind == "sqlite" and args.file == "-":
        return complain(_("a database needs a file: it is not written to stdout"), EX_USAGE)
    to = None if args.file == "-" else Path(args.file)
    wish = _wish(args) | {"archive": args.archive, "events": args.kind == "sqlite"}
    try:
        with output(args.kind, to) as sink:
            done = _written(args, wish, sink)
    except OSError as error:
        if isinstance(error, BrokenPipeError) or error.errno is None:
            raise
        told = _("{file} cannot be written: {why}", file=args.file, why=heard(error.strerror or ""))
        return complain(told, EX_PERMISSION if isinstance(error, PermissionError) else EX_FAILED)
    _say(args, done)
    return EX_FAILED if done["damaged"] or done["gone"] else 0


def _verify(args: argparse.Namespace) -> int:
    done: dict[str, Any] = {}
    with Progress(_("reading the buffer")) as progress:
        for line in _lines(args, {"action": "verify"}):
            progress.at(line.get("passed", 0), line.get("of", 0))
            done = line.get("done", done)
    tell(json.dumps(done) if args.json else "\n".join(verified(done)))
    return 0 if done["ok"] else EX_FAILED


def _purge(args: argparse.Namespace) -> int:
    from gateway.diagnostics.client import ask

    if args.all == (args.device is not None or args.ends is not None):
        return complain(_("name what to purge: --device, --before, or --all"), EX_USAGE)
    if args.archive and args.device is not None:
        return complain(_("the archive goes in whole blocks: without --device"), EX_USAGE)
    if not args.yes:
        ask(socket_path(args), "status")  # whom no daemon obeys is not asked
        if not _is_sure():
            return complain(_("nothing was purged"), EX_FAILED)
    wish = {"action": "purge", "all": args.all, "ends": args.ends, "archive": args.archive}
    with Progress(_("purging")):
        (line,) = _lines(args, wish | {"device": _device(args)})
    done = line["done"]
    tell(json.dumps(done) if args.json else purged(done))
    return 0


def _repair(args: argparse.Namespace) -> int:
    from gateway.diagnostics.client import ask
    from gateway.files import DEFAULT_FILE, database
    from gateway.store import at_rest

    with suppress(ControlError):
        ask(socket_path(args), "status")
        told = _(
            "the daemon runs, and has the database: stop it first (sudo systemctl stop kogge)."
            " It repairs what it finds damaged at its start by itself"
        )
        return complain(told, EX_FAILED)
    with point_of_no_return() as reached, Progress(_("repairing the database")):
        done = at_rest.repair(database(args.config or DEFAULT_FILE), reached)
    if args.json:
        print(json.dumps({"repaired": done is not None, "what": done or ""}))
    else:
        tell(heard(done) if done else _("nothing is damaged: nothing was changed"))
    return 0


def _is_sure() -> bool:
    question = _(
        "The city will never get the readings that you purge; it is told how many are missing.\n"
        "Type yes to purge them: "
    )
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() in ("yes", _("yes"))


def _written(args: argparse.Namespace, wish: dict[str, Any], sink: Any) -> dict[str, Any]:
    done: dict[str, Any] = {}
    with Progress(_("exporting")) as progress:
        for line in _lines(args, wish):
            records = line.get("records", [])
            events = [record for record in records if "type" in record]
            sink.add([record for record in records if "type" not in record], events)
            done = line.get("done", done)
            progress.at(line.get("passed", 0), line.get("of", 0))
    return done


def _say(args: argparse.Namespace, done: dict[str, Any]) -> None:
    if args.file != "-" and args.json:
        print(json.dumps({"file": args.file, **done}))
        return
    say(exported(done, args.file))


def _wish(args: argparse.Namespace) -> dict[str, Any]:
    return {"action": "records", "device": _device(args), "begins": args.begins, "ends": args.ends}


def _device(args: argparse.Namespace) -> str | None:
    """Whose readings; None: everybody's. Raises NotMeant."""
    from gateway.cli.devices_known import of_daemon_or_file
    from gateway.cli.devices_meant import dev_eui_in, dev_eui_of

    if args.device is None:
        return None
    return dev_eui_in(args.device) or dev_eui_of(args.device, of_daemon_or_file(args))


def _lines(args: argparse.Namespace, wish: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer to its end, whoever gives it."""
    from gateway.diagnostics.client import stream

    lines = stream(socket_path(args), "buffer", ANSWERS_WITHIN, **wish)
    try:
        first = next(lines)
    except ControlError:
        if args.socket and not args.config:
            raise
        yield from _at_rest(args, wish)
        return
    while True:
        if "error" in first:
            raise ControlError(f"the daemon refused: {first['error']}")
        yield first
        if not first.keys() & {"records", "passed"}:
            return
        first = next(lines)


def _at_rest(args: argparse.Namespace, wish: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from gateway.cli import buffer_at_rest
    from gateway.files import DEFAULT_FILE

    yield from buffer_at_rest.lines(args.config or DEFAULT_FILE, wish)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number from 1")
    return int(text)


def _time(text: str) -> float:
    from datetime import UTC, datetime

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: give a time such as 2026-03-01T12:00:00Z, or a day"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
