"""kogge emulator: a concentrator board without hardware, for anyone's software.

Runs until SIGINT or SIGTERM, and then takes its link with it.
"""

import argparse
import asyncio
import errno
import ipaddress
import signal
import sys
from pathlib import Path

from drivers.emulator import DEFAULT_EUI, Running, serve
from gateway.cli import EX_FAILED, complain
from gateway.cli.heard import heard
from gateway.cli.language import _

HELP = "Stand in for a concentrator board on a serial port."


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--link", type=Path, required=True, metavar="PATH", help="name under which the port appears"
    )
    parser.add_argument(
        "--air",
        type=_loopback,
        metavar="HOST:PORT",
        help="where devices speak to the board, on loopback; 0 = a free port",
    )
    parser.add_argument(
        "--control",
        type=Path,
        metavar="PATH",
        help="a Unix socket through which the board is broken and healed on demand",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="for what is random")
    parser.add_argument(
        "--eui", type=_eui, default=DEFAULT_EUI, metavar="HEX", help="the chip's EUI, 16 hex digits"
    )
    parser.add_argument("--pps", action="store_true", help="with a pulse per second")
    parser.add_argument(
        "--chip", choices=("sx1302", "sx1303"), default="sx1302", help="which of them answers"
    )


def run(args: argparse.Namespace) -> int:
    try:
        asyncio.run(_until_stopped(args))
    except PermissionError:
        raise
    except OSError as error:
        return complain(_plainly(error), EX_FAILED)
    return 0


def _plainly(error: OSError) -> str:
    """What stood in the way, and what helps; most of our own errors say it already."""
    if error.errno is None:
        return heard(str(error))
    if error.errno == errno.EADDRINUSE:
        return _(
            "{place} is taken by another program, perhaps by another emulator: stop that one, or"
            " name another place (--air 127.0.0.1:0 takes a free port)",
            place=error.filename,
        )
    return f"{error.filename}: {error.strerror}" if error.filename else heard(str(error))


async def _until_stopped(args: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with serve(
        args.link,
        args.air,
        args.control,
        eui=args.eui,
        chip=args.chip,
        seed=args.seed,
        pps=args.pps,
    ) as running:
        _say(_where(args, running))
        await stopped.wait()


def _where(args: argparse.Namespace, running: Running) -> str:
    lines = [
        _(
            "{chip} board with EUI {eui} on {link} ({port}).",
            chip=args.chip.upper(),
            eui=f"{args.eui:016x}",
            link=args.link,
            port=running.port,
        ),
        _('Use it as the port of a gateway: [concentrator] port = "{link}".', link=args.link),
    ]
    if running.air_address:
        place = ":".join(map(str, running.air_address))
        lines.append(_("Devices speak to it on {place}, one JSON object a line.", place=place))
    if running.control:
        path = running.control
        lines.append(
            _("It is broken and healed through {path}, one JSON object a line.", path=path)
        )
    return "\n".join([*lines, _("Stop it with Ctrl-C.") + "\n"])


def _say(message: str) -> None:
    # print would write a last newline apart from its text, and a reader could come between
    print(message, end="", file=sys.stderr, flush=True)


def _eui(text: str) -> int:
    digits = text.replace("-", "").replace(":", "")
    if len(digits) != 16:
        raise argparse.ArgumentTypeError("an EUI has 16 hex digits")
    try:
        return int.from_bytes(bytes.fromhex(digits), "big")
    except ValueError as error:
        raise argparse.ArgumentTypeError("an EUI has 16 hex digits") from error


def _loopback(text: str) -> tuple[str, int]:
    host, _colon, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
        number = int(port)
    except ValueError as error:
        raise argparse.ArgumentTypeError("give an address and a port: 127.0.0.1:4406") from error
    if not loopback or not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(
            "the air has no password: it listens on loopback only, e.g. 127.0.0.1:4406"
        )
    return host, number
