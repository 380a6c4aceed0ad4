"""An end device as the operator described it in devices.toml.

A device is either OTAA: `join_eui` and `app_key`, in 1.1 `nwk_key` too; or ABP: `dev_addr`,
`app_s_key` and its network keys, one up to 1.0.4 (`nwk_s_key`), three in 1.1.
`gateway.devices.devices_toml` sees to it. EUIs and addresses are integers, keys 16 bytes.
"""

from dataclasses import dataclass, field
from typing import Literal

Version = Literal["1.0.2", "1.0.3", "1.0.4", "1.1"]


@dataclass(frozen=True, slots=True)
class Device:
    """One end device; `depth` is in metres, for a level sensor in a bin or shaft.

    `adr`: the network may decide what it sends with. `reset_f_cnt`: an ABP device may begin its
    frame counter anew.
    """

    dev_eui: int
    name: str
    codec: str = ""
    lorawan: Version = "1.0.3"
    device_class: Literal["A", "C"] = "A"
    place: str = ""
    depth: float | None = None
    join_eui: int | None = None
    app_key: bytes | None = field(default=None, repr=False)
    dev_addr: int | None = None
    nwk_s_key: bytes | None = field(default=None, repr=False)
    app_s_key: bytes | None = field(default=None, repr=False)
    adr: bool = True
    nwk_key: bytes | None = field(default=None, repr=False)
    f_nwk_s_int_key: bytes | None = field(default=None, repr=False)
    s_nwk_s_int_key: bytes | None = field(default=None, repr=False)
    nwk_s_enc_key: bytes | None = field(default=None, repr=False)
    reset_f_cnt: bool = False

    @property
    def root_key(self) -> bytes | None:
        """What signs its Join-Requests; None for ABP."""
        return self.nwk_key or self.app_key

    @property
    def session_version(self) -> Literal["1.0", "1.1"]:
        return "1.1" if self.lorawan == "1.1" else "1.0"

    @property
    def abp_keys(self) -> tuple[bytes, bytes, bytes, bytes]:
        """FNwkSIntKey, SNwkSIntKey, NwkSEncKey, AppSKey of an ABP device."""
        one = self.nwk_s_key
        keys = (
            self.f_nwk_s_int_key or one,
            self.s_nwk_s_int_key or one,
            self.nwk_s_enc_key or one,
            self.app_s_key,
        )
        f_int, s_int, enc, app = keys
        if not (f_int and s_int and enc and app):
            raise ValueError(f"{self.dev_eui:016x} is no ABP device")
        return f_int, s_int, enc, app
