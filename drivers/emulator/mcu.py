"""The board's USB microcontroller: frames of requests in, frames of answers out.

Source: docs/sx1302.md §1.2–1.6.
Bytes may come split anywhere. There is no start mark: a header with an
impossible size is answered with CMD_ERROR and everything that came with it is thrown away; the
beginning of a frame whose rest does not follow within `STALE_NS` was left by a program that died
and is thrown away when the next bytes come. There is no SX1261: its target answers zeros.
"""

import struct
from collections.abc import Callable
from enum import IntEnum

from drivers.emulator.chip import Chip
from drivers.emulator.faults import Faults
from drivers.emulator.fifo import TEMPERATURE
from drivers.emulator.spi import Spi

HEADER = 4
MAX_PAYLOAD = 4200
MAX_FRAME = 4100
STALE_NS = 500_000_000
VERSION = b"V01.00.00"

ACKNOWLEDGE, CMD_ERROR = 0x40, 0xFF
READ_WRITE, READ_MODIFY_WRITE = 0x01, 0x02
TARGET_CHIP, TARGET_SX1261 = 0, 1
OK, WRONG_PARAM = 0, 2
DONE, REFUSED = b"\x00", b"\x01"

# pins of port 0 (GPIOA)
POWER_EN, SX1302_RESET, SX1261_NRESET = 1, 2, 8
PINS = range(16)


class Command(IntEnum):
    """Request codes (§1.3)."""

    PING = 0x00
    GET_STATUS = 0x01
    BOOTLOADER_MODE = 0x02
    RESET = 0x03
    WRITE_GPIO = 0x04
    MULTIPLE_SPI = 0x05


class BadRequestError(Exception):
    """A request that the microcontroller answers with CMD_ERROR."""


class Mcu:
    """Sans-IO: `feed` takes what came over USB and returns what goes back.

    `on_reset` is called when the host resets the chip.
    """

    def __init__(
        self,
        chip: Chip,
        unique_id: bytes,
        now_ns: Callable[[], int],
        on_reset: Callable[[], None],
        faults: Faults,
    ) -> None:
        self._chip = chip
        self._faults = faults
        self._spi = Spi(chip, faults)
        self._unique_id = unique_id
        self._now_ns = now_ns
        self._on_reset = on_reset
        self.power_on()

    def power_on(self) -> None:
        """Everything from anew."""
        self._started_ns = self._fed_ns = self._now_ns()
        self._pins = {**dict.fromkeys(PINS, 0), POWER_EN: 1, SX1261_NRESET: 1}
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Answers to all requests that are complete now."""
        now_ns = self._now_ns()
        if now_ns - self._fed_ns > STALE_NS:
            self._buffer.clear()
        self._fed_ns = now_ns
        self._buffer += data
        answers = bytearray()
        while len(self._buffer) >= HEADER:
            request_id, size, code = struct.unpack_from(">BHB", self._buffer)
            if size > MAX_PAYLOAD:
                self._buffer.clear()
                answers += _frame(request_id, CMD_ERROR, b"")
            elif len(self._buffer) < HEADER + size:
                break
            else:
                payload = bytes(self._buffer[HEADER : HEADER + size])
                del self._buffer[: HEADER + size]
                answers += self._answer(request_id, code, payload)
        return bytes(answers)

    def _answer(self, request_id: int, code: int, payload: bytes) -> bytes:
        if self._faults.get("constant_id"):
            request_id = 0
        try:
            return _frame(request_id, ACKNOWLEDGE + code, self._execute(code, payload))
        except BadRequestError:
            return _frame(request_id, CMD_ERROR, b"")

    def _execute(self, code: int, payload: bytes) -> bytes:
        match code:
            case Command.PING:
                return self._unique_id + VERSION
            case Command.GET_STATUS:
                uptime_ms = (self._now_ns() - self._started_ns) // 1_000_000
                return struct.pack(">Ih", uptime_ms % 2**32, round(TEMPERATURE * 100))
            case Command.BOOTLOADER_MODE:
                return b""
            case Command.RESET:
                self._reset_chip()
                return DONE
            case Command.WRITE_GPIO if len(payload) == 3:
                return self._write_gpio(*payload)
            case Command.MULTIPLE_SPI:
                return self._multiple_spi(payload)
            case _:
                raise BadRequestError

    def _write_gpio(self, port: int, pin: int, state: int) -> bytes:
        if port != 0 or pin not in PINS or state > 1:
            return REFUSED
        falls = self._pins[pin] and not state
        self._pins[pin] = state
        if falls and pin in (POWER_EN, SX1302_RESET):
            self._reset_chip()
        return DONE

    def _reset_chip(self) -> None:
        self._chip.reset()
        self._on_reset()

    @property
    def _chip_is_up(self) -> bool:
        return bool(self._pins[POWER_EN]) and not self._pins[SX1302_RESET]

    def _multiple_spi(self, payload: bytes) -> bytes:
        """Sub-requests one after the other; a truncated one spoils the whole request."""
        answers = bytearray()
        while payload:
            if len(payload) < 2 or payload[1] not in (READ_WRITE, READ_MODIFY_WRITE):
                raise BadRequestError
            execute = self._read_write if payload[1] == READ_WRITE else self._read_modify_write
            answer, payload = execute(payload)
            answers += answer
        return bytes(answers)

    def _read_write(self, payload: bytes) -> tuple[bytes, bytes]:
        """`id 01 target size2 frame`; returns the sub-answer and the rest of the payload."""
        if len(payload) < 5:
            raise BadRequestError
        sub_id, _, target, size = struct.unpack_from(">BBBH", payload)
        frame, rest = payload[5 : 5 + size], payload[5 + size :]
        if len(frame) < size:
            raise BadRequestError
        status, data = WRONG_PARAM, bytes(size)
        if 0 < size <= MAX_FRAME and target in (TARGET_CHIP, TARGET_SX1261):
            status = OK
            if target == TARGET_CHIP and self._chip_is_up:
                data = self._spi.transfer(frame)
        return struct.pack(">BBBH", sub_id, READ_WRITE, status, size) + data, rest

    def _read_modify_write(self, payload: bytes) -> tuple[bytes, bytes]:
        """`id 02 address2 mask value`; returns the sub-answer and the rest of the payload."""
        if len(payload) < 6:
            raise BadRequestError
        sub_id, _, address, mask, value = struct.unpack_from(">BBHBB", payload)
        status, before, after = WRONG_PARAM, 0, 0
        if address < 0x8000:
            status = OK
            if self._chip_is_up:
                before, after = self._spi.modify(address, mask, value)
        return bytes([sub_id, READ_MODIFY_WRITE, status, before, after]), payload[6:]


def _frame(request_id: int, code: int, payload: bytes) -> bytes:
    return struct.pack(">BHB", request_id, len(payload), code) + payload
