"""`kogge status`: how the gateway is. Exit 0 healthy, 1 degraded, 2 broken, 69 no daemon.

Without a daemon it says so, and what can be known all the same.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from gateway.cli.language import mark
from gateway.errors import ControlError

HELP = mark("How the gateway is: a verdict, radio, broker, what waits, disk, clock.")

EXIT = {"healthy": 0, "degraded": 1, "broken": 2, "down": 69}
WATCH_SECONDS: Final = 2.0
CLEAR: Final = "\x1b[H\x1b[2J"


def arguments(parser: argparse.ArgumentParser) -> None:
    arguments_for_the_socket(parser)
    parser.add_argument("--watch", action="store_true", help="again every 2 s, until Ctrl-C")
    parser.add_argument("--plain", action="store_true", help="no colours, one line a part")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one object as the last line")
    form.add_argument("--metrics", action="store_true", help="the metrics as Prometheus has them")


def arguments_for_the_socket(parser: argparse.ArgumentParser) -> None:
    """How to say which daemon is meant; read by `socket_path`."""
    argument_for_the_config(parser)
    parser.add_argument(
        "--socket", type=Path, default=None, metavar="PATH", help="instead of the one in kogge.toml"
    )


def argument_for_the_config(parser: argparse.ArgumentParser) -> None:
    """For what asks no daemon."""
    parser.add_argument(
        "--config", type=Path, default=None, metavar="FILE", help="instead of /etc/kogge/kogge.toml"
    )


def socket_path(args: argparse.Namespace) -> Path:
    """--socket, else what kogge.toml says."""
    if args.socket:
        return Path(args.socket)
    from gateway.files import DEFAULT_FILE, control_socket

    return control_socket(args.config or DEFAULT_FILE)


def run(args: argparse.Namespace) -> int:
    path = socket_path(args)
    if args.metrics:
        return metrics(path)
    code, text = shown(args, path)
    print(text, flush=True)
    try:
        while args.watch:
            time.sleep(WATCH_SECONDS)
            code, text = shown(args, path)
            print(text, flush=True)
    except KeyboardInterrupt:
        print()
    return code


def shown(args: argparse.Namespace, path: Path) -> tuple[int, str]:
    """One screen and its exit code: known before it is seen, so that Ctrl-C ends with it."""
    from gateway.cli.screen import Style, style_for

    style = Style() if args.json else style_for(sys.stdout, os.environ, args.plain)
    try:
        status = asked(path)
    except ControlError as error:
        from gateway.cli import complain, status_down

        status = status_down.known(args.config, path, error)
        complain(error, EXIT["down"])
        lines = status_down.screen(status, style)
    else:
        from gateway.cli.status_screen import screen

        lines = screen(status, style)
    clear = CLEAR if args.watch and style.width is not None else ""
    text = json.dumps(status) if args.json else "\n".join(lines)
    return EXIT[status["health"]], clear + text


def metrics(path: Path) -> int:
    """docs/metrics.md. Raises ControlError, PermissionError."""
    from gateway.diagnostics.client import ask

    print(ask(path, "metrics")["text"], end="")
    return 0


def asked(path: Path) -> dict[str, Any]:
    """What the daemon knows, and how the machine is. Raises ControlError, PermissionError."""
    from gateway.diagnostics import machine
    from gateway.diagnostics.client import ask

    status = ask(path, "status")
    return {
        **status,
        "machine": machine.told(machine.look(status.get("state_dir"), status.get("pid"))),
    }
