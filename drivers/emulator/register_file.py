"""The chip's register cells: 15-bit addresses, 8-bit cells, defaults and read-only bits.

Source: docs/sx1302.md §2 and the register table.
Bits that the table does not name are plain memory,
0 after a reset. Two sides write: the host, whose writes leave read-only bits as they are, and the
chip itself (`put`), which may set any bit.
"""

from drivers.sx1302.registers import REGISTERS

SIZE = 0x8000


def _cells() -> tuple[bytes, bytes]:
    """The cells after a reset, and the mask of each cell's read-only bits."""
    defaults, read_only = bytearray(SIZE), bytearray(SIZE)
    for register in REGISTERS.values():
        defaults[register.address] |= register.encode(register.default)
        if register.read_only:
            read_only[register.address] |= register.mask
    return bytes(defaults), bytes(read_only)


DEFAULTS, READ_ONLY = _cells()


class RegisterFile:
    """The cells of one chip."""

    def __init__(self) -> None:
        self.cells = bytearray(DEFAULTS)

    def reset(self) -> None:
        """All cells back to their defaults."""
        self.cells[:] = DEFAULTS

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes; past the end of the address space there is nothing but 0."""
        return bytes(self.cells[address : address + size]).ljust(size, b"\x00")

    def write(self, address: int, value: int) -> tuple[int, int]:
        """A write by the host; returns the cell before and after it."""
        before = self.cells[address]
        kept = READ_ONLY[address]
        after = self.cells[address] = (before & kept) | (value & ~kept & 0xFF)
        return before, after

    def put(self, address: int, value: int) -> None:
        """A write by the chip itself."""
        self.cells[address] = value

    def field(self, name: str) -> int:
        """A field by its name in the register table, signed where the table says so."""
        register = REGISTERS[name]
        return register.decode(self.cells[register.address])

    def wide(self, *addresses: int) -> int:
        """Several cells as one number, the most significant first."""
        return int.from_bytes(bytes(self.cells[address] for address in addresses), "big")
