"""What is known of devices: by the daemon, or else by devices.toml and the database."""

import argparse
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.cli import EX_FAILED, EX_UNAVAILABLE, complain
from gateway.cli.devices_meant import dev_eui_in, dev_eui_of, nearest
from gateway.cli.language import _
from gateway.cli.status import socket_path
from gateway.errors import ControlError, GatewayError

Line = dict[str, Any]

ANSWERS_WITHIN = 30.0  # seconds for each line


@dataclass
class Known:
    """`asked` is "daemon" or "files"; `gateway` is what the daemon says of itself."""

    devices: list[Line]
    asked: str = "daemon"
    gateway: Line | None = None
    wrong: str = ""  # why something is missing here

    @property
    def exit(self) -> int:
        return 0 if self.asked == "daemon" else EX_UNAVAILABLE


def known(args: argparse.Namespace, meant: str | None = None) -> Known:
    """Of one device, by DevEUI or name, or of all. Raises ControlError where no daemon and no file
    can be asked, NotMeant.
    """
    try:
        return _asked(args, meant)
    except ControlError as error:
        if args.socket and not args.config:
            raise
        complain(error, EX_UNAVAILABLE)
    return _of_files(args, meant)


def everyone(args: argparse.Namespace) -> list[Line]:
    """All devices of the daemon. Raises ControlError."""
    return [one for line in lines(args, "devices") for one in line.get("devices", ())]


def dev_eui_at_daemon(args: argparse.Namespace, meant: str) -> str:
    """Raises ControlError, NotMeant."""
    return dev_eui_in(meant) or dev_eui_of(meant, everyone(args))


def last_reading(args: argparse.Namespace, dev_eui: str) -> Line | None:
    """The newest that the daemon has of a device, in its buffer or its archive."""
    wish = {"action": "records", "device": dev_eui, "newest": True, "events": False, "limit": 1}
    with suppress(ControlError):
        for line in lines(args, "buffer", **wish):
            for record in line.get("records", ()):
                found: Line = record
                return found
    return None


def lines(args: argparse.Namespace, op: str, **wish: Any) -> Iterator[Line]:
    """An answer of several lines, to its last. Raises ControlError: refused, or no daemon."""
    from gateway.diagnostics.client import stream

    with closing(stream(socket_path(args), op, ANSWERS_WITHIN, **wish)) as answers:
        for line in answers:
            if "error" in line:
                raise ControlError(f"the daemon refused: {line['error']}")
            yield line
            if "done" in line:
                return


def _asked(args: argparse.Namespace, meant: str | None) -> Known:
    found = Known([])
    wish = {} if meant is None else {"dev_eui": dev_eui_at_daemon(args, meant)}
    for line in lines(args, "devices", **wish):
        found.devices += line.get("devices", ())
        found.gateway = line.get("done", found.gateway)
    return found


def _of_files(args: argparse.Namespace, meant: str | None) -> Known:
    from gateway import files

    found = Known([one | {"known": True} for one in of_file(args)], "files")
    if meant is not None:
        dev_eui = dev_eui_of(meant, found.devices)
        found.devices = [one for one in found.devices if one["dev_eui"] == dev_eui]
        found.devices = found.devices or [{"dev_eui": dev_eui, "known": False}]
    try:
        _add_rows(found.devices, files.database(args.config or files.DEFAULT_FILE))
    except (GatewayError, PermissionError) as error:
        found.wrong = str(error)
        complain(error, EX_FAILED)
    return found


def of_daemon_or_file(args: argparse.Namespace) -> list[Line]:
    """As `everyone`, with the daemon running or stopped. Raises as both."""
    try:
        return everyone(args)
    except ControlError:
        return of_file(args)


def of_file(args: argparse.Namespace) -> list[Line]:
    """As `everyone`, without their keys. Raises ConfigError, PermissionError."""
    from gateway.diagnostics.devices import described

    return [described(one) for one in described_in(args)]


def described_in(args: argparse.Namespace) -> Any:
    """The devices of devices.toml. Raises ConfigError, PermissionError."""
    from gateway.devices import devices_toml

    return devices_toml.load(device_file_of(args), catalogue_of(args))


def device_file_of(args: argparse.Namespace) -> Path:
    from gateway import config, files

    return Path(config.load(args.config or files.DEFAULT_FILE).gateway.devices)


def catalogue_of(args: argparse.Namespace) -> Any:
    from gateway import config, files
    from gateway.codecs.catalogue import Catalogue

    found = config.load(args.config or files.DEFAULT_FILE)
    return Catalogue.load(files.shipped(), Path(found.gateway.codecs))


def _add_rows(devices: list[Line], database: Path) -> None:
    from gateway.diagnostics.devices import battery
    from gateway.store import at_rest, device_rows

    with at_rest.opened(database) as connection:
        rows = device_rows.read(connection)
    for device in devices:
        row = rows.get(device["dev_eui"], device_rows.DeviceRow())
        is_otaa = device.get("activation") == "OTAA"
        used = "joined" if is_otaa else "heard"
        state = used if row.f_cnt >= 0 else "join_unheard" if row.pending else "new"
        device |= {
            "state": state,
            "dev_addr": row.dev_addr or device.get("dev_addr"),
            "f_cnt": None if row.f_cnt < 0 else row.f_cnt,
            "dev_nonces": row.joins,
            "battery": battery(row.mac),
            "hears_margin": row.mac.margin,
            "data_rate": row.mac.link.dr if row.mac.link else None,
        }


def dev_eui(text: str) -> str:
    """As an argument: with or without what stands between its digits."""
    found = dev_eui_in(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r}: a DevEUI has 16 hex digits")
    return found


def near(args: argparse.Namespace, dev_eui: str) -> str:
    """The device that was meant perhaps; "" where none is like it, or nobody can be asked."""
    with suppress(GatewayError, PermissionError):
        return nearest(dev_eui, of_daemon_or_file(args))
    return ""


def unknown(args: argparse.Namespace, dev_eui: str) -> int:
    told = _(
        "no device in devices.toml has the DevEUI {dev_eui}; kogge why {dev_eui} says whether"
        " it was heard; {hint}",
        dev_eui=dev_eui,
        hint=near(args, dev_eui) or _("kogge devices list shows those that are there"),
    )
    return complain(told, EX_FAILED)
