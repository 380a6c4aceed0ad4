"""An end device as the operator described it in devices.toml.

A device has either `join_eui` and `app_key` (OTAA), or `dev_addr`, `nwk_s_key` and `app_s_key`
(ABP); `gateway.device_file` sees to it. EUIs and addresses are integers, keys 16 bytes.
"""

from dataclasses import dataclass, field
from typing import Literal

Version = Literal["1.0.2", "1.0.3", "1.0.4"]


@dataclass(frozen=True, slots=True)
class Device:
    """One end device; `depth` is in metres, for a level sensor in a bin or shaft."""

    dev_eui: int
    name: str
    codec: str = ""
    lorawan: Version = "1.0.3"
    device_class: Literal["A"] = "A"
    place: str = ""
    depth: float | None = None
    join_eui: int | None = None
    app_key: bytes | None = field(default=None, repr=False)
    dev_addr: int | None = None
    nwk_s_key: bytes | None = field(default=None, repr=False)
    app_s_key: bytes | None = field(default=None, repr=False)
    adr: bool = True
