"""Frames of the board's microcontroller, and its commands.

A frame is id, size (two bytes, MSB first), code, payload; the same in both directions. There is
no checksum and no start mark: after any mismatch only a new connection helps. One request is
answered by one answer; the answer's code belongs to the request's. The id is not compared: real
MCUs may echo it or send a constant.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from drivers.concentrator import McuError

HEADER = struct.Struct(">BHB")
MAX_PAYLOAD = 4200


class Command(IntEnum):
    """What the MCU can be asked."""

    PING = 0x00
    GET_STATUS = 0x01
    WRITE_GPIO = 0x04
    MULTIPLE_SPI = 0x05


ACKNOWLEDGE = 0x40  # an answer's code is the request's code plus this
COMMAND_ERROR = 0xFF  # the MCU's answer to a request it does not understand
ANSWER_SIZE = {Command.PING: 21, Command.GET_STATUS: 6, Command.WRITE_GPIO: 1}


@dataclass(frozen=True, slots=True)
class Frame:
    """One request or answer."""

    id: int
    code: int
    payload: bytes = b""

    def to_bytes(self) -> bytes:
        return HEADER.pack(self.id, len(self.payload), self.code) + self.payload

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read exactly one frame; McuError when the size does not fit."""
        identity, size, code = HEADER.unpack_from(data)
        if len(data) != HEADER.size + size:
            raise McuError(f"frame of {len(data)} bytes announces a payload of {size}")
        return cls(identity, code, data[HEADER.size :])


class FrameReader:
    """Bytes in, as they come; whole frames out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Frame | None:
        """Add bytes; the frame once it is complete. McuError when it cannot become one.

        The MCU never speaks unasked, so bytes beyond the one answer are a mismatch too.
        """
        self._buffer += data
        if len(self._buffer) < HEADER.size:
            return None
        _, size, code = HEADER.unpack_from(self._buffer)
        if size > MAX_PAYLOAD or not (0x40 <= code <= 0x46 or code == COMMAND_ERROR):
            raise McuError(
                f"no answer of a concentrator's MCU: {bytes(self._buffer[:16]).hex(' ')}"
            )
        if len(self._buffer) < HEADER.size + size:
            return None
        frame = Frame.from_bytes(bytes(self._buffer))
        self._buffer.clear()
        return frame


def check_answer(command: int, request: bytes, answer: Frame) -> bytes:
    """The answer's payload, if it is the answer to this request; McuError if not."""
    if answer.code == COMMAND_ERROR:
        raise McuError(f"the MCU refused command 0x{command:02X}: {answer.payload[:16].hex(' ')}")
    if answer.code != command + ACKNOWLEDGE:
        raise McuError(f"answer 0x{answer.code:02X} to command 0x{command:02X}")
    fixed = ANSWER_SIZE.get(Command(command))
    too_long = fixed is None and len(answer.payload) > len(request)
    if too_long or (fixed is not None and len(answer.payload) != fixed):
        raise McuError(f"{len(answer.payload)} bytes in answer to command 0x{command:02X}")
    return answer.payload


@dataclass(frozen=True, slots=True)
class Identity:
    """The answer to PING: the MCU's unique id and the version of its program."""

    unique_id: bytes
    version: str

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        return cls(payload[:12], payload[12:].decode("ascii", "replace"))


@dataclass(frozen=True, slots=True)
class Health:
    """The answer to GET_STATUS: time since power-up in ms, and °C."""

    uptime_ms: int
    temperature: float

    @classmethod
    def from_bytes(cls, payload: bytes) -> Self:
        uptime, centidegrees = struct.unpack(">Ih", payload)
        return cls(uptime, centidegrees / 100)
