"""Where a packet forwarder is listened for: `udp://HOST:PORT`, optionally `?eui=0016c001f0000001`.

HOST is an address of this machine; the packet forwarder names it as its `server_address`, and
PORT as both `serv_port_up` and `serv_port_down`.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

SCHEME = "udp://"
ALLOWED = (
    "write udp://HOST:PORT, the address on this machine that the packet forwarder sends to, such"
    " as udp://127.0.0.1:1700; ?eui= with 16 hex digits takes that gateway alone"
)


@dataclass(frozen=True, slots=True)
class Address:
    """`eui` is the only gateway that is heard; None takes the first that speaks."""

    host: str
    port: int
    eui: int | None = None

    @classmethod
    def from_url(cls, url: str) -> "Address":
        """ValueError, with what is allowed, for anything else."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(ALLOWED) from None
        only = re.fullmatch(r"(?:eui=([0-9a-fA-F]{16}))?", parts.query)
        surplus = parts.path or parts.fragment or parts.username is not None
        if parts.scheme != "udp" or not host or not port or only is None or surplus:
            raise ValueError(ALLOWED)
        return cls(host, port, int(only[1], 16) if only[1] else None)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{SCHEME}{host}:{self.port}"
