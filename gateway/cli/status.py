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
    yield f"{_who(status)}, Kogge {status['version']}: {_how(status)}"
    yield f"  radio    {radio['state']}{_because(radio)}"
    if radio["model"]:
        yield f"           {_board(radio, status['gateway'])}"
    yield from _faults(radio)
    if status["silence"]:
        yield f"  SILENT   {status['silence']}"
    yield f"  city     {city['state']}{_because(city)}{_deaf(city)}"
    yield from _city(city)
    yield f"  backlog  {status['backlog']} not yet acknowledged{_given_up(status['lost'])}"
    yield from _archive(status["archive"])
    yield from _store(status["store"])
    yield f"  clock    {status['time_quality']}"
    heard = f"{counts['readings']}, joins {counts['joins']}, devices {status['devices']}"
    yield f"  readings {heard}{_waiting(status)}"
    yield from _airtime(status["duty_cycle"])
    yield from _joining(status["join"])
    if status["locked"]:
        yield (
            f"  LOCKED   {status['locked']} devices are not heard: their sessions are sealed under"
            " another key (journalctl -u kogge names them)"
        )
    yield from _codecs(status["codec_worker"])
    drops = ", ".join(f"{reason} {n}" for reason, n in sorted(status["drops"].items()))
    yield f"  drops    {drops or 'none'}"
    if status["stuck"]:
        yield f"  STUCK    {', '.join(status['stuck'])}"


def _who(status: dict[str, Any]) -> str:
    name = status["name"] or "gateway"
    return f"{name} {status['gateway']}" if status["gateway"] else f"{name} without an EUI yet"


def _how(status: dict[str, Any]) -> str:
    health: str = status["health"]
    starting = status["radio"]["state"] == "starting"
    return f"{health}, it waits for the radio's first start" if starting else health


def _board(radio: dict[str, Any], gateway: str) -> str:
    """The chip's EUI is told where it is not the gateway's."""
    eui = f", EUI {radio['eui']}" if radio["eui"] not in (None, gateway) else ""
    heat = "" if radio["temperature"] is None else f", {radio['temperature']:.1f} °C"
    pulses = ", pulses per second" if radio["pulses"] else ""
    return f"{radio['model']}{eui}, {radio['firmware']}{heat}{pulses}, starts {radio['starts']}"


def _codecs(worker: dict[str, Any]) -> Iterator[str]:
    """The JavaScript codecs, where there is something to say of them."""
    if worker["faults"]:
        counted = f"{worker['state']}, faults {worker['faults']}, starts {worker['starts']}"
        yield f"  codecs   {counted}; last: {worker['reason']}"
    for name, reason in sorted(worker["disabled"].items()):
        yield f"  CODEC    {name}: {reason}; its readings go on raw"


def _airtime(duty_cycle: dict[str, dict[str, float]]) -> Iterator[str]:
    """The sub-bands that have been sent in within the hour."""
    used = [
        f"{band} MHz {left['seconds_left']:.1f} of {left['seconds']:g} s left"
        for band, left in duty_cycle.items()
        if left["seconds_left"] < left["seconds"]
    ]
    if used:
        yield f"  airtime  {', '.join(used)}"


def _joining(join: dict[str, Any]) -> Iterator[str]:
    """Unless it is open to any device and for ever."""
    told = [join["join"]]
    if join["seconds_left"] is not None:
        told[0] += f" for {join['seconds_left'] / 60:.0f} min more"
    if join["allow"]:
        told.append(f"DevEUIs that begin with {' or '.join(join['allow'])} only")
    if told != ["open"]:
        yield f"  joining  {', '.join(told)}"


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


def _store(store: dict[str, Any]) -> Iterator[str]:
    """D1c."""
    if store["state"] != "well":
        tries = f"tried again {store['retries']} times"
        yield f"  DISK     {store['state']}, {tries}: {store['reason']}"
        alone = f"{store['memory_records']} records are nowhere else"
        yield f"           readings go on from memory, {alone}; nobody joins, orders are refused"


def _given_up(records: int) -> str:
    """D3: what did not fit into the buffer any more; the city got a gap event for it."""
    return f", {records} GIVEN UP: the buffer was full or they were too old" if records else ""


def _archive(archive: dict[str, Any]) -> Iterator[str]:
    """What the city has, and may ask for once more."""
    if not any(archive.values()):
        return
    from gateway.clock import rfc3339

    told = f"{archive['readings']} delivered, {archive['bytes'] / 2**20:.1f} MiB"
    if archive["from"] is not None:
        told += f", from {rfc3339(archive['from'])} to {rfc3339(archive['to'])}"
    told += f", {archive['given_up']} given up" if archive["given_up"] else ""
    told += f", {archive['damaged']} DAMAGED" if archive["damaged"] else ""
    told += f", replays waiting: {archive['replays']}" if archive["replays"] else ""
    yield f"  archive  {told}"


def _waiting(status: dict[str, Any]) -> str:
    """The city's downlinks without a final result."""
    return f", downlinks waiting {status['downlinks']}" if status["downlinks"] else ""


def _city(city: dict[str, Any]) -> Iterator[str]:
    """What a technician has to know beside the state; not there before the EUI is known."""
    if (left := city.get("paused")) is not None:
        yield f"  PAUSED   goes on in {left / 60:.0f} min, or with: kogge forward resume"
    for warning in city.get("warnings", ()):
        yield f"           {warning}"
    if city.get("parked"):
        yield f"  PARKED   {city['parked']} that the broker refuses for good (journalctl -u kogge)"


def _deaf(city: dict[str, Any]) -> str:
    is_deaf = city["state"] == "connected" and not city["commands"]
    return ", but lets no command through: check its access list" if is_deaf else ""


def _because(part: dict[str, Any]) -> str:
    return f": {part['reason']}" if part["reason"] else ""
