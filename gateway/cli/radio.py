"""`kogge radio`: the concentrator on the bench, without the daemon, which would have the port.

Exit codes: 0 done; 1 failed; 64 usage; 69 the port is in use; 77 no permission for the port;
78 configuration.
"""

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from gateway.cli.status import argument_for_the_config

if TYPE_CHECKING:
    from gateway.cli.radio_bench import Bench
    from gateway.clock import Clock

Action: TypeAlias = "Callable[[argparse.Namespace, Bench], int]"

WIDTHS = (125_000, 250_000, 500_000)
MAX_PAYLOAD = 255  # bytes of a packet

HELP = "The concentrator on the bench: what it is, what it hears, a test transmission."


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add(actions, "info", _info, "chip and firmware versions, EUI, temperature, USB port")
    _add(actions, "start", _start, "bring the board up, step by step")
    listen = _add(actions, "listen", _listen, "raw packets until Ctrl-C")
    listen.add_argument("--seconds", type=_positive, metavar="N", help="end by itself after N s")
    listen.add_argument("--count", type=_count, default=0, metavar="N", help="... after N packets")
    _arguments_of_send(_add(actions, "send", _send, "a test transmission within the law"))
    scan = _add(actions, "scan", _scan, "noise per channel")
    scan.add_argument("--seconds", type=_positive, default=10.0, metavar="N", help="10 by default")


def _arguments_of_send(send: argparse.ArgumentParser) -> None:
    send.add_argument(
        "--frequency", type=_frequency, required=True, metavar="HZ", help="as 868100000"
    )
    rate = send.add_mutually_exclusive_group(required=True)
    rate.add_argument("--sf", type=int, choices=range(5, 13), metavar="N", help="5 to 12")
    rate.add_argument("--fsk", action="store_true", help="50 kbit/s instead of LoRa")
    send.add_argument(
        "--bandwidth", type=int, choices=WIDTHS, default=WIDTHS[0], metavar="HZ",
        help="125000 (default), 250000, 500000",
    )  # fmt: skip
    send.add_argument("--power", type=int, metavar="DBM", help="e.i.r.p.; 14 or the law's limit")
    what = send.add_mutually_exclusive_group()
    what.add_argument("--payload", type=_payload, metavar="HEX", help="instead of a test frame")
    what.add_argument("--size", type=_size, default=16, metavar="N", help="of the test frame")
    send.add_argument("--count", type=_count, default=1, metavar="N", help="packets, 1 by default")
    send.add_argument(
        "--interval", type=_positive, default=1.0, metavar="S", help="from one to the next"
    )
    send.add_argument("--not-inverted", action="store_true", help="as a device sends its uplinks")


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, do: Action, text: str
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text)
    parser.set_defaults(do=do)
    argument_for_the_config(parser)
    parser.add_argument("--port", type=_port, metavar="URL", help="path or URL of the port")
    parser.add_argument("--board", metavar="NAME", help="a name in config/boards/, or a file")
    parser.add_argument("--region", metavar="NAME", help="the frequency plan of the country")
    parser.add_argument("--plan", metavar="NAME", help="a name in config/regions/, or a file")
    parser.add_argument("--json", action="store_true", help="one object a line")
    return parser


def run(args: argparse.Namespace) -> int:
    from drivers.concentrator import DriverError
    from gateway.cli import complain
    from gateway.cli.radio_bench import explained, load
    from gateway.errors import StoreError

    bench = load(args)
    try:
        return int(args.do(args, bench))
    except (DriverError, StoreError) as error:
        said, code = explained(error, bench.wanted.port)
        return complain(said, code)


def _info(args: argparse.Namespace, bench: "Bench") -> int:
    from gateway.cli import radio_start

    report = None if args.port else radio_start.ask_daemon(bench)
    if report is None:
        report = asyncio.run(radio_start.ask_chip(bench))
    return radio_start.show(bench, report, args.json)


def _start(args: argparse.Namespace, bench: "Bench") -> int:
    from gateway.cli import radio_start

    return asyncio.run(radio_start.start(bench, args.json))


def _listen(args: argparse.Namespace, bench: "Bench") -> int:
    from gateway.cli import radio_listen

    listening = radio_listen.listen(bench, _clock(bench), args.seconds, args.count, args.json)
    return asyncio.run(listening)


def _send(args: argparse.Namespace, bench: "Bench") -> int:
    from gateway.cli import radio_limits, radio_send

    wish = radio_limits.Wish(
        frequency=args.frequency, sf=args.sf or 0, bandwidth=args.bandwidth, power=args.power,
        payload=args.payload, size=args.size, count=args.count, interval=args.interval,
        inverted=not args.not_inverted, fsk=args.fsk,
    )  # fmt: skip
    return asyncio.run(radio_send.send(bench, wish, _clock(bench), args.json))


def _scan(args: argparse.Namespace, bench: "Bench") -> int:
    from gateway.cli import radio_scan

    return asyncio.run(radio_scan.scan(bench, args.seconds, args.json))


def _clock(bench: "Bench") -> "Clock":
    from gateway.clock import Clock, Trust, boot_id, was_synchronised

    return Clock(Trust(bench.configuration.clock.source, was_synchronised()), boot_id())


def _port(text: str) -> str:
    """A path is relative to where one stands."""
    if not text:
        raise argparse.ArgumentTypeError("is empty: give the board's port, e.g. /dev/ttyACM0")
    return text if "://" in text else str(Path(text).absolute())


def _positive(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of packets: 1 or more")
    return int(text)


def _frequency(text: str) -> int:
    if not text.isdecimal() or not 100_000_000 <= int(text) <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no frequency in Hz, such as 868100000")
    return int(text)


def _payload(text: str) -> bytes:
    try:
        payload = bytes.fromhex(text)
    except ValueError:
        raise argparse.ArgumentTypeError("is not hex: two digits 0-9a-f a byte") from None
    if not 1 <= len(payload) <= MAX_PAYLOAD:
        raise argparse.ArgumentTypeError(f"has {len(payload)} bytes: 1 to {MAX_PAYLOAD} fit")
    return payload


def _size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PAYLOAD:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes: 1 to {MAX_PAYLOAD}")
    return int(text)
