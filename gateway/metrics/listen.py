"""`metrics.listen` of kogge.toml: a place on this machine, or a sentence why not."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

UNIX: Final = "unix:"
ALLOWED: Final = (
    'write "127.0.0.1:9464", "[::1]:9464", "unix:/run/kogge/metrics.sock", or "" for none; the'
    " network is not told: let a Prometheus agent or a tunnel on this machine fetch it"
)


class Loopback(NamedTuple):
    """An address of this machine alone."""

    host: str
    port: int


Place: TypeAlias = Loopback | Path


def place(listen: str) -> Place:
    """Where to listen; raises ValueError, for what is no place or not on this machine."""
    if listen.startswith(UNIX):
        path = Path(listen.removeprefix(UNIX))
        if not path.is_absolute():
            raise ValueError(ALLOWED)
        return path
    host, _, port = listen.rpartition(":")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        raise ValueError(ALLOWED)
    host = host.removeprefix("[").removesuffix("]")
    if not _is_loopback(host):
        raise ValueError(f"is no address of this machine alone: {ALLOWED}")
    return Loopback(host, int(port))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
