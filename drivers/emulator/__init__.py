"""The twin of an SX1302 board on USB: for tests, the demo, and anyone's driver or devices.

It is written from the chip's description alone and shares nothing with the driver but the
register table; what both agree on has been checked twice.
"""

from drivers.emulator.air import Flight
from drivers.emulator.board import DEFAULT_EUI, Board
from drivers.emulator.faults import FaultError, Faults
from drivers.emulator.running import MemoryLink, Running, memory_link, serve
from drivers.emulator.transmitter import Emission
from drivers.emulator.uplink import Uplink

__all__ = [
    "DEFAULT_EUI",
    "Board",
    "Emission",
    "FaultError",
    "Faults",
    "Flight",
    "MemoryLink",
    "Running",
    "Uplink",
    "memory_link",
    "serve",
]
