"""devices.toml: the end devices of this gateway, typed and checked.

EUIs, addresses and keys are hex, most significant byte first, as printed on the device.
An error never shows a key: messages end up in journals and mails.
"""

from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.codecs.catalogue import Catalogue
from gateway.config import convert
from gateway.errors import ConfigError
from gateway.files import read_toml
from gateway.lorawan.device import Device

_OTAA, _OTAA_1_1 = ("join_eui", "app_key"), ("join_eui", "app_key", "nwk_key")
_ABP = ("dev_addr", "nwk_s_key", "app_s_key")
_ABP_1_1 = ("dev_addr", "f_nwk_s_int_key", "s_nwk_s_int_key", "nwk_s_enc_key", "app_s_key")
_PERSONAL = dict.fromkeys((*_OTAA_1_1, *_ABP, *_ABP_1_1))
_KEYS = tuple(key for key in _PERSONAL if key.endswith("_key"))
_ADDRESSES = {"dev_eui": 16, "join_eui": 16, "dev_addr": 8}  # hex digits


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
    f_nwk_s_int_key: str = ""
    s_nwk_s_int_key: str = ""
    nwk_s_enc_key: str = ""
    adr: bool = True
    reset_f_cnt: bool = False

    def __repr__(self) -> str:
        return f"Entry({self.dev_eui!r}, {self.name!r})"


class DeviceFile(msgspec.Struct, forbid_unknown_fields=True):
    device: list[Entry] = []


NAMES: Final = tuple(field.encode_name for field in msgspec.structs.fields(Entry))
"""The keys of a [[device]], in the order in which they are shown."""


def load(file: Path, catalogue: Catalogue) -> tuple[Device, ...]:
    """Read and check devices.toml; raises ConfigError."""
    return check(read_toml(file), file, catalogue)


def check(tables: dict[str, Any], file: Path, catalogue: Catalogue) -> tuple[Device, ...]:
    """What `file` says, or would say; raises ConfigError."""
    entries = _entries(tables, file)
    devices = tuple(_Row(entry, n, file).device(catalogue) for n, entry in enumerate(entries, 1))
    seen: dict[int, str] = {}
    for number, device in enumerate(devices, 1):
        if device.dev_eui in seen:
            key, said = f"device[{number}].dev_eui", f"{device.dev_eui:016x}"
            other, name = seen[device.dev_eui], device.name
            raise ConfigError(file, key, said, f"stands twice: {other}, {name}")
        seen[device.dev_eui] = device.name
    return devices


def keys_wanted(lorawan: str, *, otaa: bool) -> tuple[str, ...]:
    """The keys that a device of this version needs."""
    kinds = {("1.1", True): _OTAA_1_1, ("1.1", False): _ABP_1_1}
    wanted = kinds.get((lorawan, otaa), _OTAA if otaa else _ABP)
    return tuple(name for name in wanted if name in _KEYS)


def _entries(tables: dict[str, Any], file: Path) -> list[Entry]:
    try:
        return convert(tables, DeviceFile, file).device
    except ConfigError as error:
        if error.key.endswith(_KEYS):
            raise ConfigError(file, error.key, None, f"{error.allowed}: quote it") from None
        raise


@dataclass(frozen=True, slots=True)
class _Row:
    """One device as the file has it; every method raises ConfigError."""

    entry: Entry
    number: int
    file: Path

    def device(self, catalogue: Catalogue) -> Device:
        entry = self.entry
        if entry.codec and entry.codec not in catalogue.names():
            raise self._refusal("codec", entry.codec, catalogue.near(entry.codec))
        wanted = self._wanted()
        if entry.reset_f_cnt and (entry.lorawan == "1.1" or "dev_addr" not in wanted):
            allowed = "only for ABP up to 1.0.4: no other device counts anew"
            raise self._refusal("reset_f_cnt", True, allowed)
        return Device(
            dev_eui=self._address("dev_eui"),
            name=entry.name,
            codec=intern(entry.codec),  # one text for all that have it
            lorawan=entry.lorawan,
            device_class=entry.device_class,
            place=intern(entry.place),
            depth=entry.depth,
            adr=entry.adr,
            reset_f_cnt=entry.reset_f_cnt,
            **{key: self._personal(key) for key in _PERSONAL if key in wanted},
        )

    def _wanted(self) -> tuple[str, ...]:
        """What the device needs of keys and addresses, of its version and of OTAA or ABP."""
        lorawan = self.entry.lorawan
        otaa, abp = (_OTAA_1_1, _ABP_1_1) if lorawan == "1.1" else (_OTAA, _ABP)
        given = [key for key in _PERSONAL if getattr(self.entry, key)]
        either = f"give {_listed(otaa)} (OTAA), or {_listed(abp)} (ABP)"
        for key in given:
            if key not in (*otaa, *abp):
                raise self._refusal(key, None, f"does not belong to LoRaWAN {lorawan}: {either}")
        is_otaa, is_abp = (any(key in given for key in keys) for keys in (otaa, abp))
        if is_otaa == is_abp:
            raise self._refusal("join_eui", None, f"{either}{', not both' if is_otaa else ''}")
        return otaa if is_otaa else abp

    def _personal(self, key: str) -> Any:
        return bytes.fromhex(self._hex(key, 32)) if key in _KEYS else self._address(key)

    def _address(self, key: str) -> int:
        return int(self._hex(key, _ADDRESSES[key]), 16)

    def _hex(self, key: str, digits: int) -> str:
        text: str = getattr(self.entry, key)
        if len(text) != digits or not set(text) <= set("0123456789abcdef"):
            shown = f"{len(text)} characters" if key in _KEYS else text
            raise self._refusal(key, shown, f"write {digits} hex digits in lower case")
        return text

    def _refusal(self, key: str, value: object, allowed: str) -> ConfigError:
        return ConfigError(self.file, f"device[{self.number}].{key}", value, allowed)


def _listed(keys: tuple[str, ...]) -> str:
    return f"{', '.join(keys[:-1])} and {keys[-1]}"
