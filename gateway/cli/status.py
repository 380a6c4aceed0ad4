"""`kogge status`: how the daemon is. Exit 0 healthy, 1 degraded, 2 broken, 69 no daemon."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HELP = "How the daemon is: radio, line to the city, backlog, counts."

EXIT = {"healthy": 0, "degraded": 1, "broken": 2}


def arguments(parser: argparse.ArgumentParser) -> None:
    arguments_for_the_socket(parser)
    parser.add_argument("--json", action="store_true", help="one object as the last line")


def arguments_for_the_socket(parser: argparse.ArgumentParser) -> None:
    """How to say which daemon is meant; read by `socket_path`."""
    parser.add_argument(
        "--config", type=Path, default=None, metavar="FILE", help="instead of /etc/kogge/kogge.toml"
    )
    parser.add_argument(
        "--socket", type=Path, default=None, metavar="PATH", help="instead of the one in kogge.toml"
    )


def run(args: argparse.Namespace) -> int:
    from gateway.diagnostics.client import ask

    status = ask(socket_path(args), "status")
    print(json.dumps(status) if args.json else "\n".join(lines(status)))
    return EXIT[status["health"]]


def socket_path(args: argparse.Namespace) -> Path:
    """--socket, else what kogge.toml says."""
    if args.socket:
        return Path(args.socket)
    from gateway.files import DEFAULT_FILE, control_socket

    return control_socket(args.config or DEFAULT_FILE)


def lines(status: dict[str, Any]) -> Iterator[str]:
    """The status as a technician reads it."""
    radio, city, counts = status["radio"], status["city"], status["counts"]
    name = status["name"] or "gateway"
    yield f"{name} {status['gateway']}, Kogge {status['version']}: {status['health']}"
    yield f"  radio    {radio['state']}{_because(radio)}"
    if radio["model"]:
        heat = "" if radio["temperature"] is None else f", {radio['temperature']:.1f} °C"
        yield f"           {radio['model']}, {radio['firmware']}{heat}, starts {radio['starts']}"
    yield from _faults(radio)
    yield f"  city     {city['state']}{_because(city)}{_deaf(city)}"
    yield f"  backlog  {status['backlog']} not yet acknowledged{_given_up(status['lost'])}"
    yield f"  clock    {status['time_quality']}"
    heard = f"{counts['readings']}, joins {counts['joins']}, devices {status['devices']}"
    yield f"  readings {heard}{_waiting(status)}"
    drops = ", ".join(f"{reason} {n}" for reason, n in sorted(status["drops"].items()))
    yield f"  drops    {drops or 'none'}"
    if status["stuck"]:
        yield f"  STUCK    {', '.join(status['stuck'])}"


def _faults(radio: dict[str, Any]) -> Iterator[str]:
    """What ailed the radio, also after it has healed itself."""
    if radio["faults"]:
        counted = ", ".join(f"{kind} {n}" for kind, n in sorted(radio["faults"].items()))
        last = "" if radio["reason"] else f"; last{_when(radio)}: {radio['last_reason']}"
        yield f"  faults   {counted}, restarts {radio['restarts']}{last}"


def _when(radio: dict[str, Any]) -> str:
    from gateway.clock import rfc3339

    at = radio["last_fault_at"]
    return "" if at is None else f" {rfc3339(at)}"


def _given_up(records: int) -> str:
    """D3: what did not fit into the buffer any more; the city got a gap event for it."""
    return f", {records} GIVEN UP: the buffer was full or they were too old" if records else ""


def _waiting(status: dict[str, Any]) -> str:
    """The city's downlinks without a final result."""
    return f", downlinks waiting {status['downlinks']}" if status["downlinks"] else ""


def _deaf(city: dict[str, Any]) -> str:
    is_deaf = city["state"] == "connected" and not city["commands"]
    return ", but lets no command through: check its access list" if is_deaf else ""


def _because(part: dict[str, Any]) -> str:
    return f": {part['reason']}" if part["reason"] else ""
