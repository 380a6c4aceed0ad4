"""What the tests of gateway.lorawan share: a network, packets off the air, devices by version."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace

from lorawan_device import Air

from drivers.concentrator import Crc, RxPacket
from gateway.lorawan.device import Device, Version
from gateway.lorawan.network import Network
from gateway.lorawan.outcome import Drop, DropReason, Joined, Uplink
from gateway.lorawan.regions.europe import EU868
from gateway.lorawan.session import KnownState

APP_KEY, JOIN_EUI, DEV_EUI = bytes(range(16)), 0x70B3D57ED0000000, 0x70B3D57ED0000001
ABP_EUI, ABP_ADDR = 0x70B3D57ED0000002, 0x01AB12CD
AIR = Air(ABP_ADDR, b"N" * 16, b"A" * 16)
ABP = Device(ABP_EUI, "gauge", dev_addr=ABP_ADDR, nwk_s_key=b"N" * 16, app_s_key=b"A" * 16)
HEARD = (*EU868.channels, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000)

EXTRA = tuple(enumerate(HEARD[3:], 3))

_counter = itertools.count(10_000_000, 10_000_000)  # far apart: no two packets are copies


def otaa(version: Version = "1.0.3", dev_eui: int = DEV_EUI) -> Device:
    return Device(dev_eui, "bin", lorawan=version, join_eui=JOIN_EUI, app_key=APP_KEY)


def packet(payload: bytes, counter_us: int | None = None) -> RxPacket:
    at = next(_counter) % 2**32 if counter_us is None else counter_us
    return RxPacket(payload, at, 1, 868_300_000, 125_000, 9, 1, -80.0, 8.5, Crc.OK)


def copy_of(heard: RxPacket) -> RxPacket:
    """What a second demodulator makes of the same frame."""
    return replace(heard, counter_us=(heard.counter_us + 400) % 2**32, modem=5, rssi=-97.0)


def counted() -> Callable[[int], bytes]:
    """Stands for randomness: 0, 1, 2…"""
    numbers = itertools.count()
    return lambda size: next(numbers).to_bytes(size, "big")


def network(devices: Iterable[Device], known: KnownState | None = None) -> Network:
    return Network(devices, known or KnownState(), EU868, counted(), heard=HEARD)


def uplink(outcome: object) -> Uplink:
    assert isinstance(outcome, Uplink), outcome
    return outcome


def joined(outcome: object) -> Joined:
    assert isinstance(outcome, Joined), outcome
    return outcome


def reason(outcome: object) -> DropReason:
    assert isinstance(outcome, Drop), outcome
    return outcome.reason
