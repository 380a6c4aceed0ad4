"""No `repr` shows a key: what is logged, raised or printed in a debugger is made of them."""

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from store_tools import session

import gateway
from gateway.devices.devices_toml import DeviceFile, Entry
from gateway.lorawan.activations import Activations
from gateway.lorawan.device import Device
from gateway.lorawan.session import Changes, KnownState, Session
from gateway.store.sealing import Keyring
from gateway.store.tables import Write

KEY = b"a key of 16 byte"
NAMED_KEY = re.compile(r"(^|_)keys?$")
ROOMS = ("gateway.lorawan", "gateway.store")
MODULES = ("gateway.devices.devices_toml", "gateway.settings", "gateway.config")


def classes() -> Iterator[type[Any]]:
    for room in ROOMS:
        package = importlib.import_module(room)
        for found in pkgutil.iter_modules(package.__path__, f"{room}."):
            yield from _classes_of(found.name)
    for name in MODULES:
        yield from _classes_of(name)


def _classes_of(module: str) -> Iterator[type[Any]]:
    for found in vars(importlib.import_module(module)).values():
        if isinstance(found, type) and found.__module__ == module:
            yield found


def shown_fields(one: type[Any]) -> Iterator[str]:
    """Fields that hold bytes or text and that the class's own repr shows."""
    if dataclasses.is_dataclass(one):
        for each in dataclasses.fields(one):
            if each.repr and re.search(r"bytes|str", str(each.type)):
                yield each.name
    elif issubclass(one, msgspec.Struct) and one.__repr__ is msgspec.Struct.__repr__:
        yield from (each.name for each in msgspec.structs.fields(one))


def test_no_class_shows_a_field_that_is_called_a_key() -> None:
    found = list(classes())
    assert {Session, Device, Write, Entry} <= set(found)
    shown = {f"{one.__name__}.{name}" for one in found for name in shown_fields(one)}
    assert len(shown) > 50, "the search sees fields at all"
    assert {name for name in shown if NAMED_KEY.search(name.rpartition(".")[2])} == set()


def device() -> Device:
    return Device(1, "bin", join_eui=2, app_key=KEY, nwk_s_key=KEY, app_s_key=KEY)


def used() -> Session:
    one = session()
    one.f_nwk_s_int_key = one.s_nwk_s_int_key = one.nwk_s_enc_key = one.app_s_key = KEY
    return one


@pytest.mark.parametrize(
    "one",
    [
        device(),
        used(),
        Changes((used(),)),
        KnownState((used(),)),
        Write.of(Changes((used(),))),
        Activations([device()], KnownState()).add(device(), used()),
        Keyring([KEY * 2]),
        Entry("70b3d57ed0000001", "bin", app_key=KEY.hex(), nwk_s_key=KEY.hex()),
        DeviceFile([Entry("70b3d57ed0000001", "bin", app_key=KEY.hex(), app_s_key=KEY.hex())]),
    ],
    ids=lambda one: type(one).__name__,
)
def test_what_holds_keys_does_not_show_them(one: object) -> None:
    for text in (repr(one), str(one), f"{[one]}"):
        assert KEY.hex() not in text
        assert KEY.decode() not in text
        assert not re.search(r"0x?61.?20.?6b", text)


def test_the_package_is_the_one_that_is_searched() -> None:
    assert set(ROOMS) <= {name for _, name, _ in pkgutil.iter_modules(gateway.__path__, "gateway.")}
