"""What a MAC command is, on the air and in memory (TS001-1.0.4 §5, LoRaWAN 1.1 §5).

Rules:

- On the air a command is its CID and a payload of fixed size. The payload is one little-endian
  number, in which each field has its bits: a command is declared by its fields, and read and
  written by them. RFU bits are written as 0 and not looked at.
- A field out of its range is a ValueError when a command is made: our fault. Bits that a device
  sends are always in range.
- The same CID is a request in one direction and its answer in the other: that is how the two are
  matched. The commands of each direction stand in `mac_uplink` and `mac_downlink`.
"""

from functools import cache
from typing import ClassVar, NamedTuple, Self, get_type_hints

import msgspec


class Bits(NamedTuple):
    """The place of a field: `width` bits from bit `shift`, in steps of `unit`, `low` … `high`."""

    shift: int
    width: int
    low: int
    high: int
    unit: int = 1
    is_flag: bool = False

    def read(self, word: int) -> int | bool:
        """The field's value in a payload."""
        raw = word >> self.shift & (1 << self.width) - 1
        if self.is_flag:
            return bool(raw)
        if self.low < 0 and raw >> self.width - 1:
            raw -= 1 << self.width
        return raw * self.unit

    def write(self, value: int) -> int:
        """The field's bits in their place."""
        return (value // self.unit & (1 << self.width) - 1) << self.shift

    def check(self, name: str, value: int) -> None:
        """ValueError for a value that the field does not have."""
        if not self.low <= value <= self.high or value % self.unit:
            steps = f" in steps of {self.unit}" if self.unit > 1 else ""
            raise ValueError(f"{name} is {value!r}; allowed: {self.low} to {self.high}{steps}")


Layout = tuple[tuple[str, Bits], ...]


def bits(shift: int, width: int, high: int | None = None) -> Bits:
    """An unsigned field; above `high` its values are RFU."""
    return Bits(shift, width, 0, (1 << width) - 1 if high is None else high)


def signed_bits(shift: int, width: int) -> Bits:
    """A field in two's complement."""
    return Bits(shift, width, -1 << width - 1, (1 << width - 1) - 1)


def flag(shift: int) -> Bits:
    """One bit as a bool."""
    return Bits(shift, 1, 0, 1, is_flag=True)


def frequency(shift: int) -> Bits:
    """Three bytes: a frequency in Hz, sent in 100 Hz; 0 is none."""
    return Bits(shift, 24, 0, 0xFFFFFF * 100, unit=100)


class MacCommand(msgspec.Struct, frozen=True):
    """A MAC command; every kind of it says its CID, and of its fields where their bits are."""

    CID: ClassVar[int]
    ANSWERS_DEVICE: ClassVar[bool] = False
    """Downlink: the device asked for it, in the uplink that it answers or in an earlier one."""

    def __post_init__(self) -> None:
        for name, place in layout(type(self)):
            place.check(name, getattr(self, name))

    @classmethod
    def payload_size(cls) -> int:
        """Bytes after the CID."""
        return max((place.shift + place.width + 7 for _, place in layout(cls)), default=0) // 8

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read CID and payload, exactly; ValueError for any other length or CID."""
        if len(data) != 1 + cls.payload_size() or data[0] != cls.CID:
            raise ValueError(f"{data.hex()} is no {cls.__name__}")
        word = int.from_bytes(data[1:], "little")
        return cls(**{name: place.read(word) for name, place in layout(cls)})

    def to_bytes(self) -> bytes:
        """CID and payload."""
        word = sum(place.write(getattr(self, name)) for name, place in layout(type(self)))
        return bytes((self.CID,)) + word.to_bytes(self.payload_size(), "little")


@cache
def layout(command: type[MacCommand]) -> Layout:
    """The fields of a kind of command: names and places."""
    hints = get_type_hints(command, include_extras=True)
    return tuple((name, hints[name].__metadata__[0]) for name in command.__struct_fields__)
