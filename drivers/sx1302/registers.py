"""The register table of the SX1302: 1044 fields, read from registers.csv.

Addresses have 15 bits and name bytes. A field never crosses a byte: a quantity of several bytes
is several fields. Signed fields are two's complement in their width.
Imports only the standard library: the emulator reads the same table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Register:
    """One field: `width` bits from bit `offset` of the byte at `address`."""

    name: str
    address: int
    offset: int
    width: int
    signed: bool
    read_only: bool
    default: int

    @property
    def mask(self) -> int:
        """The field's bits within its byte."""
        return ((1 << self.width) - 1) << self.offset

    @property
    def whole(self) -> bool:
        """Whether the field is its whole byte, so that writing it needs no reading first."""
        return self.width == 8

    def encode(self, value: int) -> int:
        """The value shifted into place; ValueError when it does not fit the field."""
        low = -(1 << self.width - 1) if self.signed else 0
        high = low + (1 << self.width)
        if not low <= value < high:
            raise ValueError(f"{self.name} takes {low}…{high - 1}, not {value}")
        return (value << self.offset) & self.mask

    def decode(self, byte: int) -> int:
        """The field's value in a byte read from its address."""
        value = (byte & self.mask) >> self.offset
        return value - (1 << self.width) if self.signed and value >> self.width - 1 else value


def load() -> dict[str, Register]:
    """Read the table, by field name."""
    lines = Path(__file__).with_name("registers.csv").read_text(encoding="ascii").splitlines()
    return {one.name: one for one in map(_register, lines[1:])}


def _register(line: str) -> Register:
    """The first line of the table names what stands in the others; nothing is quoted."""
    name, address, offset, width, signed, read_only, default = line.split(",")
    return Register(
        name,
        int(address, 16),
        int(offset),
        int(width),
        signed == "1",
        read_only == "1",
        int(default),
    )


REGISTERS: Mapping[str, Register] = load()
