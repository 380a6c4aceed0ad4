"""The register table, and how a field is packed into its byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sx1302.registers import REGISTERS, Register


def test_table_is_whole_and_no_field_crosses_its_byte() -> None:
    assert len(REGISTERS) == len(dict(REGISTERS)) == 1044
    for register in REGISTERS.values():
        assert register.offset + register.width <= 8, register
        assert 0 <= register.address < 0x8000, register


def test_field_is_found_by_its_whole_name_alone() -> None:
    assert all(register.name == name for name, register in REGISTERS.items())
    one = next(iter(REGISTERS))
    for name in ("", one[1:], one[:-1], "field_name"):
        with pytest.raises(KeyError):
            REGISTERS[name]


def test_fields_of_one_byte_do_not_overlap() -> None:
    taken: dict[int, int] = {}
    for register in REGISTERS.values():
        assert not taken.get(register.address, 0) & register.mask, register
        taken[register.address] = taken.get(register.address, 0) | register.mask


@given(st.sampled_from(sorted(REGISTERS)), st.integers(-300, 300))
def test_what_is_encoded_is_decoded(name: str, value: int) -> None:
    register = REGISTERS[name]
    try:
        byte = register.encode(value)
    except ValueError:
        return
    assert byte & ~register.mask == 0
    assert register.decode(byte | ~register.mask & 0xFF) == value


def test_values_that_do_not_fit_are_refused() -> None:
    plain = Register("X", 0, 3, 2, signed=False, read_only=False, default=0)
    signed = Register("Y", 0, 0, 4, signed=True, read_only=False, default=0)
    assert [plain.encode(0), plain.encode(3)] == [0, 0b11000]
    assert [signed.encode(-8), signed.encode(7), signed.encode(-1)] == [8, 7, 15]
    for register, value in ((plain, 4), (plain, -1), (signed, 8), (signed, -9)):
        with pytest.raises(ValueError, match="takes"):
            register.encode(value)
