"""What the actions of `kogge codec`, and `kogge decode`, find: codecs by name or file, devices.

Without --config an installed gateway's kogge.toml counts where there is one that may be read: to
look at codecs nobody needs a gateway. Whoever changes something needs its directory.
"""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from gateway import files
from gateway.cli import say
from gateway.cli.heard import heard
from gateway.cli.language import _
from gateway.codecs.catalogue import Catalogue, Codec, Decoded
from gateway.codecs.own import Own, used_by
from gateway.errors import ConfigError, ControlError


def config_file(given: Path | None) -> Path | None:
    """--config, else kogge.toml in its usual place, if it is there and may be read."""
    if given is not None:
        return given
    try:
        with files.DEFAULT_FILE.open("rb"):
            return files.DEFAULT_FILE
    except OSError:
        return None


def catalogue(given: Path | None) -> Catalogue:
    """Shipped and own."""
    file = config_file(given)
    return Catalogue.load(files.shipped(), files.codecs(file) if file else None)


def is_file(name: str) -> bool:
    return name.endswith((".js", ".toml"))


def codec(name: str, given: Path | None) -> Codec:
    """The codec of that name, or the first one in FILE.js, FILE.toml."""
    if is_file(name):
        return catalogue(given).read(Path(name))[0]
    return catalogue(given).codec(name)


def decoded(name: str, f_port: int | None, payload: bytes) -> Decoded:
    """What a reading of this payload would say; for a script a worker is started, and ended."""
    found = codec(name, None)
    if found.script is None or not f_port:
        return found.decode(f_port, payload)
    output = asyncio.run(_output(found, f_port, payload))
    return found.measured(output, f_port, payload)


async def _output(found: Codec, f_port: int, payload: bytes) -> dict[str, Any]:
    from gateway.codecs.desk import desk

    async with desk() as running:
        return await running.output(found, f_port, payload)


def own(given: Path | None) -> Own:
    """The operator's directory, to be changed."""
    return Own(files.codecs(given or files.DEFAULT_FILE), files.shipped())


def devices(given: Path | None) -> dict[str, list[str]]:
    """Which devices use a codec. Raises ConfigError, PermissionError."""
    return used_by(files.read_toml(files.devices(given or files.DEFAULT_FILE)))


def devices_if_known(given: Path | None) -> dict[str, list[str]] | None:
    """None: devices.toml is not there, or not for this user."""
    if config_file(given) is None:
        return None
    try:
        return devices(given)
    except (ConfigError, PermissionError) as error:
        say(_("which devices use a codec is not known: {why}", why=heard(str(error))))
        return None


def renew(args: argparse.Namespace) -> tuple[str, bool]:
    """Have a running daemon read its codecs anew: what became of it, and whether that is good."""
    from gateway.cli.status import socket_path
    from gateway.diagnostics.client import ask

    try:
        found = ask(socket_path(args), "codecs")
    except ControlError:
        return _("no daemon runs: it reads its codecs when it starts"), True
    except PermissionError as error:
        why = heard(str(error))
        return _("the daemon was not told: {why}; or: sudo systemctl restart kogge", why=why), False
    if "error" in found:
        why = heard(found["error"])
        return _("the daemon keeps the codecs that it had: {why}", why=why), False
    return _("the daemon has read its codecs anew"), True
