"""The SPI bus to the chip and its radios, as the board's microcontroller drives it.

Source: docs/sx1302.md §1.4. One frame in, one frame of the same length out. What is read passes
here, so here the chip's faults are laid over what the chip really holds.
"""

from drivers.emulator.chip import FIFO_COUNT, REGISTERS_FROM, TX_STATUS, Chip
from drivers.emulator.chip_faults import mismatched, misread_cells, parity_errors, torn
from drivers.emulator.cores import PROGRAM_SIZE
from drivers.emulator.faults import Faults
from drivers.emulator.transmitter import FREE

MUX_CHIP, MUX_RADIOS = 0x00, (0x01, 0x02)
READ_HEADER, WRITE_HEADER = 4, 3
BASES = {"agc": 0, "arb": PROGRAM_SIZE}
MISMATCH_AT = 0x123  # any place in the program


class Spi:
    """The bus of one chip."""

    def __init__(self, chip: Chip, faults: Faults) -> None:
        self._chip = chip
        self._faults = faults

    def transfer(self, frame: bytes) -> bytes:
        """One frame."""
        if (wrong := self._faults.get("wrong_chip")) is not None:
            return bytes([wrong["value"]]) * len(frame)
        if frame[0] == MUX_CHIP:
            return self._access(frame)
        if frame[0] in MUX_RADIOS:
            return bytes(1) + self._radio(MUX_RADIOS.index(frame[0]), frame[1:])
        return bytes(len(frame))

    def modify(self, address: int, mask: int, value: int) -> tuple[int, int]:
        """Read, change, write one byte; the byte before and after."""
        if (wrong := self._faults.get("wrong_chip")) is not None:
            return wrong["value"], wrong["value"] & ~mask | value & mask
        before = self._read(address, 1)[0]
        after = before & ~mask | value & mask
        self._chip.write(address, bytes([after]))
        return before, after

    def _access(self, frame: bytes) -> bytes:
        if len(frame) < WRITE_HEADER:
            return bytes(len(frame))
        address = (frame[1] & 0x7F) << 8 | frame[2]
        if frame[1] & 0x80:
            self._chip.write(address, frame[WRITE_HEADER:])
            return bytes(len(frame))
        size = max(len(frame) - READ_HEADER, 0)
        return (bytes(READ_HEADER) + self._read(address, size))[: len(frame)]

    def _radio(self, number: int, command: bytes) -> bytes:
        wrong = self._faults.get("wrong_radio")
        if wrong is not None and wrong["radio"] == number:
            return bytes(len(command))
        return self._chip.radios[number].transfer(command)

    def _read(self, address: int, size: int) -> bytes:
        data = self._chip.read(address, size)
        if not self._faults:
            return data
        if address >= REGISTERS_FROM:
            return self._misread(address, data)
        if (wrong := self._faults.get("firmware_mismatch")) is not None:
            return mismatched(data, address, BASES[wrong["core"]] + MISMATCH_AT)
        return data

    def _misread(self, address: int, data: bytes) -> bytes:
        """Registers as the faults show them."""
        shown, end = bytearray(data), address + len(data)
        for cell, value in misread_cells(self._faults, self._chip.gain_control_runs).items():
            if address <= cell < end:
                shown[cell - address] = value
        for cell in parity_errors(self._faults):
            if address <= cell < end:
                shown[cell - address] |= 0x01
        if address <= FIFO_COUNT < end - 1:
            at = FIFO_COUNT - address
            count = int.from_bytes(shown[at : at + 2], "big")
            shown[at : at + 2] = torn(self._faults, count).to_bytes(2, "big")
        if self._faults.get("late_tx_status"):
            self._free_at_first(address, shown)
        return bytes(shown)

    def _free_at_first(self, address: int, shown: bytearray) -> None:
        for transmitter, cell in zip(self._chip.transmitters, TX_STATUS, strict=True):
            if transmitter.unseen and address <= cell < address + len(shown):
                transmitter.unseen = False
                shown[cell - address] = FREE
