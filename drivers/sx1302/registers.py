"""The register table of the SX1302: 1044 fields, read from registers.csv.

Addresses have 15 bits and name bytes. A field never crosses a byte: a quantity of several bytes
is several fields. Signed fields are two's complement in their width.
Imports only the standard library: the emulator reads the same table.
"""

from collections.abc import Iterator, Mapping
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


class Table(Mapping[str, Register]):
    """registers.csv by field name. Of a thousand fields a driver uses a few, so a line is read when
    its field is asked for.
    """

    def __init__(self) -> None:
        self._text = Path(__file__).with_name("registers.csv").read_text(encoding="ascii")
        self._known: dict[str, Register] = {}

    def __getitem__(self, name: str) -> Register:
        if name not in self._known:
            begin = self._text.find(f"\n{name},") + 1
            if not begin:
                raise KeyError(name)
            self._known[name] = _register(self._text[begin : self._text.index("\n", begin)])
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return (line.partition(",")[0] for line in self._text.splitlines()[1:])

    def __len__(self) -> int:
        return self._text.count("\n") - 1


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


REGISTERS: Mapping[str, Register] = Table()
