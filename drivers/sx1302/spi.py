"""MULTIPLE_SPI: what is sent to the chip, its radios and its registers, inside one MCU request.

Sub-requests are numbered 0, 1, 2… and answered in order. A batch takes at most 4096 bytes and
255 sub-requests. Only writes are batched; a read goes alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from drivers.concentrator import McuError
from drivers.sx1302.registers import REGISTERS

MAX_BATCH_BYTES = 4096
MAX_BATCH_REQUESTS = 255
MAX_DATA = 4096  # data bytes of one frame; longer transfers go in pieces

_TRANSFER, _MODIFY = 0x01, 0x02
_TARGET_SX1302 = 0
_MUX_SX1302, _MUX_RADIO = 0x00, 0x01  # radio B is the mux value after radio A
_WRITE = 0x80
_STATUS = {1: "failed", 2: "wrong parameter", 3: "timed out"}


@dataclass(frozen=True, slots=True)
class Transfer:
    """Bytes clocked out to the chip or a radio while as many are clocked in."""

    frame: bytes

    def to_bytes(self, identity: int) -> bytes:
        head = bytes((identity, _TRANSFER, _TARGET_SX1302))
        return head + len(self.frame).to_bytes(2, "big") + self.frame

    @property
    def answer_size(self) -> int:
        return 5 + len(self.frame)


@dataclass(frozen=True, slots=True)
class Modify:
    """Read-modify-write of one byte, done by the MCU: the bits of `mask` become `value`'s."""

    address: int
    mask: int
    value: int

    def to_bytes(self, identity: int) -> bytes:
        return bytes(
            (identity, _MODIFY, self.address >> 8, self.address & 0xFF, self.mask, self.value)
        )

    @property
    def answer_size(self) -> int:
        return 5


SubRequest: TypeAlias = Transfer | Modify


def burst(address: int, data: bytes) -> Transfer:
    """Write bytes from `address` on."""
    return Transfer(bytes((_MUX_SX1302, _WRITE | address >> 8, address & 0xFF)) + data)


@lru_cache(maxsize=64)  # the same few addresses are polled again and again
def reading(address: int, size: int) -> Transfer:
    """Read `size` bytes from `address` on; they are clocked in from frame offset 4."""
    return Transfer(bytes((_MUX_SX1302, address >> 8, address & 0xFF, 0)) + bytes(size))


def radio_command(chain: int, opcode: int, parameters: bytes) -> Transfer:
    """A command to an SX1250; what it answers is clocked in from frame offset 2."""
    return Transfer(bytes((_MUX_RADIO + chain, opcode)) + parameters)


def field(name: str, value: int) -> SubRequest:
    """Set one register field: a plain write if it is the whole byte, else read-modify-write."""
    register = REGISTERS[name]
    if register.read_only:
        raise ValueError(f"{name} is read-only")
    if register.whole:
        return burst(register.address, bytes((register.encode(value),)))
    return Modify(register.address, register.mask, register.encode(value))


def fields(prefix: str, values: Mapping[str, int]) -> list[SubRequest]:
    """Set several fields whose names begin alike, in order."""
    return [field(prefix + name, value) for name, value in values.items()]


def batches(requests: Iterable[SubRequest]) -> Iterator[list[SubRequest]]:
    """Cut a sequence of sub-requests into as few requests as the limits allow."""
    batch: list[SubRequest] = []
    size = 0
    for request in requests:
        needed = len(request.to_bytes(0))
        if batch and (size + needed > MAX_BATCH_BYTES or len(batch) == MAX_BATCH_REQUESTS):
            yield batch
            batch, size = [], 0
        batch.append(request)
        size += needed
    if batch:
        yield batch


def encode(requests: Sequence[SubRequest]) -> bytes:
    """The payload of one MULTIPLE_SPI request."""
    return b"".join(request.to_bytes(i) for i, request in enumerate(requests))


def decode(requests: Sequence[SubRequest], payload: bytes) -> list[bytes]:
    """What each sub-request clocked in (for Modify: byte read, byte written).

    McuError when the answer does not fit the request or a sub-request failed.
    """
    if len(payload) != sum(request.answer_size for request in requests):
        raise McuError(f"SPI answer of {len(payload)} bytes does not fit its request")
    answers = []
    start = 0
    for request in requests:
        answer = payload[start : start + request.answer_size]
        answers.append(_clocked_in(request, answer))
        start += request.answer_size
    return answers


def _clocked_in(request: SubRequest, answer: bytes) -> bytes:
    kind, status = answer[1], answer[2]
    if kind != (_TRANSFER if isinstance(request, Transfer) else _MODIFY):
        raise McuError(f"SPI answer of unknown kind {kind}")
    if status:
        raise McuError(f"SPI access {_STATUS.get(status, f'status {status}')}")
    if isinstance(request, Modify):
        return answer[3:]
    if int.from_bytes(answer[3:5], "big") != len(request.frame):
        raise McuError("SPI answer of another length than its request")
    return answer[5:]
