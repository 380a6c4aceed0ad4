"""devices.toml: the end devices of this gateway, typed and checked.

EUIs, addresses and keys are hex, most significant byte first, as printed on the device.
An error never shows a key: messages end up in journals and mails.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.codecs.catalogue import Catalogue
from gateway.config import convert
from gateway.errors import ConfigError
from gateway.files import read_toml
from gateway.lorawan.device import Device

_KEYS = ("app_key", "nwk_key", "nwk_s_key", "app_s_key")
_EITHER = "give join_eui and app_key (OTAA), or dev_addr, nwk_s_key and app_s_key (ABP)"


class Entry(msgspec.Struct, forbid_unknown_fields=True, rename={"device_class": "class"}):
    """One [[device]] table as it is written."""

    dev_eui: str
    name: str
    codec: str = ""
    lorawan: Literal["1.0.2", "1.0.3", "1.0.4", "1.1"] = "1.0.3"
    device_class: Literal["A", "C"] = "A"
    place: str = ""
    depth: Annotated[float, Meta(gt=0)] | None = None
    join_eui: str = ""
    app_key: str = ""
    nwk_key: str = ""
    dev_addr: str = ""
    nwk_s_key: str = ""
    app_s_key: str = ""

    def __repr__(self) -> str:
        return f"Entry({self.dev_eui!r}, {self.name!r})"


class DeviceFile(msgspec.Struct, forbid_unknown_fields=True):
    device: list[Entry] = []


def load(file: Path, catalogue: Catalogue) -> tuple[Device, ...]:
    """Read and check devices.toml; raises ConfigError."""
    entries = _entries(file)
    devices = tuple(_device(entry, n, file, catalogue) for n, entry in enumerate(entries, 1))
    seen: dict[int, str] = {}
    for device in devices:
        if device.dev_eui in seen:
            other = seen[device.dev_eui]
            raise ConfigError(
                file, "dev_eui", f"{device.dev_eui:016x}", f"stands twice: {other}, {device.name}"
            )
        seen[device.dev_eui] = device.name
    return devices


def _entries(file: Path) -> list[Entry]:
    try:
        return convert(read_toml(file), DeviceFile, file).device
    except ConfigError as error:
        if error.key.endswith(_KEYS):
            raise ConfigError(file, error.key, None, f"{error.allowed}: quote it") from None
        raise


def _device(entry: Entry, number: int, file: Path, catalogue: Catalogue) -> Device:
    def refuse(key: str, value: object, allowed: str) -> ConfigError:
        return ConfigError(file, f"device[{number}].{key}", value, allowed)

    def hexadecimal(key: str, digits: int) -> str:
        text: str = getattr(entry, key)
        if len(text) != digits or not set(text) <= set("0123456789abcdef"):
            shown = f"{len(text)} characters" if key in _KEYS else text
            raise refuse(key, shown, f"write {digits} hex digits in lower case")
        return text

    if entry.lorawan == "1.1":
        raise refuse("lorawan", entry.lorawan, "this version speaks 1.0.2, 1.0.3 and 1.0.4")
    if entry.nwk_key:
        raise refuse("nwk_key", None, "belongs to LoRaWAN 1.1, this version speaks 1.0.x: app_key")
    if entry.device_class == "C":
        raise refuse("class", entry.device_class, 'this version serves class "A" only')
    if entry.codec and entry.codec not in catalogue.names():
        raise refuse("codec", entry.codec, f"known are: {', '.join(sorted(catalogue.names()))}")
    otaa = bool(entry.join_eui or entry.app_key)
    abp = bool(entry.dev_addr or entry.nwk_s_key or entry.app_s_key)
    if otaa == abp:
        raise refuse("join_eui", None, f"{_EITHER}{', not both' if otaa else ''}")
    return Device(
        dev_eui=int(hexadecimal("dev_eui", 16), 16),
        name=entry.name,
        codec=entry.codec,
        lorawan=entry.lorawan,
        device_class=entry.device_class,
        place=entry.place,
        depth=entry.depth,
        join_eui=int(hexadecimal("join_eui", 16), 16) if otaa else None,
        app_key=bytes.fromhex(hexadecimal("app_key", 32)) if otaa else None,
        dev_addr=int(hexadecimal("dev_addr", 8), 16) if abp else None,
        nwk_s_key=bytes.fromhex(hexadecimal("nwk_s_key", 32)) if abp else None,
        app_s_key=bytes.fromhex(hexadecimal("app_s_key", 32)) if abp else None,
    )
